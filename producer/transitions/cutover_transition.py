"""The cutover: staged tables are put in place in the transaction that ends the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import update

from migration.ledger.digest_records import digest_algorithms
from migration.ledger.ledger_tables import runs
from migration.ledger.run_acts import Act, act_of, last_act, read_acts, this_person
from migration.ledger.run_results import add_findings, save_objects
from migration.ledger.table_records import planned, read_sources, read_tables
from migration.model import IfExists
from migration.schema_translation.request_refusals import check_schema_name
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.run_schema_names import (
    of_sources,
    previous_schema,
    staging_schema,
    target_schemas,
    told_apart,
)
from migration.target.cutover.lock_acquisition import (
    AGAINST_WRITERS,
    EXCLUSIVE,
    WantedLocks,
    lock_refusals_told,
    referring_to,
    related_by_keys,
    take_locks,
)
from migration.target.cutover.schema_cutover import cut_over, prepare_replacement
from migration.target.cutover.schema_turns import take_schema_turns
from migration.target.pg_catalog.schema_relations import relations_named
from migration.target.pg_catalog.table_shapes import read_shapes
from migration.target.target_check import check_target
from migration.validation.row_hashing import algorithm_name
from migration.validation.schema.standing_extras import extra_findings
from producer.transitions.data_only_loading import load_schema
from producer.transitions.first_writes import add_first_writes
from producer.transitions.run_end import completed
from producer.transitions.staged_proof import PlacementWatch, check_staged, let_writers_in

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from migration.ledger.table_records import TableRecord
    from migration.model import Finding, Phase, TablePlan
    from migration.observers.run_happenings import RunActed
    from migration.target.attached_objects.attachment_transfer import NotCarried
    from producer.transitions.transition_context import TransitionContext


def bring_snapshots(context: TransitionContext, run: RunRecord) -> None:
    """Have the snapshots here, from which refused rows are read while tables of an application are locked."""
    if run.options.data_only:
        with context.engine.connect() as connection, SnapshotAccess(context.settings) as snapshots:
            for source in read_sources(connection, run.id):
                snapshots.path(source)


def finish_cutting_over(context: TransitionContext, locked: LockedRun, _prepared: None) -> Phase:
    """Show the tables to users: one transaction, together with the run's end."""
    connection, run = locked.connection, locked.record
    tables = read_tables(connection, run.id)
    plans = [planned(table) for table in tables]
    # Days may lie between a run and its cutover: what was asked of the target before is asked again, then under locks.
    for schema in target_schemas(plans):
        check_schema_name(schema)  # an earlier version may have let it through
    check_target(connection, plans, run.options, is_staged=True)
    check_staged(connection, run, tables)
    lost = _prepare(connection, run, plans)
    digest = ", ".join(digest_algorithms(connection, run.id)) or algorithm_name()  # of no rows: whichever
    seconds = run.options.cutover_lock_timeout_seconds
    if not run.options.data_only:  # a load makes nothing new in a schema of the application
        take_schema_turns(connection, target_schemas(plans), seconds)
    take_locks(connection, _wanted_locks(connection, run, plans), seconds)
    with lock_refusals_told(run.id):
        let_writers_in(connection, run, tables)
        record = _put_in_place(context, connection, run, tables, lost, digest)
        connection.execute(update(runs).where(runs.c.id == run.id).values(cutover=record))
        add_first_writes(connection, run, tables)
        if not run.options.data_only:  # what stands around its own tables, the application has decided
            add_findings(connection, run.id, _extras(connection, plans, record))
    locked.note(_act(connection, run, digest))
    return completed(connection, run)


def _extras(connection: Connection, plans: list[TablePlan], records: list[dict[str, Any]]) -> list[Finding]:
    """Return what default privileges and event triggers of the server have added to what now stands."""
    found: list[Finding] = []
    looking = connection.begin_nested()  # sets a search path, which goes with it
    for schema, done in zip(target_schemas(plans), records, strict=True):
        record = done["record"]
        names = {plan.target_name: plan.name for plan in plans if plan.target_schema == schema}
        shapes = read_shapes(connection, schema, [one["name"] for one in record["tables"]], inside=False)
        carried = {one["name"] for one in record["replaced"]}
        extras = of_sources(plans, schema, extra_findings(connection, shapes, carried=carried))
        found += [replace(one, table=names.get(one.table, one.table)) for one in extras]
    looking.rollback()
    return found


