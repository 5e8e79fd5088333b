"""The cutover: one transaction in which staged tables change their schema, and nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from migration.errors import StagingLostError
from migration.target.cutover.cutover_lock_timeout import LOCK_TIMEOUT
from migration.target.cutover.occupied_names import listed, relations_to_replace
from migration.target.cutover.privilege_transfer import hand_over_rights
from migration.target.cutover.relation_move import move_relation, translated
from migration.target.cutover.row_horizon import read_horizon
from migration.target.pg_catalog.schema_relations import (
    Relation,
    relations_in,
    relations_named,
    schema_exists,
)
from migration.target.pg_catalog.table_shape import read_shapes
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import IfExists, TablePlan

_LONGEST_NAME_BYTES: Final = 63
_MOVABLE: Final = ("table", "view", "materialized view")


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
    with translated(schema=schema):
        run_sql(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        created = not schema_exists(connection, schema)
        if created:
            run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
        replaced = _set_aside(connection, schema, previous_schema, plans, if_exists)
        staged = relations_in(connection, staging_schema, _MOVABLE)
        missing = sorted({plan.target_name for plan in plans} - {relation.name for relation in staged})
        if missing:
            raise StagingLostError(
                f"Staged tables are gone: {listed(missing)}",
                schema=staging_schema,
                remedy="Start the run again; no table that users see was changed",
            )
        renamed = _free_names(connection, staging_schema, schema)
        for relation in staged:
            if relation.kind == "table":
                run_sql(
                    connection,
                    f"ALTER TABLE {quoted(staging_schema, relation.name)} RESET (autovacuum_enabled)",
                )
            move_relation(connection, relation, schema)
        rights_lost = hand_over_rights(connection, schema, staged, replaced)
        run_sql(connection, f"DROP SCHEMA {quoted(staging_schema)}")
        shapes = read_shapes(connection, [relation.oid for relation in staged])
        horizon = read_horizon(connection)
    return {
        "target_schema": schema,
        "created_schema": created,
        "tables": [{**_recorded(relation), "shape": shapes.get(relation.oid, [])} for relation in staged],
        "replaced": [_recorded(relation) for relation in replaced],
        "renamed": renamed,
        "rights_lost": rights_lost,
        # What is older, the run has written: what a rollback would lose is told by that.
        "horizon": horizon.recorded(),
    }


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
        move_relation(connection, relation, previous)
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


def _recorded(relation: Relation) -> dict[str, Any]:
    return {"name": relation.name, "oid": relation.oid, "kind": relation.kind}
