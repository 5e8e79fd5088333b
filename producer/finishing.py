"""After copying: conservation, indexes, proof by digest, and the cutover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from migration.errors import PermanentError
from migration.ledger.chunks import read_loaded
from migration.ledger.contents import TableRecord, planned, read_sources, read_tables
from migration.ledger.outcome import (
    add_findings,
    count_findings,
    count_quarantined,
    read_transform_totals,
    save_verdict,
)
from migration.ledger.runs import move_run
from migration.ledger.steps import NewStep, add_steps, count_states
from migration.ledger.tables import runs, steps
from migration.mapping.asked import is_asked_for
from migration.mapping.rules import RULES
from migration.model import Digest, Finding, FindingKind, Mode, Phase
from migration.steps.index import index_steps
from migration.steps.schemas import previous_schema, staging_schema, target_schemas
from migration.target.cutover import cut_over
from migration.target.readback import block_ranges
from migration.validation.digest import combine
from producer.difference import find_difference
from producer.loading import load_schema

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.runs import RunRecord
    from producer.workspace import Workspace

VERIFY_BYTES = 32 * 1024 * 1024
"""Heap that one verify step reads back."""


def finish_copying(workspace: Workspace, run: RunRecord) -> bool:
    """Check conservation, then lay out the indexing and the reading back; a dry-run ends here."""
    with workspace.engine.begin() as connection:
        tables = read_tables(connection, run.id)
        for table in tables:
            loaded = read_loaded(connection, table.id)
            if loaded.rows_loaded + loaded.rows_quarantined != table.rows:
                raise PermanentError(
                    f"{table.rows} rows were counted, but {loaded.rows_loaded} were loaded and "
                    f"{loaded.rows_quarantined} quarantined",
                    f"table {table.name}",
                    "Report this as a bug; no table that users see was changed",
                )
        add_findings(connection, run.id, _lossy_transforms(connection, run, tables))
        if run.options.mode is Mode.DRY_RUN:
            return move_run(connection, run, _completed(connection, run))
        add_steps(connection, run.id, Phase.INDEXING, index_steps(tables, run.options.workers))
        if not run.options.skip_validation:
            _lay_out_validating(connection, run, tables)
        return move_run(connection, run, Phase.INDEXING)


def _lossy_transforms(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> list[Finding]:
    """Return a finding for each column that lost something which nobody has asked to lose."""
    names = {table.id: table.name for table in tables}
    asked = {
        (table.id, column.name): column.override
        for source in read_sources(connection, run.id)
        for declared in source.schema.tables
        for table in tables
        if table.source_id == source.id and table.name == declared.name
        for column in declared.columns
    }
    lossy = {rule.transform for rule in RULES.values() if rule.lossy}
    return [
        Finding(
            FindingKind.LOSSY_TRANSFORM,
            names[table_id],
            f"{count} values lost something to the transform {transform}",
            column=column,
            is_error=False,
        )
        for (table_id, column, transform), count in read_transform_totals(connection, run.id).items()
        if transform in lossy and not is_asked_for(transform, asked.get((table_id, column)))
    ]


def finish_indexing(workspace: Workspace, run: RunRecord) -> bool:
    """Go on to the comparison; much of the reading back has been done meanwhile."""
    with workspace.engine.begin() as connection:
        if run.options.skip_validation:
            skipped = Finding(
                FindingKind.DIGEST_MISMATCH,
                "",
                "Validation was skipped on request: nothing is proved",
                is_error=False,
            )
            add_findings(connection, run.id, [skipped])
            return move_run(connection, run, Phase.CUTTING_OVER)
        if not count_states(connection, run.id, Phase.VALIDATING):
            # The run was copied by a version that laid this out only now.
            _lay_out_validating(connection, run, read_tables(connection, run.id))
        return move_run(connection, run, Phase.VALIDATING)


def _lay_out_validating(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> None:
    """Write the steps that read every table back from staging, where its rows stand and change no more."""
    new: list[NewStep] = []
    for table in tables:
        plan = planned(table)
        schema = staging_schema(run, plan.target_schema)
        blocks = block_ranges(connection, schema, plan.target_name, VERIFY_BYTES)
        new.extend(
            NewStep(
                table_id=table.id,
                spec={"first": block.first, "last": block.last},
                weight=table.bytes // len(blocks),
            )
            for block in blocks
        )
    add_steps(connection, run.id, Phase.VALIDATING, new)


def finish_validating(workspace: Workspace, run: RunRecord) -> bool:
    """Compare the digests of both sides; without equality there is no cutover.

    Raises:
        PermanentError: a table differs.
    """
    with workspace.engine.begin() as connection:
        if run.options.mode is Mode.VALIDATE:
            return move_run(connection, run, _completed(connection, run))
        unequal = [
            table for table in read_tables(connection, run.id) if not _is_equal(connection, run, table)
        ]
    if unequal:
        found = [finding for table in unequal for finding in find_difference(workspace, run, table)]
        with workspace.engine.begin() as connection:
            add_findings(connection, run.id, found)
        raise PermanentError(
            f"Source and target differ in {', '.join(table.name for table in unequal)}",
            f"run {run.id}",
            "No table that users see was changed; read the findings in the report",
        )
    with workspace.engine.begin() as connection:
        return move_run(connection, run, Phase.CUTTING_OVER)


def _is_equal(connection: Connection, run: RunRecord, table: TableRecord) -> bool:
    loaded = read_loaded(connection, table.id)
    results = connection.execute(
        select(steps.c.result).where(
            steps.c.run_id == run.id, steps.c.phase == Phase.VALIDATING.value, steps.c.table_id == table.id
        )
    ).scalars()
    source = combine(loaded.digests)
    target = combine(Digest(result["rows"], result["checksum"]) for result in results)
    save_verdict(connection, table.id, source, target)
    return source == target


def finish_cutting_over(workspace: Workspace, run: RunRecord) -> bool:
    """Show the tables to users: one transaction, together with the run's end."""
    with workspace.engine.begin() as connection:
        tables = read_tables(connection, run.id)
        put_in_place = load_schema if run.options.data_only else _show_tables
        record = [
            {
                "record": put_in_place(
                    connection,
                    run,
                    schema,
                    [table for table in tables if planned(table).target_schema == schema],
                ),
                "previous_schema": previous_schema(run, schema),
            }
            for schema in target_schemas([planned(table) for table in tables])
        ]
        connection.execute(update(runs).where(runs.c.id == run.id).values(cutover=record))
        return move_run(connection, run, _completed(connection, run))


def _show_tables(
    connection: Connection, run: RunRecord, schema: str, tables: list[TableRecord]
) -> dict[str, Any]:
    return cut_over(
        connection,
        staging_schema=staging_schema(run, schema),
        previous_schema=previous_schema(run, schema),
        plans=[planned(table) for table in tables],
        if_exists=run.options.if_exists,
    )


def _completed(connection: Connection, run: RunRecord) -> Phase:
    if count_findings(connection, run.id) or count_quarantined(connection, run.id):
        return Phase.COMPLETED_WITH_FINDINGS
    return Phase.COMPLETED
