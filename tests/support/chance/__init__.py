"""Random SQLite databases for Hypothesis: schemas and rows as odd as SQLite allows."""

from tests.support.chance.database import RandomDatabase, databases
from tests.support.chance.options import options_for

__all__ = ["RandomDatabase", "databases", "options_for"]
