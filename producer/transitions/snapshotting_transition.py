"""Snapshotting: freeze every source, read what it declares, and split its tables into chunks."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from migration.ledger.chunk_records import NewChunk
from migration.ledger.ledger_database import wait_for_disk
from migration.ledger.run_results import add_findings
from migration.ledger.step_records import NewStep, add_steps
from migration.ledger.table_records import SourceRecord, add_source, add_tables, clear_contents
from migration.mapping_file.loss_signatures import check_signatures
from migration.mapping_file.mapping_file_application import apply_mapping, check_mapping
from migration.model import Finding, FindingKind, Mode, Phase, Source
from migration.run_options import RunOptions
from migration.schema_translation.request_refusals import refuse_by_name
from migration.schema_translation.source_plan import check_collisions
from migration.schema_translation.table_selection import check_names, select_tables
from migration.source.row_reading.chunk_size import split_into_chunks
from migration.source.row_reading.mapping_expression_check import check_expressions, read_error
from migration.source.schema_reading.applied_versions import with_applied_versions
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshot_connection import open_snapshot
from migration.source.snapshots.snapshot_creation import flush, take_and_read
from migration.source.snapshots.snapshot_retention import note_use
from migration.source.source_budget import SourceBudget
from migration.source.source_path import full_location
from migration.source_schema import SourceObject, SourceSchema
from migration.source_table_names import errors_of_source
from migration.target.application_tables.bookkeeping_comparison import check_versions
from migration.writable_folders import setting_of_folder, writable_folder
from producer.transitions.snapshot_publication import publication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.ledger.run_records import RunRecord
    from migration.ledger.run_transition import LockedRun
    from migration.mapping_file_model import MappingFile
    from producer.transitions.transition_context import TransitionContext


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A source as its snapshot has it; `chunks` by the name of the table."""

    record: SourceRecord
    chunks: Mapping[str, list[NewChunk]]
    damage: list[Finding]


def freeze_sources(context: TransitionContext, run: RunRecord) -> list[_Frozen]:
    """Freeze every source, read what it declares, and split its tables into chunks.

    Raises:
        SourceError: a source cannot be used.
        SnapshotDiskFullError: a snapshot does not fit onto the disk now.
        UsageError: options contradict each other, a table was named that is not there, the mapping file does not fit
            the sources, or two of them have tables of one name.
        VersionsDifferError: the applications of both sides are not at the same version.
    """
    refuse_by_name(run.options)
    names = run.options.table_names
    frozen: list[_Frozen] = []
    for source in run.options.sources:
        with errors_of_source(names.label(source.label)):
            frozen.append(_freeze(context, source, run))
    schemas = [(found.record.label, found.record.schema) for found in frozen]
    check_names(schemas, run.options)
    check_mapping(schemas, run.options)
    check_signatures(schemas, run.options)
    with context.engine.connect() as connection:
        check_versions(connection, schemas, run.options)
    budget = SourceBudget.of(context.settings)
    mapped: list[_Frozen] = []
    for found in frozen:
        with errors_of_source(names.label(found.record.label)):
            record = _as_mapped(found.record, run.options.mapping, budget)
        mapped.append(replace(found, record=record))
    if run.options.mode is not Mode.VALIDATE:
        check_collisions([(found.record.label, found.record.schema) for found in mapped], run.options)
    return mapped


