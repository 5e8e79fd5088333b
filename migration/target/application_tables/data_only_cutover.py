"""The cutover of a data-only run and its reverse: proved rows go from the staging schema into standing tables."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from sqlalchemy.exc import DBAPIError

from migration.convoy_error import Place
from migration.cutover_errors import StagingLostError
from migration.errors import RowsChangedError, TargetChangedError
from migration.mapping_file_model import OnConflict
from migration.model import Finding, FindingKind, IfExists, ObjectResult, ObjectState
from migration.name_lists import some
from migration.source_table_names import TableNames
from migration.target.application_tables.computed_columns import computed_differences
from migration.target.application_tables.data_only_plan import check_tables, takes_over
from migration.target.application_tables.load_rights import load_rights
from migration.target.application_tables.merge_count import refuse_conflicts
from migration.target.application_tables.refusal_tolerant_insert import insert_fitting, number_rows
from migration.target.application_tables.row_merge import settle, take_standing
from migration.target.application_tables.row_refusal_errors import speaks_of_a_row
from migration.target.application_tables.row_transfer import RowTransfer, keys_put_off, triggers_at_rest
from migration.target.application_tables.standing_rows import (
    copy_aside,
    empty,
    kept_rows,
    refuse_referring,
    set_aside,
)
from migration.target.application_tables.table_load_order import parents_first
from migration.target.application_tables.unfilled_columns import unfilled_columns_told
from migration.target.cutover.cutover_lock_timeout import LOCK_TIMEOUT
from migration.target.loading.server_checksum import Fingerprint, fingerprint
from migration.target.missing_rights import refuse_lacking
from migration.target.pg_catalog.application_table_facts import (
    ApplicationTable,
    application_tables_with,
    foreign_keys_to,
    read_application_tables,
    what_fires,
)
from migration.target.pg_catalog.inherited_rows import inherited_rows
from migration.target.pg_catalog.sequence_positions import (
    advance_sequences,
    restore_sequences,
    sequence_states,
)
from migration.target.postgres_errors import translate
from migration.target.schema_removal import remove_own_schema
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan
    from migration.target.application_tables.row_refusal_errors import Refusal


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """Rows that a table does not take. They wait in the table `held` of the staging schema, numbered."""

    table: str
    held: str
    refusals: Mapping[int, Refusal]


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """What became of the rows of one schema: a record for `take_back`, lines for the report, and who was refused.

    `findings`: triggers of the application that fired, values that it computes otherwise, rows in children of tables.
    """

    record: dict[str, Any]
    results: list[ObjectResult]
    refused: list[RefusedRows]
    findings: list[Finding]


def load_rows(
    connection: Connection,
    *,
    staging_schema: str,
    previous_schema: str,
    plans: Sequence[TablePlan],
    if_exists: IfExists,
    on_conflict: OnConflict = OnConflict.ABORT,
    given_out: Mapping[str, int],
    first_only: bool = False,
    may_fire: bool = False,
) -> LoadedRows:
    """Insert the staged rows of one target schema into the tables that stand there, in the caller's transaction.

    The application's own triggers and rules rest meanwhile, so that rows arrive as they are; then the rows are counted
    and summed on both sides by the server, and sequences go on after the largest number.

    Args:
        connection: in a transaction that the caller commits; nothing is seen by others before.
        staging_schema: where the rows are; afterwards it holds those that have arrived, and those that were refused.
        previous_schema: where the rows go that stood there before; created when there are any.
        plans: the tables, all of the same `target_schema`.
        if_exists: whether rows that stand there may be replaced, or the staged ones go in among them.
        on_conflict: whose row counts where they differ under one key.
        given_out: target table → the largest number that AUTOINCREMENT has ever given out.
        first_only: stop at the first row that is refused: the caller will not commit.
        may_fire: triggers that the role may not put to rest fire, and each is a finding.

    Raises:
        TargetOccupiedError: rows have come in since the run began.
        MergeConflictError: rows differ from those that stand under their keys, and nobody has said whose count.
        TargetPermissionError: the role has lost a right since.
        StagingLostError: a table is gone.
        RowsChangedError: the rows changed on their way.
    """
    if not plans:
        return LoadedRows({}, [], [], [])
    schema = plans[0].target_schema
    with _translated(schema=schema):
        run_sql(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        tables = read_application_tables(connection, schema, [plan.target_name for plan in plans])
        gone = [plan.target_name for plan in plans if plan.target_name not in tables]
        if gone:
            raise StagingLostError(f"Tables are gone since the run began: {some(gone)}", schema=schema)
        standing = list(tables.values())
        # Readers of rows that are to be replaced wait; readers of empty tables need not. Whoever is in a cutover has
        # these locks already.
        mode = "ACCESS EXCLUSIVE" if if_exists is IfExists.REPLACE else "SHARE ROW EXCLUSIVE"
        run_sql(connection, f"LOCK TABLE {', '.join(table.own_rows for table in standing)} IN {mode} MODE")
        updates = takes_over(if_exists, on_conflict)
        check_tables(connection, standing, if_exists, may_fire=may_fire, updates=updates)
        fired = what_fires(connection, standing, updates=updates)
        before = sequence_states(connection, standing)
        is_merged, emptied = if_exists is IfExists.MERGE, list[ObjectResult]()
        if is_merged:
            kept = copy_aside(connection, standing, previous_schema)
        else:
            kept, emptied = set_aside(connection, standing, previous_schema, may_fire=may_fire)
        loads = [
            RowTransfer.of(plan, tables[plan.target_name], quoted(staging_schema, plan.target_name))
            for plan in plans
        ]
        merged = take_standing(connection, plans, loads, staging_schema) if is_merged else []
        if on_conflict is OnConflict.ABORT:
            names = TableNames.among(plan.source_label for plan in plans)
            told = {names.table(one.plan.source_label, one.plan.name): one.count for one in merged}
            refuse_conflicts(told, schema)
        results, refused = _insert(
            connection, loads, staging_schema, first_only=first_only, may_fire=may_fire
        )
        results = emptied + unfilled_columns_told(connection, results, loads)
        if refused and first_only:
            return LoadedRows({}, results, refused, [])
        findings: list[Finding] = []
        if merged:
            results += settle(connection, merged, on_conflict, may_fire=may_fire)
            if on_conflict is OnConflict.TARGET:
                findings += [
                    one.count.kept(one.plan.name).of(one.plan.source_label)
                    for one in merged
                    if one.count.differing
                ]
        for plan, load in zip(plans, loads, strict=True):
            if not is_merged:
                _prove(connection, load)
            found = computed_differences(connection, plan, load)
            found += inherited_rows(connection, plan.name, load.table.oid)
            findings += [one.of(plan.source_label) for one in found]
        results += advance_sequences(connection, standing, given_out)
        sums = {table.name: fingerprint(connection, table.own_rows) for table in standing}
        record = {
            "data_only": True,
            "fire_triggers": may_fire,
            "target_schema": schema,
            "tables": [
                {
                    "name": t.name,
                    "oid": t.oid,
                    "kept": t.name in kept,
                    "merged": is_merged,
                    "kept_oid": kept.get(t.name),
                    **recorded(sums[t.name]),
                }
                for t in standing
            ],
            "sequences": before,
        }
    labels = {plan.target_name: plan.source_label for plan in plans}
    findings += [
        Finding(
            FindingKind.TRIGGER_FIRED,
            table,
            f"The {trigger.kind} {trigger.name} fired while {sums[table].rows:,} rows went in (--fire-triggers)",
            is_error=False,
        ).of(labels[table])
        for table, trigger in fired
    ]
    return LoadedRows(record, results, refused, findings)


def recorded(found: Fingerprint) -> dict[str, Any]:
    """Return a checksum of the server's as it stands in the record of a load."""
    return {"rows": found.rows, "checksum": str(found.checksum)}


