"""Rows that readers of a table see although they stand in a child of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.model import Finding, FindingKind
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

_CHILDREN: Final = """
SELECT n.nspname AS schema, c.relname AS name,
       ARRAY(SELECT i.inhrelid::regclass::text FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid ORDER BY 1)
           AS children
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = CAST(:oid AS oid) AND c.relkind = 'r' AND NOT pg_catalog.row_security_active(c.oid)
"""


def inherited_rows(connection: Connection, table: str, oid: int) -> list[Finding]:
    """Return the finding that rows stand in inheritance children of a table; nothing where there are none.

    Partitions are a table's own. Who may read a table may read what its children hold through it.

    Args:
        connection: to the target.
        table: how the source calls the table.
        oid: of the table in the target.
    """
    found = connection.execute(text(_CHILDREN), {"oid": oid}).one_or_none()
    if found is None or not found.children:
        return []
    name = quoted(found.schema, found.name)
    rows = run_sql(
        connection, f"SELECT (SELECT count(*) FROM {name}) - (SELECT count(*) FROM ONLY {name})"
    ).scalar_one()
    if not rows:
        return []
    message = f"{rows:,} rows stand in a child of the table, not in itself: {', '.join(found.children)}"
    return [Finding(FindingKind.CHILD_ROWS, table, message)]
