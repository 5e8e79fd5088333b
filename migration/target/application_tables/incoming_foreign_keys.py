"""Foreign keys of other tables that refer to those of a load: rows decide, not keys.

PostgreSQL empties no table that another one may refer to, whatever that one holds. Where no row refers, the key is
taken off for the moment in which the table is emptied, in the caller's transaction, and made again as it was.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.model import ObjectResult, ObjectState
from migration.target.missing_rights import MissingRight, owner_rights, session_role
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from migration.target.pg_catalog.application_table_facts import ApplicationTable

_KEYS: Final = """
SELECT k.conname AS name, k.conrelid::bigint AS child, n.nspname AS schema, c.relname AS child_name,
       c.relkind = 'p' AS is_partitioned, p.relname AS parent_name, k.confrelid::bigint AS parent,
       k.confrelid::regclass::text AS parent_sql,
       pg_catalog.pg_get_constraintdef(k.oid, true) AS definition, d.description AS comment,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY c(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.n ORDER BY c.p) AS columns
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_constraint'::regclass AND d.objoid = k.oid
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = ANY(CAST(:oids AS oid[]))
  AND NOT k.conrelid = ANY(CAST(:oids AS oid[]))
ORDER BY n.nspname, c.relname, k.conname
"""
_NO_REFERENCES: Final = text(
    "SELECT c.oid::regclass::text FROM pg_catalog.pg_class c WHERE c.oid = ANY(CAST(:oids AS oid[]))"
    " AND NOT pg_catalog.has_table_privilege(c.oid, 'REFERENCES') ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class IncomingKey:
    """A foreign key of a table outside, whose parent is one of those that are loaded."""

    name: str
    child: int
    schema: str
    child_name: str
    is_partitioned: bool
    parent_name: str
    parent: int
    parent_sql: str
    definition: str
    comment: str | None
    columns: tuple[str, ...]

    @property
    def child_sql(self) -> str:
        """The child's name, quoted."""
        return quoted(self.schema, self.child_name)

    def refers(self, connection: Connection) -> bool:
        """Tell whether any row of the child refers to a parent; one with a NULL in the key does not."""
        rows = self.child_sql if self.is_partitioned else f"ONLY {self.child_sql}"
        present = " AND ".join(f"{quoted(column)} IS NOT NULL" for column in self.columns)
        return bool(run_sql(connection, f"SELECT EXISTS (SELECT FROM {rows} WHERE {present})").scalar_one())


def incoming_keys(connection: Connection, tables: Sequence[ApplicationTable]) -> list[IncomingKey]:
    """Return the foreign keys of other tables that refer to these."""
    found = connection.execute(text(_KEYS), {"oids": [table.oid for table in tables]}).all()
    return [
        IncomingKey(
            row.name,
            row.child,
            row.schema,
            row.child_name,
            row.is_partitioned,
            row.parent_name,
            row.parent,
            row.parent_sql,
            row.definition,
            row.comment,
            tuple(row.columns),
        )
        for row in found
    ]


def key_rights(connection: Connection, keys: Sequence[IncomingKey]) -> list[MissingRight]:
    """Return what the session's role lacks to take these keys off and to make them again."""
    if not keys:
        return []
    lacking = owner_rights(
        connection,
        sorted({key.child for key in keys}),
        "take off, for the moment in which its parent is emptied, a foreign key of",
    )
    role = quoted(session_role(connection))
    parents = connection.execute(_NO_REFERENCES, {"oids": sorted({key.parent for key in keys})}).scalars()
    return lacking + [
        MissingRight(f"REFERENCES on {name}", f"GRANT REFERENCES ON {name} TO {role}") for name in parents
    ]


@contextmanager
def keys_taken_off(connection: Connection, keys: Sequence[IncomingKey]) -> Iterator[list[ObjectResult]]:
    """Take keys off while a block empties their parents; they are made again as they were. Yields lines of the report.

    Raises:
        DBAPIError: the server does not make one again: a row refers to a parent by now.
    """
    for key in keys:
        run_sql(connection, f"ALTER TABLE {key.child_sql} DROP CONSTRAINT {quoted(key.name)}")
    yield [
        ObjectResult(
            "foreign key",
            f"{key.name} of table {key.child_name}",
            ObjectState.CHANGED,
            f"made again after {key.parent_name} was emptied: no row refers by it",
            key.child_name,
        )
        for key in keys
    ]
    for key in keys:
        name = quoted(key.name)
        run_sql(connection, f"ALTER TABLE {key.child_sql} ADD CONSTRAINT {name} {key.definition}")
        if key.comment is not None:
            comment = "'" + key.comment.replace("'", "''") + "'"
            run_sql(connection, f"COMMENT ON CONSTRAINT {name} ON {key.child_sql} IS {comment}")
