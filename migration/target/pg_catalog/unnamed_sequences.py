"""Sequences that no column names: an application asks them for numbers in its code, so nobody else knows which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.model import Finding, FindingKind
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sqlalchemy import Connection

# No column owns them, no default calls them, and no extension has brought them along.
_UNNAMED: Final = text("""
SELECT c.relname AS name, n.nspname AS schema, pg_catalog.has_sequence_privilege(c.oid, 'SELECT') AS may_read
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND n.nspname = ANY(:schemas) AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d
    WHERE (d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
       OR (d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
           AND d.classid = 'pg_catalog.pg_attrdef'::regclass))
ORDER BY n.nspname, c.relname
""")


def unnamed_sequences(connection: Connection, schemas: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each such sequence of these schemas; its key is the sequence's name as SQL."""
    for row in connection.execute(_UNNAMED, {"schemas": sorted(schemas)}).all():
        name = quoted(row.schema, row.name)
        yield Finding(
            FindingKind.SEQUENCE_UNNAMED,
            "",
            f"no column takes its numbers from it, so it stays where it is{_where(connection, name, row.may_read)}:"
            " which numbers of the source it has to go on after, the application alone knows",
            key=name,
            is_error=False,
        )


def _where(connection: Connection, sequence: str, may_read: bool) -> str:
    if not may_read:
        return ""
    state = run_sql(connection, f"SELECT last_value, is_called FROM {sequence}").one()
    return f" (it {'has given out' if state.is_called else 'begins with'} {state.last_value})"
