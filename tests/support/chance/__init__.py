"""Random SQLite databases for Hypothesis: schemas and rows as odd as SQLite allows."""

from tests.support.chance.database import RandomDatabase, databases

__all__ = ["RandomDatabase", "databases"]