def finish_snapshotting(_context: TransitionContext, locked: LockedRun, frozen: list[_Frozen]) -> Phase:
    """Write sources, tables, chunks and the steps of the next phase, in place of what an earlier try has left."""
    connection, run = locked.connection, locked.record
    wait_for_disk(connection)
    clear_contents(connection, run.id)
    following = Phase.VALIDATING if run.options.mode is Mode.VALIDATE else Phase.PROFILING
    new: list[NewStep] = []
    for found in frozen:
        record = found.record
        source_id = add_source(connection, run.id, record)
        add_findings(connection, run.id, found.damage)
        if run.options.mode is Mode.VALIDATE:
            new.append(NewStep(spec={"source_id": source_id}, weight=record.bytes))
            continue
        parts_of = {
            table.name: found.chunks[table.name]
            for table in select_tables(record.label, record.schema, run.options)
        }
        added = add_tables(connection, run.id, source_id, parts_of)
        for parts, (_, chunk_ids) in zip(parts_of.values(), added, strict=True):
            average = record.bytes // max(1, sum(part.rows for part in parts))
            new.extend(
                NewStep(chunk_id=chunk_id, weight=part.rows * min(average, 1_000))
                for chunk_id, part in zip(chunk_ids, parts, strict=True)
            )
    add_steps(connection, run.id, following, new)
    return following


def start_flushes(context: TransitionContext, run: RunRecord, frozen: list[_Frozen]) -> None:
    """Begin to write the snapshots to the disk: only now, because a commit would wait behind them."""
    if run.options.mode is not Mode.VALIDATE:
        for found in frozen:
            context.snapshot_flushes.start(run.id, Path(found.record.snapshot))


def _freeze(context: TransitionContext, source: Source, run: RunRecord) -> _Frozen:
    folder = writable_folder(
        context.settings.snapshot_dir,
        holds="snapshots",
        setting=setting_of_folder(context.settings, "snapshot_dir"),
    )
    known = context.settings.source_urls
    urls = known.get_secret_value().split() if known is not None else []
    whole = replace(source, location=full_location(source.location, urls))
    look = partial(_look, source.label, run.options)
    with (
        context.snapshot_room.wanted(run.id, source, folder),
        publication(context.settings, run.id) as publish,
    ):
        while True:
            snapshot, (schema, chunks) = take_and_read(
                whole,
                folder,
                look,
                salvage=run.options.salvage,
                hand_on=publish,
                budget=SourceBudget.of(context.settings),
            )
            if note_use(snapshot.path, run.id):
                break  # otherwise it was there already, and was removed at this moment
    if run.options.mode is Mode.VALIDATE:
        flush(snapshot.path)  # no plan follows, which waits for it
    lost = [SourceObject("table", d.table, None, d.message) for d in snapshot.damage if d.is_table_lost]
    record = SourceRecord(
        0,
        source.label,
        source.location,
        str(snapshot.path),
        snapshot.sha256,
        snapshot.bytes,
        replace(schema, objects=(*schema.objects, *lost)),
        given_sha256=snapshot.given.sha256 if snapshot.given else None,
        given_bytes=snapshot.given.bytes if snapshot.given else None,
    )
    damage = [
        Finding(
            FindingKind.DAMAGED_RANGE, d.table, f"source {source.label}: {d.message}", None, d.key, False
        ).of(source.label)
        for d in snapshot.damage
    ]
    return _Frozen(record, chunks, damage)


def _look(label: str, options: RunOptions, path: Path) -> tuple[SourceSchema, dict[str, list[NewChunk]]]:
    """Read what a frozen source declares, and split the tables that the run asks for, by name."""
    schema = with_applied_versions(label, read_schema(path), path, options)
    if options.mode is Mode.VALIDATE:
        return schema, {}
    chunks = {}
    with open_snapshot(path) as opened:
        for table in select_tables(label, schema, options):
            try:
                parts = split_into_chunks(opened, table, path.stat().st_size, options)
            except sqlite3.Error as error:
                raise read_error(table, error) from error
            chunks[table.name] = [NewChunk(part.key_range, part.rows) for part in parts]
    return schema, chunks


def _as_mapped(record: SourceRecord, mapping: MappingFile | None, budget: SourceBudget) -> SourceRecord:
    if mapping is None:
        return record
    schema = apply_mapping(record.schema, record.label, mapping)
    check_expressions(Path(record.snapshot), schema, mapping.name, budget)
    return replace(record, schema=schema)
