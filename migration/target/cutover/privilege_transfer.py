"""Who may use tables that are new in their schema.

Tables are created in the staging schema, so the default privileges of the target schema have not been applied;
they are granted here. https://www.postgresql.org/docs/current/sql-alterdefaultprivileges.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from migration.target.pg_catalog.schema_relations import Relation

_DEFAULT_GRANTS: Final = (
    "SELECT a.grantee::bigint AS grantee, r.rolname AS role, a.privilege_type AS privilege, a.is_grantable"
    " FROM pg_catalog.pg_default_acl d JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace"
    " CROSS JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a"
    " LEFT JOIN pg_catalog.pg_roles r ON r.oid = a.grantee"
    " WHERE n.nspname = :schema AND d.defaclobjtype = 'r'"
    # As a name: a cast to regrole would read it as SQL, which folds and splits what is not quoted.
    " AND pg_catalog.pg_get_userbyid(d.defaclrole) = current_user"
)


def grant_defaults(
    connection: Connection, schema: str, tables: Sequence[Relation], replaced: Sequence[Relation]
) -> list[str]:
    """Give the tables and views that a cutover adds to a schema the rights that it gives by default.

    Args:
        connection: in the cutover's transaction, after the tables have come to `schema`.
        schema: the target schema.
        tables: what the run has put there.
        replaced: what stood there before; a table that replaces another has taken over its rights.

    Returns:
        What the role may not grant, as sentences; empty where all is as it should be.
    """
    before = {relation.name for relation in replaced}
    new = [quoted(schema, table.name) for table in tables if table.name not in before]
    granted = connection.execute(text(_DEFAULT_GRANTS), {"schema": schema}).all() if new else []
    return [
        refused for name in new for grant in granted if (refused := _try(connection, _granting(name, grant)))
    ]


def _granting(name: str, grant: Row[Any]) -> str:
    to = quoted(grant.role) if grant.grantee else "PUBLIC"
    option = " WITH GRANT OPTION" if grant.is_grantable else ""
    return f"GRANT {grant.privilege} ON TABLE {name} TO {to}{option}"


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
