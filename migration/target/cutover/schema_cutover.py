"""The cutover: one transaction in which staged tables change their schema, and nothing is copied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from migration.cutover_errors import StagingLostError
from migration.name_lists import some
from migration.target.attached_objects.outside_dependents import read_outsiders
from migration.target.cutover.occupied_names import relations_to_replace
from migration.target.cutover.privilege_transfer import grant_defaults
from migration.target.cutover.relation_move import moving, translated
from migration.target.cutover.replaced_objects import (
    Replacement,
    build_beforehand,
    foresee_outsiders,
    hand_over,
    hand_over_outsiders,
    put_aside,
)
from migration.target.cutover.row_horizon import read_horizon
from migration.target.cutover.schema_turns import make_schema
from migration.target.missing_rights import refuse_lacking
from migration.target.pg_catalog.catalog_identity import read_identities
from migration.target.pg_catalog.schema_relations import (
    Relation,
    relations_in,
    relations_named,
)
from migration.target.pg_catalog.table_parts import read_parts
from migration.target.pg_catalog.table_settings import read_settings
from migration.target.pg_catalog.table_signature import read_signatures
from migration.target.sql_statements import quoted, run_all, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

    from migration.model import Finding, IfExists, ObjectResult, TablePlan
    from migration.target.attached_objects.attachment_reader import Attachment
    from migration.target.attached_objects.attachment_transfer import NotCarried
    from migration.target.attached_objects.outside_dependents import Outsider


@dataclass(frozen=True, slots=True)
class CutOver:
    """What a cutover has done: a record for `roll_back`, of JSON types; lines for the report, and findings."""

    record: dict[str, Any]
    results: list[ObjectResult]
    findings: list[Finding]


_LONGEST_NAME_BYTES: Final = 63
_MOVABLE: Final = ("table", "view", "materialized view")


def cut_over(
    connection: Connection,
    *,
    staging_schema: str,
    previous_schema: str,
    plans: Sequence[TablePlan],
    if_exists: IfExists,
    signed: Collection[str] = (),
    lost: Sequence[NotCarried] = (),
) -> CutOver:
    """Put the staged tables of one target schema in place, in the caller's transaction.

    What stands in their place goes to `previous_schema`, with its indexes, constraints and sequences. Indexes,
    sequences and constraints of staged tables follow them; a name that is taken in the target gets a number.
    What others have hung on a replaced table goes over to the one that replaces it (`replaced_objects`).

    Args:
        connection: in a transaction that the caller commits, and in which it has taken all locks (`take_locks`);
            nothing is seen by others before.
        staging_schema: where the tables are; it is dropped.
        previous_schema: where replaced tables go; created when there are any.
        plans: the tables, all of the same `target_schema`.
        if_exists: what the user asked for; names may have been taken since the run began.
        signed: kinds of objects that may stay behind with a replaced table.
        lost: what `prepare_replacement` returned, before the locks were taken.

    Raises:
        TargetOccupiedError: a name has been taken since the run began.
        ObjectsInTheWayError: an object of a replaced table cannot go over, and nobody has signed for it.
        RetryableError: others hold locks on the replaced tables for too long; the connection broke.
        PermanentError: a staged table is missing.
    """
    if not plans:
        return CutOver({}, [], [])
    schema = plans[0].target_schema
    with translated(schema=schema):
        created = make_schema(connection, schema)
        staged = relations_in(connection, staging_schema, _MOVABLE)
        missing = sorted({plan.target_name for plan in plans} - {relation.name for relation in staged})
        if missing:
            raise StagingLostError(
                f"Staged tables are gone: {some(missing)}",
                schema=staging_schema,
                remedy="Start the run again; no table that users see was changed",
            )
        aside = _set_aside(connection, previous_schema, plans, if_exists, lost)
        renamed = _free_names(connection, staging_schema, schema)
        usual = [
            f"ALTER TABLE {quoted(staging_schema, relation.name)} RESET (autovacuum_enabled)"
            for relation in staged
            if relation.kind == "table"
        ]
        run_all(connection, usual + [moving(relation, schema) for relation in staged])
        made = {relation.name: relation for relation in staged}
        hand_over(connection, aside.replaced, made, aside.lost, aside.replacement)
        hand_over_outsiders(connection, aside.outsiders, previous_schema, aside.replacement, signed)
        replaced = [relation for relation, _ in aside.replaced]
        rights_lost = grant_defaults(connection, schema, staged, replaced)
        run_sql(connection, f"DROP SCHEMA {quoted(staging_schema)}")
        oids = [relation.oid for relation in (*staged, *replaced)]
        parts, signatures = read_parts(connection, oids), read_signatures(connection, oids)
        identities, settings = read_identities(connection, oids), read_settings(connection, oids)

        def looked_at(one: Relation) -> dict[str, Any]:
            return _recorded(one) | {
                "shape": parts.get(one.oid, []),
                "signature": signatures.get(one.oid, []),
                "identity": identities.get(one.oid, []),
                "settings": settings.get(one.oid, []),
            }

        horizon = read_horizon(connection)
    record = {
        "target_schema": schema,
        "created_schema": created,
        "tables": [looked_at(relation) for relation in staged],
        "replaced": [looked_at(relation) for relation in replaced],
        "renamed": renamed,
        "rights_lost": rights_lost,
        "restore": aside.replacement.restore,
        "outsiders": aside.replacement.outsiders,
        # What is older, the run has written: what a rollback would lose is told by that.
        "horizon": horizon.recorded(),
    }
    return CutOver(record, aside.replacement.results(), aside.replacement.findings())


def prepare_replacement(
    connection: Connection,
    *,
    staging_schema: str,
    plans: Sequence[TablePlan],
    if_exists: IfExists,
    signed: Collection[str] = (),
) -> list[NotCarried]:
    """Make for the staged tables what takes time and the replaced ones have: indexes, constraints. Nobody waits yet.

    Raises:
        ObjectsInTheWayError: one of them, or of what uses the replaced tables, cannot be made, and nobody has signed
            for its loss.
        TargetPermissionError: the role may not take those out of the way that somebody has signed for.
    """
    schema = plans[0].target_schema
    with translated(schema=schema):
        standing = relations_to_replace(connection, schema, plans, if_exists)
        if not standing:
            return []
        staged = relations_in(connection, staging_schema, _MOVABLE)
        lost = build_beforehand(connection, staging_schema, schema, standing, staged)
        # Before any lock is asked for: on what belongs to others there is none to be had.
        foreseen = foresee_outsiders(connection, schema, standing, staging_schema, lost)
        foreseen.check(signed)
        refuse_lacking(connection, foreseen.lacking, schema=schema)
    return lost


@dataclass(slots=True)
class _Aside:
    """What was replaced, with what was attached to it and what uses it from outside."""

    replacement: Replacement
    replaced: list[tuple[Relation, list[Attachment]]] = field(default_factory=list)
    outsiders: list[Outsider] = field(default_factory=list)
    lost: list[NotCarried] = field(default_factory=list)


def _set_aside(
    connection: Connection,
    previous: str,
    plans: Sequence[TablePlan],
    if_exists: IfExists,
    lost: Sequence[NotCarried],
) -> _Aside:
    """Move what stands in the way into the previous schema."""
    schema = plans[0].target_schema
    aside = _Aside(Replacement(schema), lost=list(lost))
    standing = relations_to_replace(connection, schema, plans, if_exists)
    if not standing:
        return aside
    tables = [quoted(schema, relation.name) for relation in standing if relation.kind == "table"]
    if tables:
        # Those that came after the locks were taken, too: from here on nobody can begin to use the tables.
        run_sql(connection, f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
        standing = relations_to_replace(connection, schema, plans, if_exists)
    run_sql(connection, f"CREATE SCHEMA {quoted(previous)}")
    aside.outsiders = read_outsiders(connection, [relation.oid for relation in standing], schema)
    aside.replaced = put_aside(connection, standing, previous, aside.replacement)
    run_all(connection, [moving(relation, previous) for relation in standing])
    return aside


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
