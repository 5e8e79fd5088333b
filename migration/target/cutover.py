"""Cutover and its reverse: one transaction each, in which tables change their schemas and nothing is copied."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import DBAPIError

from migration.errors import PermanentError, TargetError
from migration.model import ObjectResult, ObjectState
from migration.target.connect import translate
from migration.target.relations import (
    Relation,
    dependents,
    relations_in,
    relations_named,
    relations_with,
    schema_exists,
)
from migration.target.replace import listed, relations_to_replace
from migration.target.rights import hand_over_rights
from migration.target.statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from migration.model import IfExists, TablePlan

# Long enough for a short query of users to end, short enough not to make them queue behind us.
_LOCK_TIMEOUT: Final = "10s"
_LONGEST_NAME_BYTES: Final = 63
_MOVABLE: Final = ("table", "view", "materialized view")
_ALTER: Final = {"materialized view": "MATERIALIZED VIEW", "view": "VIEW", "table": "TABLE", "index": "INDEX"}


def cut_over(
    connection: Connection,
    *,
    staging_schema: str,
    previous_schema: str,
    plans: Sequence[TablePlan],
    if_exists: IfExists,
) -> dict[str, Any]:
    """Put the staged tables of one target schema in place, in the caller's transaction.

    What stands in their place goes to `previous_schema`, with its indexes, constraints and sequences. Indexes,
    sequences and constraints of staged tables follow them; a name that is taken in the target gets a number.
    Owner and grants of a replaced table go to the one that replaces it.

    Args:
        connection: in a transaction that the caller commits; nothing is seen by others before.
        staging_schema: where the tables are; it is dropped.
        previous_schema: where replaced tables go; created when there are any.
        plans: the tables, all of the same `target_schema`.
        if_exists: what the user asked for; names may have been taken since the run began.

    Returns:
        A record for `roll_back`, of JSON types. `renamed` holds indexes and sequences with their new names,
        `rights_lost` what the role may not grant again.

    Raises:
        TargetOccupiedError: a name has been taken since the run began.
        RetryableError: others hold locks on the replaced tables for too long; the connection broke.
        PermanentError: a staged table is missing.
    """
    if not plans:
        return {}
    schema = plans[0].target_schema
    with _translated(f"cutover to schema {schema}"):
        run_sql(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        created = not schema_exists(connection, schema)
        if created:
            run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
        replaced = _set_aside(connection, schema, previous_schema, plans, if_exists)
        staged = relations_in(connection, staging_schema, _MOVABLE)
        missing = sorted({plan.target_name for plan in plans} - {relation.name for relation in staged})
        if missing:
            raise PermanentError(
                f"Staged tables are gone: {listed(missing)}",
                f"schema {staging_schema}",
                "Start the run again; no table that users see was changed",
            )
        renamed = _free_names(connection, staging_schema, schema)
        for relation in staged:
            if relation.kind == "table":
                run_sql(
                    connection,
                    f"ALTER TABLE {quoted(staging_schema, relation.name)} RESET (autovacuum_enabled)",
                )
            _move(connection, relation, schema)
        rights_lost = hand_over_rights(connection, schema, staged, replaced)
        run_sql(connection, f"DROP SCHEMA {quoted(staging_schema)}")
    return {
        "target_schema": schema,
        "created_schema": created,
        "tables": [_recorded(relation) for relation in staged],
        "replaced": [_recorded(relation) for relation in replaced],
        "renamed": renamed,
        "rights_lost": rights_lost,
    }


def roll_back(connection: Connection, record: dict[str, Any], previous_schema: str) -> list[ObjectResult]:
    """Reverse a cutover in the caller's transaction: remove the run's tables, put back what they replaced.

    Args:
        connection: in a transaction that the caller commits.
        record: what `cut_over` returned.
        previous_schema: the one that was given to `cut_over`.

    Returns:
        One line for each table and view that was removed or put back.

    Raises:
        TargetError: the run's tables, or those that it replaced, have been dropped, renamed or moved since, or
            other objects use them now; nothing was changed.
        RetryableError: others hold locks on the tables for too long; the connection broke.
    """
    if not record:
        return []
    schema = str(record["target_schema"])
    with _translated(f"rollback in schema {schema}"):
        run_sql(connection, f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'")
        own = _still_there(connection, record["tables"], schema, "of the run")
        earlier = _still_there(connection, record["replaced"], previous_schema, "that were replaced")
        hanging = dependents(connection, [relation.oid for relation in own])
        if hanging:
            raise TargetError(
                f"Other objects use the run's tables now: {listed(hanging)}",
                f"schema {schema}",
                "Drop them, then roll back again; nothing was changed",
            )
        for kind in (
            "materialized view",
            "view",
            "table",
        ):  # views need tables; among themselves, in one statement
            names = ", ".join(quoted(schema, relation.name) for relation in own if relation.kind == kind)
            if names:
                run_sql(connection, f"DROP {_ALTER[kind]} {names}")
        for relation in earlier:
            _move(connection, relation, schema)
        if earlier and not _holds_anything(connection, previous_schema):
            run_sql(connection, f"DROP SCHEMA {quoted(previous_schema)}")
        results = _results(own, earlier)
        if record["created_schema"]:
            results.append(_drop_created_schema(connection, schema))
    return results


def _set_aside(
    connection: Connection, schema: str, previous: str, plans: Sequence[TablePlan], if_exists: IfExists
) -> list[Relation]:
    """Move what stands in the way into the previous schema."""
    standing = relations_to_replace(connection, schema, plans, if_exists)
    if not standing:
        return []
    tables = [quoted(schema, relation.name) for relation in standing if relation.kind == "table"]
    if tables:
        # All locks at once and before the second look: from here on nobody can begin to use the tables.
        run_sql(connection, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        standing = relations_to_replace(connection, schema, plans, if_exists)
    run_sql(connection, f"CREATE SCHEMA {quoted(previous)}")
    for relation in standing:
        _move(connection, relation, previous)
    return standing


def _free_names(connection: Connection, staging: str, schema: str) -> dict[str, str]:
    """Rename staged indexes and sequences whose names are taken in the target schema; old name → new name."""
    staged = relations_in(connection, staging, ("index", "sequence"))
    taken = {r.name for r in relations_named(connection, schema, [r.name for r in staged])}
    renamed: dict[str, str] = {}
    for relation in staged:
        if relation.name not in taken:
            continue
        new = _free_name(connection, relation.name, (staging, schema))
        kind = "SEQUENCE" if relation.kind == "sequence" else "INDEX"
        run_sql(connection, f"ALTER {kind} {quoted(staging, relation.name)} RENAME TO {quoted(new)}")
        renamed[relation.name] = new
    return renamed


def _free_name(connection: Connection, name: str, schemas: Sequence[str]) -> str:
    number = 1
    while True:
        suffix = f"_{number}"
        kept = name.encode()[: _LONGEST_NAME_BYTES - len(suffix)].decode(errors="ignore")
        candidate = f"{kept}{suffix}"
        if not any(relations_named(connection, schema, [candidate]) for schema in schemas):
            return candidate
        number += 1


def _move(connection: Connection, relation: Relation, schema: str) -> None:
    kind = _ALTER[relation.kind]
    run_sql(connection, f"ALTER {kind} {quoted(relation.schema, relation.name)} SET SCHEMA {quoted(schema)}")


def _recorded(relation: Relation) -> dict[str, Any]:
    return {"name": relation.name, "oid": relation.oid, "kind": relation.kind}


def _still_there(
    connection: Connection, recorded: Sequence[dict[str, Any]], schema: str, which: str
) -> list[Relation]:
    """Return the recorded relations as they stand; each must be the same one, under its name, in `schema`."""
    found = relations_with(connection, [entry["oid"] for entry in recorded])
    changed = [
        entry["name"]
        for entry in recorded
        if (relation := found.get(entry["oid"])) is None
        or (relation.schema, relation.name) != (schema, entry["name"])
    ]
    if changed:
        raise TargetError(
            f"Tables {which} have been dropped, replaced, renamed or moved since: {listed(changed)}",
            f"schema {schema}",
            "Put them back by hand from what is left; nothing was changed",
        )
    return [found[entry["oid"]] for entry in recorded]


def _results(own: Sequence[Relation], earlier: Sequence[Relation]) -> list[ObjectResult]:
    back = {relation.name: relation for relation in earlier}
    results = [
        ObjectResult(
            relation.kind,
            relation.name,
            ObjectState.CHANGED,
            "rolled back: the one that stood here before the run is back"
            if back.pop(relation.name, None)
            else "rolled back: removed",
        )
        for relation in own
    ]
    results += [
        ObjectResult(relation.kind, relation.name, ObjectState.CHANGED, "rolled back: put back")
        for relation in back.values()
    ]
    return results


def _drop_created_schema(connection: Connection, schema: str) -> ObjectResult:
    if _holds_anything(connection, schema):
        reason = "rolled back: the schema that the run created stays, since other objects are in it now"
    else:
        run_sql(connection, f"DROP SCHEMA {quoted(schema)}")
        reason = "rolled back: removed"
    return ObjectResult("schema", schema, ObjectState.CHANGED, reason)


def _holds_anything(connection: Connection, schema: str) -> bool:
    """Whether any object needs the schema: tables, functions, types, ..."""
    statement = (
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_namespace n ON n.oid = d.refobjid"
        " WHERE d.refclassid = 'pg_catalog.pg_namespace'::regclass AND n.nspname = %(schema)s)"
    )
    return bool(connection.exec_driver_sql(statement, {"schema": schema}).scalar_one())


@contextmanager
def _translated(where: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translate(error, where) from error
