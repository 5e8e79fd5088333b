"""Who may use the tables: those that replace others take over their owner and grants.

Tables are created in the staging schema, so the default privileges of the target schema have not been applied
either; they are granted here. https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.target.pg_catalog.schema_relations import Relation

_RELATION_GRANTS: Final = (
    "SELECT a.grantee::bigint AS grantee, r.rolname AS role, a.privilege_type AS privilege, a.is_grantable"
    " FROM pg_catalog.pg_class c CROSS JOIN LATERAL pg_catalog.aclexplode(c.relacl) a"
    " LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee"
    " WHERE c.oid::bigint = :oid AND a.grantee <> c.relowner"
)
_DEFAULT_GRANTS: Final = (
    "SELECT a.grantee::bigint AS grantee, r.rolname AS role, a.privilege_type AS privilege, a.is_grantable"
    " FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace"
    " CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a"
    " LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee"
    " WHERE n.nspname = :schema AND d.defaclobjtype = 'r' AND d.defaclrole = current_user::regrole"
)


def hand_over_rights(
    connection: Connection, schema: str, tables: Sequence[Relation], replaced: Sequence[Relation]
) -> list[str]:
    """Give the tables and views of a cutover the rights that their users expect.

    Args:
        connection: in the cutover's transaction, after the tables have come to `schema`.
        schema: the target schema.
        tables: what the run has put there.
        replaced: what stood there before, wherever it is now.

    Returns:
        What the role may not hand over, as sentences; empty where all is as it was.
    """
    before = {relation.name: relation for relation in replaced}
    failed: list[str] = []
    for table in tables:
        name = quoted(schema, table.name)
        earlier = before.get(table.name)
        statements = (
            _grants(connection, name, _DEFAULT_GRANTS, schema=schema)
            if earlier is None
            else [
                *_grants(connection, name, _RELATION_GRANTS, oid=earlier.oid),
                *_owner(connection, name, table, earlier),
            ]
        )
        failed += [refused for statement in statements if (refused := _try(connection, statement))]
    return failed


def _grants(connection: Connection, name: str, query: str, **values: object) -> list[str]:
    return [
        f"GRANT {row.privilege} ON TABLE {name} TO {'PUBLIC' if not row.grantee else quoted(row.role)}"
        + (" WITH GRANT OPTION" if row.is_grantable else "")
        for row in connection.execute(text(query), values)
    ]


def _owner(connection: Connection, name: str, table: Relation, earlier: Relation) -> list[str]:
    """Change the owner last: afterwards the session's role may have no right to grant any more."""
    statement = text(
        "SELECT r.rolname FROM pg_catalog.pg_class old"
        " JOIN pg_catalog.pg_roles r ON r.oid = old.relowner"
        " JOIN pg_catalog.pg_class new ON new.oid::bigint = :new AND new.relowner <> old.relowner"
        " WHERE old.oid::bigint = :old"
    )
    owner = connection.execute(statement, {"old": earlier.oid, "new": table.oid}).scalar_one_or_none()
    return [] if owner is None else [f"ALTER TABLE {name} OWNER TO {quoted(owner)}"]


def _try(connection: Connection, statement: str) -> str | None:
    """Run a statement in a savepoint; return it with the reason where the server refuses it."""
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, statement)
    except DBAPIError as error:
        if connection.invalidated or not (getattr(error.orig, "sqlstate", None) or "").startswith(
            ("42", "0L", "2B")
        ):
            raise
        savepoint.rollback()
        return f"{statement}: {error.orig}"
    savepoint.commit()
    return None
