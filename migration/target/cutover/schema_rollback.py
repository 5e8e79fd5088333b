"""The reverse of a cutover: one transaction that removes the run's tables and puts back what they replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.errors import TargetChangedError
from migration.model import ObjectResult, ObjectState
from migration.name_lists import some
from migration.target.attached_objects.attachment_reader import names_looked_up_in
from migration.target.attached_objects.attachment_transfer import make_object
from migration.target.attached_objects.outside_dependents import give_back
from migration.target.cutover.relation_move import ALTER, move_relation, translated
from migration.target.cutover.replaced_objects import Replacement, put_aside
from migration.target.missing_rights import owner_rights, refuse_lacking, schema_rights
from migration.target.pg_catalog.schema_relations import (
    Relation,
    dependents,
    relations_with,
)
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

_PUT_BACK = "the one that stood here before the run is back"


def roll_back(
    connection: Connection, record: dict[str, Any], previous_schema: str, kept_schema: str | None = None
) -> list[ObjectResult]:
    """Reverse a cutover in the caller's transaction: remove the run's tables, put back what they replaced.

    Args:
        connection: in a transaction that the caller commits, and in which it has taken all locks (`take_locks`).
        record: what `cut_over` returned.
        previous_schema: the one that was given to `cut_over`.
        kept_schema: where the run's tables go instead of being dropped; it is created.

    Returns:
        One line for each table and view that was removed or put back.

    Raises:
        TargetChangedError: the run's tables, or those that it replaced, have been dropped, renamed or moved since, or
            other objects use them now; nothing was changed.
        TargetPermissionError: the role lacks a right; nothing was changed.
        RetryableError: others hold locks on the tables for too long; the connection broke.
    """
    if not record:
        return []
    schema = str(record["target_schema"])
    with translated(schema=schema):
        own = _still_there(connection, record["tables"], schema, "of the run")
        earlier = _still_there(connection, record["replaced"], previous_schema, "that were replaced")
        _check_rights(connection, schema, own, earlier)
        _give_back(connection, record, previous_schema)
        hanging = dependents(connection, [relation.oid for relation in own])
        if hanging:
            raise TargetChangedError(
                f"Other objects use the run's tables now: {some(hanging)}",
                schema=schema,
                remedy="Drop them, then roll back again; nothing was changed",
            )
        if kept_schema is None:
            _drop(connection, own)
        else:
            run_sql(connection, f"CREATE SCHEMA {quoted(kept_schema)}")
            # Publications, and names of statistics: those that come back have them again.
            put_aside(connection, own, kept_schema, Replacement(schema))
            for relation in own:
                move_relation(connection, relation, kept_schema)
        for relation in earlier:
            move_relation(connection, relation, schema)
        _restore(connection, record)
        if earlier and not _holds_anything(connection, previous_schema):
            run_sql(connection, f"DROP SCHEMA {quoted(previous_schema)}")
        results = _results(own, earlier, kept_schema)
        if record["created_schema"]:
            results.append(_drop_created_schema(connection, schema))
    return results


def _check_rights(
    connection: Connection, schema: str, own: Sequence[Relation], earlier: Sequence[Relation]
) -> None:
    lacking = schema_rights(connection, schema, ["USAGE", *(["CREATE"] if earlier else [])])
    lacking += owner_rights(connection, [relation.oid for relation in own], "remove")
    lacking += owner_rights(connection, [relation.oid for relation in earlier], "put back")
    refuse_lacking(connection, lacking, schema=schema)


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
        raise TargetChangedError(
            f"Tables {which} have been dropped, replaced, renamed or moved since: {some(changed)}",
            schema=schema,
            remedy="Put them back by hand from what is left; nothing was changed",
        )
    return [found[entry["oid"]] for entry in recorded]


def _give_back(connection: Connection, record: dict[str, Any], previous: str) -> None:
    """Take views and foreign keys of others from the run's tables."""
    for outsider in reversed(record.get("outsiders", [])):
        refused = give_back(connection, outsider, previous, record["target_schema"])
        if refused is not None:
            raise TargetChangedError(
                f"{outsider['kind'].replace('_', ' ')} {outsider['name']} cannot be given back: {refused}",
                schema=record["target_schema"],
                remedy="Put it back by hand, then roll back again; nothing was changed",
            )


def _restore(connection: Connection, record: dict[str, Any]) -> None:
    """Put back what only one table can have at a time: publications, statistics, foreign keys of others."""
    statements = [s for outsider in record.get("outsiders", []) for s in outsider.get("statements", [])]
    with names_looked_up_in(connection, record["target_schema"]):
        for statement in [*record.get("restore", []), *statements]:
            refused = make_object(connection, (statement,))
            if refused is not None:
                raise TargetChangedError(
                    f"What stood before cannot be put back: {refused}",
                    schema=record["target_schema"],
                    remedy="Remove what stands in its way, then roll back again; nothing was changed",
                    details=statement,
                )


def _drop(connection: Connection, own: Sequence[Relation]) -> None:
    # Views need tables; among themselves, all go in one statement.
    for kind in ("materialized view", "view", "table"):
        names = ", ".join(quoted(relation.schema, relation.name) for relation in own if relation.kind == kind)
        if names:
            run_sql(connection, f"DROP {ALTER[kind]} {names}")


def _results(
    own: Sequence[Relation], earlier: Sequence[Relation], kept_schema: str | None
) -> list[ObjectResult]:
    back = {relation.name: relation for relation in earlier}
    results = []
    for relation in own:
        said = [_PUT_BACK] if back.pop(relation.name, None) else []
        if kept_schema is not None:
            said.append(f"the run's is kept in schema {kept_schema}")
        reason = f"rolled back: {'; '.join(said) or 'removed'}"
        results.append(ObjectResult(relation.kind, relation.name, ObjectState.CHANGED, reason))
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