def is_changed(connection: Connection, table: ApplicationTable, entry: Mapping[str, Any]) -> bool:
    """Tell whether a table holds other rows than its entry in the record of a load says."""
    now = recorded(fingerprint(connection, table.own_rows))
    return now != {name: entry[name] for name in now}


def take_back(
    connection: Connection, record: dict[str, Any], previous_schema: str, kept_schema: str | None = None
) -> list[ObjectResult]:
    """Reverse `load_rows` in the caller's transaction: remove the run's rows, put back those that stood there.

    With `kept_schema`, which is created, all rows are copied into it first, whoever has written them.

    Raises:
        TargetChangedError: tables are gone, or their rows have been changed since; nothing was changed.
        TargetPermissionError: the role lacks a right; nothing was changed.
    """
    schema = str(record["target_schema"])
    may_fire = bool(record.get("fire_triggers"))
    with _translated(schema=schema):
        run_sql(connection, f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        entries = {entry["oid"]: entry for entry in record["tables"]}
        found = application_tables_with(connection, list(entries))
        gone = [entry["name"] for oid, entry in entries.items() if oid not in found]
        if gone:
            raise TargetChangedError(
                f"Tables of the run have been dropped since: {some(gone)}", schema=schema
            )
        # By oid: a table that was moved or renamed since is followed, and is still the one that the run filled.
        tables = list(found.values())
        refuse_lacking(connection, load_rights(connection, tables), schema=schema)
        refuse_referring(connection, tables, schema)
        run_sql(
            connection,
            f"LOCK TABLE {', '.join(table.own_rows for table in tables)} IN ACCESS EXCLUSIVE MODE",
        )
        changed = [table.name for table in tables if is_changed(connection, table, entries[table.oid])]
        if kept_schema is not None:
            run_sql(connection, f"CREATE SCHEMA {quoted(kept_schema)}")
            for table in tables:
                copy = quoted(kept_schema, table.name)
                run_sql(connection, f"CREATE TABLE {copy} AS SELECT * FROM {table.own_rows}")
        elif changed:
            raise TargetChangedError(
                f"Rows have been changed since the run: {some(changed)}",
                remedy="A rollback would lose these changes; empty the tables by hand if they may go",
                schema=schema,
            )
        emptied = empty(connection, tables, may_fire=may_fire)
        kept = {
            table.oid: kept_rows(connection, table, entries[table.oid], previous_schema)
            for table in tables
            if entries[table.oid]["kept"]
        }
        back = [
            RowTransfer(
                table,
                kept[table.oid],
                tuple(column.name for column in table.columns if not column.is_generated),
            )
            for table in tables
            if table.oid in kept
        ]
        _insert_all(connection, back, may_fire=may_fire)
        for load in back:
            if fingerprint(connection, load.origin) != fingerprint(connection, load.table.own_rows):
                raise RowsChangedError(
                    "The rows that stood here before do not come back as they were; a trigger, rule or policy"
                    " changed them",
                    table=load.table.name,
                    remedy="Put it to rest, then roll back again; nothing was changed",
                )
        if back:
            remove_own_schema(connection, previous_schema, None, then="roll back again")
        restore_sequences(connection, record["sequences"])
    return emptied + [
        ObjectResult(
            "table",
            table.name,
            ObjectState.CHANGED,
            "rolled back: the rows that stood here before are back"
            if table.oid in kept
            else "rolled back: the run's rows are removed",
        )
        for table in tables
    ]


def _insert(
    connection: Connection,
    arrivals: Sequence[RowTransfer],
    staging_schema: str,
    *,
    first_only: bool,
    may_fire: bool,
) -> tuple[list[ObjectResult], list[RefusedRows]]:
    try:
        with connection.begin_nested():
            return _insert_all(connection, arrivals, may_fire=may_fire), []
    except DBAPIError as error:
        if not speaks_of_a_row(error):
            raise
    return _insert_fitting(connection, arrivals, staging_schema, first_only=first_only, may_fire=may_fire)


def _insert_all(
    connection: Connection, arrivals: Sequence[RowTransfer], *, may_fire: bool
) -> list[ObjectResult]:
    """Insert everything, parents first, with the application's triggers at rest and circular keys put off."""
    tables = [arrival.table for arrival in arrivals]
    by_oid = {arrival.table.oid: arrival for arrival in arrivals}
    ordered, circular = parents_first(tables, foreign_keys_to(connection, list(by_oid)))
    with (
        triggers_at_rest(connection, tables, may_fire=may_fire) as results,
        keys_put_off(connection, tables, circular),
    ):
        run_sql(connection, "SET CONSTRAINTS ALL DEFERRED")
        for table in ordered:
            run_sql(connection, by_oid[table.oid].insert_sql())
    return results


def _insert_fitting(
    connection: Connection,
    arrivals: Sequence[RowTransfer],
    staging_schema: str,
    *,
    first_only: bool,
    may_fire: bool,
) -> tuple[list[ObjectResult], list[RefusedRows]]:
    """Insert what the constraints take; the rest goes into tables of its own in the staging schema."""
    tables = [arrival.table for arrival in arrivals]
    number_rows(connection, arrivals)
    held = {table.oid: f"convoy_refused_{number}" for number, table in enumerate(tables)}
    aside = {oid: quoted(staging_schema, name) for oid, name in held.items()}
    with triggers_at_rest(connection, tables, may_fire=may_fire) as results:
        refused = insert_fitting(connection, arrivals, aside, first_only=first_only)
    return results, [
        RefusedRows(table.name, held[table.oid], refused[table.oid])
        for table in tables
        if table.oid in refused
    ]


def _prove(connection: Connection, arrival: RowTransfer) -> None:
    """Compare rows and checksum of what was staged with what stands in the table now, on the server.

    Raises:
        PermanentError: they differ: a rule, a policy or somebody else's trigger has changed rows.
    """
    staged = f"ROW({', '.join(arrival.value(name) for name in arrival.columns)})::text"
    stands = f"ROW({', '.join(quoted(name) for name in arrival.columns)})::text"
    if fingerprint(connection, arrival.origin, staged) != fingerprint(
        connection, arrival.table.own_rows, stands
    ):
        raise RowsChangedError(
            "The rows in the table are not those that were put into it; a trigger, rule or policy changed them",
            table=arrival.table.name,
            remedy="Connect as the table's owner, whose right it is to put its triggers to rest",
        )


@contextmanager
def _translated(**place: Unpack[Place]) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        raise translate(error, **place) from error
