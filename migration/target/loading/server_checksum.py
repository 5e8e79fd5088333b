"""Rows of a table counted and summed by the server itself: two of its tables can be compared without reading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.target.sql_statements import run_sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

WHOLE_ROW: Final = "t::text"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Rows and the sum of their hashes, which does not depend on order; those of two sets of rows add up."""

    rows: int
    checksum: int


def fingerprint(connection: Connection, table: str, row: str = WHOLE_ROW) -> Fingerprint:
    """Return the checksum of a table, quoted; `row` is the SQL of a row `t` as text."""
    statement = (
        f"SELECT count(*) AS rows, coalesce(sum(hashtextextended({row}, 0)::numeric), 0) AS checksum"
        f" FROM {table} t"
    )
    found = run_sql(connection, statement).one()
    return Fingerprint(int(found.rows), int(found.checksum))
