"""The rights that a load of rows needs on tables of an application: its own, and those of its rollback.

The server is asked (`has_table_privilege` and its kin); nothing is tried that would take locks or move a sequence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.missing_rights import MissingRight, schema_rights, session_role
from migration.target.sql_statements import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.target.pg_catalog.application_table_facts import ApplicationTable

NEEDED: Final = ("SELECT", "INSERT", "TRUNCATE")
"""SELECT counts and proves, TRUNCATE empties (a rollback does, too) and allows the lock against writers."""

_TABLES: Final = """
SELECT c.oid::regclass::text AS name, n.nspname AS schema, c.relname AS table, p AS privilege
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN unnest(CAST(:needed AS text[])) p
WHERE c.oid = ANY(CAST(:oids AS oid[])) AND NOT pg_catalog.has_table_privilege(c.oid, p) ORDER BY 1, 4
"""
# Rows are compared with the parents of their foreign keys, once the server has refused one.
_PARENTS: Final = """
SELECT DISTINCT n.nspname AS schema, c.relname AS table, c.oid::bigint AS oid
FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.confrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY(CAST(:oids AS oid[])) AND NOT k.confrelid = ANY(CAST(:oids AS oid[]))
"""
# Those of serial and identity columns, and those that a default names. UPDATE is for setval, and for nextval, too.
_SEQUENCES: Final = """
SELECT DISTINCT n.nspname AS schema, s.relname AS sequence, p AS privilege
FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class s ON s.relkind = 'S' AND s.oid = CASE
    WHEN d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
        AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = ANY(CAST(:oids AS oid[])) THEN d.objid
    WHEN d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
        AND EXISTS (SELECT FROM pg_catalog.pg_attrdef f WHERE f.oid = d.objid AND f.adrelid = ANY(CAST(:oids AS oid[])))
        THEN d.refobjid END
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
CROSS JOIN unnest(ARRAY['SELECT', 'UPDATE']) p
WHERE CASE WHEN s.relkind = 'S' THEN NOT pg_catalog.has_sequence_privilege(s.oid, p) ELSE false END ORDER BY 1, 2, 3
"""
_SEQUENCE_SCHEMAS: Final = """
SELECT DISTINCT n.nspname
FROM pg_catalog.pg_attrdef f
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
    AND d.refclassid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
JOIN pg_catalog.pg_namespace n ON n.oid = s.relnamespace
WHERE f.adrelid = ANY(CAST(:oids AS oid[]))
"""
# Defaults, generated columns and checks run with the rights of who inserts.
_FUNCTIONS: Final = """
SELECT DISTINCT d.refobjid::regprocedure::text AS function
FROM pg_catalog.pg_depend d
WHERE d.refclassid = 'pg_catalog.pg_proc'::regclass
  AND (d.classid = 'pg_catalog.pg_attrdef'::regclass
       AND EXISTS (SELECT FROM pg_catalog.pg_attrdef f WHERE f.oid = d.objid AND f.adrelid = ANY(CAST(:oids AS oid[])))
    OR d.classid = 'pg_catalog.pg_constraint'::regclass
       AND EXISTS (SELECT FROM pg_catalog.pg_constraint k
                   WHERE k.oid = d.objid AND k.conrelid = ANY(CAST(:oids AS oid[]))))
  AND NOT pg_catalog.has_function_privilege(d.refobjid, 'EXECUTE') ORDER BY 1
"""
_POLICIES: Final = """
SELECT c.oid::regclass::text AS name, pg_catalog.pg_get_userbyid(c.relowner) AS owner, c.relforcerowsecurity AS forced
FROM pg_catalog.pg_class c
WHERE c.oid = ANY(CAST(:oids AS oid[])) AND pg_catalog.row_security_active(c.oid) ORDER BY 1
"""


def load_rights(
    connection: Connection, tables: Sequence[ApplicationTable], *, updates: bool = False
) -> list[MissingRight]:
    """Return what the session's role lacks to load rows into these tables (`updates`: change some), and to undo that.

    Whether it may put triggers to rest is a question of its own (`triggers_at_rest`).
    """
    if not tables:
        return []
    role = quoted(session_role(connection))
    oids = {"oids": [table.oid for table in tables]}
    parents = connection.execute(text(_PARENTS), oids).all()
    schemas = {table.schema for table in tables} | {row.schema for row in parents}
    schemas |= set(connection.execute(text(_SEQUENCE_SCHEMAS), oids).scalars())
    lacking = [right for schema in sorted(schemas) for right in schema_rights(connection, schema, ["USAGE"])]
    asked = [
        *connection.execute(
            text(_TABLES), {**oids, "needed": [*NEEDED, "UPDATE"] if updates else list(NEEDED)}
        ),
        *connection.execute(text(_TABLES), {"oids": [row.oid for row in parents], "needed": ["SELECT"]}),
    ]
    grants: dict[tuple[str, str], list[str]] = {}
    for row in asked:
        grants.setdefault((row.schema, row.table), []).append(row.privilege)
    for (schema, table), privileges in grants.items():
        wanted = ", ".join(privileges)
        lacking.append(
            MissingRight(
                f"{wanted} on",
                f"GRANT {wanted} ON {quoted(schema, table)} TO {role}",
                table,
                f"GRANT {wanted} ON ALL TABLES IN SCHEMA {quoted(schema)} TO {role}",
            )
        )
    for row in connection.execute(text(_SEQUENCES), oids):
        grant = f"GRANT {row.privilege} ON SEQUENCE {quoted(row.schema, row.sequence)} TO {role}"
        of_all = f"GRANT {row.privilege} ON ALL SEQUENCES IN SCHEMA {quoted(row.schema)} TO {role}"
        lacking.append(MissingRight(f"{row.privilege} on the sequence", grant, row.sequence, of_all))
    functions = connection.execute(text(_FUNCTIONS), oids).scalars()
    lacking += [
        MissingRight(f"call {name}", f"GRANT EXECUTE ON FUNCTION {name} TO {role}") for name in functions
    ]
    for row in connection.execute(text(_POLICIES), oids):
        grant = f"ALTER ROLE {role} BYPASSRLS" if row.forced else f"GRANT {quoted(row.owner)} TO {role}"
        lacking.append(MissingRight(f"see every row of {row.name}, which has row level security", grant))
    return lacking
