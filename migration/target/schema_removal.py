"""Removes a schema that a run has left, and nothing of others: what they put there, or hung on it, stands in the way.

The server is asked by trying: tables are dropped without CASCADE, then the schema; its refusal names what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.cutover_errors import TooFewLocksError
from migration.errors import TargetChangedError
from migration.name_lists import some
from migration.target.pg_catalog.guard_triggers import FUNCTION as GUARD_FUNCTION
from migration.target.pg_catalog.schema_relations import Relation, relations_in, schema_exists
from migration.target.postgres_errors import translate
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_LOCK_TIMEOUT: Final = "10s"
_MADE_BY_RUNS: Final = ("materialized view", "view", "table")
"""In the order in which they can go: views need tables."""
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_STILL_NEEDED: Final = "2BP01"
_OF_OTHER_OWNERS: Final = text(
    "SELECT c.oid::bigint AS oid, pg_catalog.pg_get_userbyid(c.relowner) AS owner"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relowner <> n.nspowner"
)
_AT_ONCE: Final = 20
_TABLES_WITHIN: Final = text(
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind = 'r' AND c.relname = ANY(:names) ORDER BY c.oid LIMIT :most"
)
# Those that were made last may need the others.
_VIEWS_WITHIN: Final = text(
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind = 'v' AND c.relname = ANY(:names) ORDER BY c.oid DESC LIMIT :most"
)
_KEYS_WITHIN: Final = text(
    "SELECT c.relname, k.conname FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND k.contype = 'f' AND c.relname = ANY(:names) ORDER BY k.oid LIMIT :most"
)


def remove_schema(
    connection: Connection,
    schema: str,
    made_by_run: Collection[str] | None,
    known_oids: Collection[int] = (),
    lock_timeout: str | None = None,
) -> list[str]:
    """Drop a schema with the tables and views of its run, in the caller's transaction.

    Args:
        connection: in a transaction; where something stands in the way, nothing is changed in it.
        schema: a staging or previous schema; no error if there is none.
        made_by_run: names of the tables and views that the run has made; None: all that the schema's owner has there.
        known_oids: of what the run has put there, whoever owns it.
        lock_timeout: how long others may hold it, as PostgreSQL spells it; None: ten seconds.

    Returns:
        What stands in the way, in words of PostgreSQL; nothing where the schema is gone.

    Raises:
        ConvoyError: as `translate` says, but for what belongs to others or is in use by them.
    """
    if not schema_exists(connection, schema):
        return []
    relations = relations_in(connection, schema, _MADE_BY_RUNS)
    owners = {row.oid: row.owner for row in connection.execute(_OF_OTHER_OWNERS, {"schema": schema})}
    foreign = [
        f"{relation.kind} {schema}.{relation.name}{_of(owners.get(relation.oid))}"
        for relation in relations
        if relation.oid not in known_oids
        and (relation.oid in owners or (made_by_run is not None and relation.name not in made_by_run))
    ]
    if foreign:
        return foreign
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL lock_timeout = '{lock_timeout or _LOCK_TIMEOUT}'")
        _drop(connection, schema, relations)
    except DBAPIError as error:
        attempt.rollback()
        if getattr(error.orig, "sqlstate", None) != _STILL_NEEDED:
            raise translate(error, schema=schema) from error
        return _named_by_the_server(error.orig)
    attempt.commit()
    return []


def thin_out_schema(engine: Engine, schema: str, made_by_run: Collection[str]) -> None:
    """Drop what a run has left in a schema, some tables at a time, each time in a transaction of its own.

    For a schema that `remove_schema` would remove, but for the locks that the server has: those of all indexes of all
    tables at once are more than those with which the tables were made. Whatever stands in the way ends it, untold:
    `remove_schema` then says so.

    Raises:
        ConvoyError: as `translate` says, but for what belongs to others or is in use by them.
    """
    for find, statement in (
        (_VIEWS_WITHIN, "DROP VIEW IF EXISTS {}"),
        (_KEYS_WITHIN, "ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}"),
        (_TABLES_WITHIN, "DROP TABLE IF EXISTS {}"),
    ):
        while True:
            try:
                with engine.begin() as connection:
                    run_sql(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
                    values = {"schema": schema, "names": list(made_by_run), "most": _AT_ONCE}
                    found = connection.execute(find, values).all()
                    for table, *constraint in found:
                        run_sql(connection, statement.format(quoted(schema, table), *map(quoted, constraint)))
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) != _STILL_NEEDED:
                    raise translate(error, schema=schema) from error
                return
            if len(found) < _AT_ONCE:
                break


def remove_schema_in_portions(
    connection: Connection,
    engine: Engine,
    schema: str,
    made_by_run: Collection[str] | None,
    known_oids: Collection[int] = (),
    *,
    before: Callable[[], None] = lambda: None,
) -> list[str]:
    """Drop a schema as `remove_schema` does, and in portions where the server has not the locks for all of it at once.

    The portions are committed on other connections, so the caller's transaction must hold no lock of what is in the
    schema, and keep others from needing it: by the lock of the run's row.

    Args:
        connection: the caller's, in a transaction.
        engine: of the same database.
        schema: as `remove_schema` has it.
        made_by_run: as `remove_schema` has it.
        known_oids: as `remove_schema` has it.
        before: called before the first portion goes.

    Returns:
        As `remove_schema` does.

    Raises:
        ConvoyError: as `remove_schema` has it.
    """
    try:
        return remove_schema(connection, schema, made_by_run, known_oids)
    except TooFewLocksError:
        before()
        # Nothing of others is there, or it would have been returned.
        names = [relation.name for relation in relations_in(connection, schema, _MADE_BY_RUNS)]
        thin_out_schema(engine, schema, names)
        return remove_schema(connection, schema, made_by_run, known_oids)


def remove_own_schema(
    connection: Connection, schema: str, made_by_run: Collection[str] | None, *, then: str
) -> None:
    """Drop a schema as `remove_schema` does, where the caller cannot go on without.

    Args:
        connection: in a transaction.
        schema: a staging or previous schema; no error if there is none.
        made_by_run: as `remove_schema` has it.
        then: what to do once nothing stands in the way.

    Raises:
        TargetChangedError: names what others have put there, or hung on it; nothing was changed.
    """
    in_the_way = remove_schema(connection, schema, made_by_run)
    if in_the_way:
        raise in_use_by_others(schema, in_the_way, then=then)


def in_use_by_others(schema: str, in_the_way: Collection[str], *, then: str) -> TargetChangedError:
    """Return the error that others use a schema of a run, naming what stands in the way."""
    return TargetChangedError(
        f"Others use schema {schema}: {some(in_the_way)}",
        schema=schema,
        remedy=f"Move or drop these, then {then}; nothing was changed",
    )


def _drop(connection: Connection, schema: str, relations: list[Relation]) -> None:
    for kind in _MADE_BY_RUNS:
        # All of a kind at once: they may refer to each other. A command and a producer may do so at the same time:
        # the second one finds nothing.
        names = ", ".join(quoted(schema, relation.name) for relation in relations if relation.kind == kind)
        if names:
            run_sql(connection, f"DROP {kind.upper()} IF EXISTS {names}")
    # What keeps writers out of staged tables: its triggers went with these.
    run_sql(connection, f"DROP FUNCTION IF EXISTS {quoted(schema, GUARD_FUNCTION)}()")
    run_sql(connection, f"DROP SCHEMA IF EXISTS {quoted(schema)}")


def _of(owner: str | None) -> str:
    return f" of role {owner}" if owner else ""


def _named_by_the_server(refusal: Any) -> list[str]:
    """Return the lines of the server's detail: ``view public.v depends on table convoy_..._staging.t``."""
    detail = getattr(refusal.diag, "message_detail", None) or str(refusal.diag.message_primary)
    return [line for line in detail.splitlines() if line]
