"""What a role needs to work with the ledger: asked for when it is opened, and named with the GRANTs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.missing_rights import MissingRight, refuse_lacking, session_role
from migration.target.own_schemas import LEDGER_SCHEMA
from migration.target.sql_statements import quoted

if TYPE_CHECKING:
    from sqlalchemy import Connection

_SCHEMA: Final = """
SELECT n.oid IS NOT NULL AS stands, coalesce(pg_catalog.has_schema_privilege(n.oid, 'USAGE'), false) AS may_use,
       pg_catalog.has_database_privilege(current_database(), 'CREATE') AS may_create, current_database() AS database
FROM (SELECT) one LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = :schema
"""
_INSIDE: Final = """
SELECT coalesce(bool_and(c.relkind = 'S' OR pg_catalog.has_table_privilege(c.oid, 'SELECT')
           AND pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'UPDATE')
           AND pg_catalog.has_table_privilege(c.oid, 'DELETE')), true) AS tables,
       coalesce(bool_and(c.relkind <> 'S' OR pg_catalog.has_sequence_privilege(c.oid, 'USAGE')), true) AS sequences
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind IN ('r', 'S')
"""


def check_ledger_rights(connection: Connection) -> None:
    """Make sure that the role may create the ledger, or read and write the one that stands.

    Raises:
        TargetPermissionError: it lacks rights; names them all.
    """
    schema = {"schema": LEDGER_SCHEMA}
    found = connection.execute(text(_SCHEMA), schema).one()
    role = quoted(session_role(connection))
    lacking: list[MissingRight] = []
    if not found.may_create:
        grant = f"GRANT CREATE ON DATABASE {quoted(found.database)} TO {role}"
        lacking.append(MissingRight(f"create schemas in database {found.database}", grant))
    if found.stands:
        inside = connection.execute(text(_INSIDE), schema).one()
        if not found.may_use:
            lacking.append(MissingRight("use the ledger", f"GRANT USAGE ON SCHEMA {LEDGER_SCHEMA} TO {role}"))
        if not inside.tables:
            rights = "SELECT, INSERT, UPDATE, DELETE"
            grant = f"GRANT {rights} ON ALL TABLES IN SCHEMA {LEDGER_SCHEMA} TO {role}"
            lacking.append(MissingRight("read and write the ledger's tables", grant))
        if not inside.sequences:
            grant = f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {LEDGER_SCHEMA} TO {role}"
            lacking.append(MissingRight("use the ledger's sequences", grant))
    refuse_lacking(connection, lacking, schema=LEDGER_SCHEMA)
