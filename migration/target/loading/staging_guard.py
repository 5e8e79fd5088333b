"""Writers are kept out of staged tables from the end of their copying to the cutover, by triggers.

Two for each table, since no one kind sees all writes: a statement's trigger is not asked about rows that come through a
parent of the table or by logical replication, a row's is not asked about TRUNCATE. Both fire always, also under
`session_replication_role = replica`. https://www.postgresql.org/docs/current/sql-createtrigger.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from psycopg import sql
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.target.pg_catalog.guard_triggers import FUNCTION, TRIGGERS, read_guarded, read_marks
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

_ROWS, _TRUNCATE = TRIGGERS
_LOCK_SECONDS: Final = 2
"""So long a guard waits for who works on a staged table."""
_EVENT_TRIGGERS: Final = text(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D')"
)


def has_event_triggers(connection: Connection) -> bool:
    """Whether the database answers commands."""
    return bool(connection.execute(_EVENT_TRIGGERS).scalar_one())


def make_guards(connection: Connection, run_id: str, tables: Mapping[int, tuple[str, str]]) -> dict[int, str]:
    """Let nobody write into staged tables from here on; who is writing now is waited for.

    Args:
        connection: in the caller's transaction, which stays usable whatever the server says.
        run_id: what a writer is told.
        tables: oid → schema and name.

    Returns:
        What each guard is known by (`read_marks`); nothing where the server does not let them be made.
    """
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'; " + _making(run_id, tables))
        if has_event_triggers(connection):  # one that forbids DROP must not be met in the cutover
            trial = connection.begin_nested()
            try:
                drop_guards(connection, tables)
            finally:
                trial.rollback()
        marks = read_marks(connection, list(tables))
    except DBAPIError:
        if connection.invalidated:
            raise
        attempt.rollback()
        return {}
    attempt.commit()
    run_sql(connection, "SET LOCAL lock_timeout = 0")
    return marks


def drop_guards(connection: Connection, tables: Mapping[int, tuple[str, str]]) -> None:
    """Take away what stands of the guards of staged tables (arguments as above)."""
    guarded = read_guarded(connection, list(tables))
    if not guarded:
        return
    names = [tables[oid] for oid in sorted(guarded)]
    statements = [
        f"DROP TRIGGER IF EXISTS {trigger} ON {quoted(schema, name)}"
        for schema, name in names
        for trigger in TRIGGERS
    ]
    statements += [f"DROP FUNCTION {quoted(schema, FUNCTION)}()" for schema in sorted({s for s, _ in names})]
    run_sql(connection, "; ".join(statements))


def _making(run_id: str, tables: Mapping[int, tuple[str, str]]) -> str:
    statements = [_function(run_id, schema) for schema in sorted({schema for schema, _ in tables.values()})]
    for _, (schema, name) in sorted(tables.items()):
        table, call = quoted(schema, name), f"EXECUTE FUNCTION {quoted(schema, FUNCTION)}()"
        statements += [
            f"CREATE TRIGGER {_ROWS} BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW {call}",
            f"CREATE TRIGGER {_TRUNCATE} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {call}",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {_ROWS}, ENABLE ALWAYS TRIGGER {_TRUNCATE}",
        ]
    return "; ".join(statements)


def _function(run_id: str, schema: str) -> str:
    message = (
        f"Run {run_id} has copied %, and nobody writes there before its cutover: wait for it, or type"
        f" `migration-cli cancel {run_id}`"
    )
    # Plain names in the body: its search path is its own, and % is the table's place in the message.
    body = (
        f"BEGIN RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE ="
        f" pg_catalog.replace({_literal(message)}, '%', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME); END"
    )
    return (
        f"CREATE OR REPLACE FUNCTION {quoted(schema, FUNCTION)}() RETURNS trigger LANGUAGE plpgsql"
        f" SET search_path = pg_catalog, pg_temp AS {_literal(body)}"
    )


def _literal(value: str) -> str:
    return sql.Literal(value).as_string(None)