def _act(connection: Connection, run: RunRecord, digest: str) -> RunActed:
    """Return the cutover as an act of whoever has asked for it last."""
    asked = last_act(read_acts(connection, run.id), Act.STARTED, Act.RESUMED, Act.CUTOVER_ASKED)
    done_on = {"producer_host": this_person().host, "digest": digest}
    if asked is not None:
        done_on["asked_by"] = asked.act.value
    return act_of(run.id, Act.CUT_OVER, asked.person if asked else None, done_on)


def _wanted_locks(connection: Connection, run: RunRecord, plans: list[TablePlan]) -> WantedLocks:
    # Readers of an application's empty tables need not wait for a load.
    is_load = run.options.data_only and run.options.if_exists is not IfExists.REPLACE
    tables = [(plan.target_schema, plan.target_name) for plan in plans]
    return WantedLocks(
        staged=[staging_schema(run, schema) for schema in target_schemas(plans)],
        tables=tables,
        oids=_others(connection, run, tables),
        mode=AGAINST_WRITERS if is_load else EXCLUSIVE,
    )


def _others(connection: Connection, run: RunRecord, tables: list[tuple[str, str]]) -> list[int]:
    """Return the tables of other names whose foreign keys change hands, or make way while rows are replaced."""
    if not run.options.data_only:
        return related_by_keys(connection, tables)
    if run.options.if_exists is not IfExists.REPLACE:
        return []
    return [
        oid
        for schema in sorted({schema for schema, _ in tables})
        for oid in referring_to(
            connection,
            [
                relation.oid
                for relation in relations_named(
                    connection, schema, [name for at, name in tables if at == schema]
                )
            ],
        )
    ]


def _put_in_place(
    context: TransitionContext,
    connection: Connection,
    run: RunRecord,
    tables: list[TableRecord],
    lost: dict[str, list[NotCarried]],
    digest: str,
) -> list[dict[str, Any]]:
    records = []
    for schema in target_schemas([planned(table) for table in tables]):
        in_schema = [table for table in tables if planned(table).target_schema == schema]
        if run.options.data_only:
            record = load_schema(connection, context.settings, run, schema, in_schema)
        else:
            watch = PlacementWatch(connection, run, schema, in_schema)
            record = _show_tables(connection, run, schema, in_schema, lost[schema])
            add_findings(connection, run.id, watch.findings(connection))
        records.append(
            {"record": record | {"digest": digest}, "previous_schema": previous_schema(run, schema)}
        )
    return records


def _prepare(connection: Connection, run: RunRecord, plans: list[TablePlan]) -> dict[str, list[NotCarried]]:
    """Make what takes time before any lock of users is taken; return what cannot be made, by target schema."""
    if run.options.data_only:
        return {}
    return {
        schema: prepare_replacement(
            connection,
            staging_schema=staging_schema(run, schema),
            plans=[plan for plan in plans if plan.target_schema == schema],
            if_exists=run.options.if_exists,
            signed=run.options.drop_dependents,
        )
        for schema in target_schemas(plans)
    }


def _show_tables(
    connection: Connection, run: RunRecord, schema: str, tables: list[TableRecord], lost: list[NotCarried]
) -> dict[str, Any]:
    done = cut_over(
        connection,
        staging_schema=staging_schema(run, schema),
        previous_schema=previous_schema(run, schema),
        plans=[planned(table) for table in tables],
        if_exists=run.options.if_exists,
        signed=run.options.drop_dependents,
        lost=lost,
    )
    save_objects(connection, run.id, [told_apart(run, schema, result) for result in done.results])
    plans = [planned(table) for table in tables]
    add_findings(connection, run.id, of_sources(plans, schema, done.findings))
    return done.record
