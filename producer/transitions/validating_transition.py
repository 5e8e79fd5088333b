"""After validating: without equal digests there is no cutover, and the differing rows are named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from migration.errors import NotEqualError
from migration.ledger.chunk_records import read_all_loaded, read_loaded
from migration.ledger.digest_records import stored_digest
from migration.ledger.ledger_tables import steps
from migration.ledger.run_results import add_findings, save_schema_checked, save_verdicts
from migration.ledger.table_records import TableRecord, planned, read_tables
from migration.model import Mode, Phase
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.source_table_names import errors_of_source
from migration.steps.digest_renewal import renew_digests
from migration.steps.run_schema_names import staging_schema
from migration.steps.step_context import read_planned_table
from migration.target.loading.table_readback import TargetReader
from migration.validation.row_digest import DigestSum, combine
from producer.transitions.differing_rows import find_difference
from producer.transitions.run_end import before_cutover, completed
from producer.transitions.staged_proof import note_signatures
from producer.transitions.staged_schema import StagedSchema, compare_staged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from migration.model import Digest, Finding
    from migration.steps.step_context import PlannedTable
    from producer.transitions.transition_context import TransitionContext


@dataclass(frozen=True, slots=True)
class _Comparison:
    """The digests of one table on both sides, and what differs."""

    table: TableRecord
    source: Digest
    target: Digest
    findings: list[Finding]


@dataclass(frozen=True, slots=True)
class Compared:
    """What is known of both sides before the verdict is written."""

    tables: list[_Comparison]
    schema: StagedSchema


def compare_sides(context: TransitionContext, run: RunRecord) -> Compared:
    """Compare rows and schema of every table; a run in mode `validate` has done so in its steps."""
    if run.options.mode is Mode.VALIDATE:
        return Compared([], StagedSchema())
    return Compared(_compare_digests(context, run), compare_staged(context, run))


def _compare_digests(context: TransitionContext, run: RunRecord) -> list[_Comparison]:
    """Compare the digests of both sides of every table; where they differ, read both again and name the rows."""
    with context.engine.begin() as connection:
        tables = read_tables(connection, run.id)
        loaded = read_all_loaded(connection, {table.id for table in tables})
        stands = _read_back(connection, run)
    compared: list[_Comparison] = []
    for table in tables:
        with errors_of_source(run.options.table_names.label(planned(table).source_label)):
            source, target = _comparable(
                context, run, table, loaded[table.id].digests, stands.get(table.id, ())
            )
            found = find_difference(context, run, table) if source != target else []
        compared.append(_Comparison(table, source, target, found))
    return compared


def _comparable(
    context: TransitionContext,
    run: RunRecord,
    table: TableRecord,
    loaded: Sequence[Digest],
    stands: Sequence[Digest],
) -> tuple[Digest, Digest]:
    """Return the digests of both sides; those of an earlier version of Convoy or DuckDB are computed anew first."""
    source, target = combine(loaded), combine(stands)
    if source.is_comparable_with(target):
        return source, target
    with context.engine.begin() as connection, SnapshotAccess(context.settings) as snapshots:
        planned = read_planned_table(connection, run.id, table.id)
        renew_digests(connection, planned, snapshots)
        source = combine(read_loaded(connection, table.id).digests)
    if not source.is_comparable_with(target):
        target = _read_anew(context, planned)
    return source, target


def _read_anew(context: TransitionContext, table: PlannedTable) -> Digest:
    total = DigestSum()
    with TargetReader(context.target_url) as reader:
        for batch in reader.batches(staging_schema(table.run, table.plan.target_schema), table.plan):
            total.add(batch, table.plan.copied_columns)
    return total.digest()


def finish_validating(
    _context: TransitionContext, locked: LockedRun, compared: Compared
) -> Phase | NotEqualError:
    """Write the verdicts; without equality the run ends here."""
    connection, run = locked.connection, locked.record
    if run.options.mode is Mode.VALIDATE:
        return completed(connection, run)
    add_findings(connection, run.id, compared.schema.findings)
    save_schema_checked(connection, compared.schema.checked)
    save_verdicts(connection, {one.table.id: (one.source, one.target) for one in compared.tables})
    for one in compared.tables:
        label = planned(one.table).source_label
        add_findings(connection, run.id, [finding.of(label) for finding in one.findings])
    unequal = [
        run.options.table_names.table(planned(one.table).source_label, one.table.name)
        for one in compared.tables
        if one.source != one.target
    ]
    if not unequal:
        note_signatures(connection, run, [one.table for one in compared.tables])
        return before_cutover(connection, run)
    return NotEqualError(
        f"Source and target differ in {', '.join(unequal)}",
        run=run.id,
        remedy="No table that users see was changed; read the findings in the report",
    )


def _read_back(connection: Connection, run: RunRecord) -> dict[int, list[Digest]]:
    """Return the digests of all parts that were read back, by the table's id."""
    found: dict[int, list[Digest]] = {}
    for row in connection.execute(
        select(steps.c.table_id, steps.c.result).where(
            steps.c.run_id == run.id, steps.c.phase == Phase.VALIDATING.value, steps.c.table_id.is_not(None)
        )
    ):
        found.setdefault(row.table_id, []).append(
            stored_digest(row.result["rows"], row.result["checksum"], row.result.get("algorithm"))
        )
    return found
