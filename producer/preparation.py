"""Snapshotting: freeze every source, read what it declares, and split its tables into chunks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from migration.ledger.chunks import NewChunk
from migration.ledger.contents import SourceRecord, add_source, add_table, clear_contents
from migration.ledger.outcome import add_findings
from migration.ledger.runs import move_run
from migration.ledger.steps import NewStep, add_steps
from migration.ledger.store import wait_for_disk
from migration.mapping.overlay import check_mapping, overlay
from migration.mapping.select import check_names, select_tables
from migration.model import Finding, FindingKind, Mode, Phase, RunOptions, Source
from migration.source.connect import snapshot_uri
from migration.source.expressions import check_expressions, read_error
from migration.source.introspect import read_schema
from migration.source.shelf import note_use
from migration.source.snapshot import flush, take_and_read
from migration.source.split import Split, average_row_bytes, split_table, taper
from migration.source_schema import SourceObject, SourceSchema, SourceTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.ledger.runs import RunRecord
    from migration.overrides import MappingFile
    from producer.workspace import Workspace

SMALLEST_CHUNK_BYTES = 4 * 1024 * 1024
LARGEST_CHUNK_BYTES = 64 * 1024 * 1024
CHUNKS_FOR_EACH_WORKER = 8
"""So many that a slow one at the end costs little, so few that a chunk outweighs its bookkeeping."""
_PARTS_OF_LAST_CHUNKS = 4
"""What a worker waits for the others at the end of a phase is a part of a chunk, rather than a chunk."""


@dataclass(frozen=True, slots=True)
class _Frozen:
    """A source as its snapshot has it; `chunks` by the name of the table."""

    record: SourceRecord
    chunks: Mapping[str, list[NewChunk]]
    damage: list[Finding]


def prepare(workspace: Workspace, run: RunRecord) -> bool:
    """Write sources, tables, chunks and the steps of the next phase; done again from the start after a crash.

    Raises:
        SourceError: a source cannot be used.
        UsageError: a table was named that is not there, or the mapping file does not fit the sources.
    """
    frozen = [_freeze(workspace, source, run) for source in run.options.sources]
    schemas = [(found.record.label, found.record.schema) for found in frozen]
    check_names(schemas, run.options)
    check_mapping(schemas, run.options)
    records = [_as_mapped(found.record, run.options.mapping) for found in frozen]
    with workspace.engine.begin() as connection:
        wait_for_disk(connection)
        clear_contents(connection, run.id)
        following = Phase.VALIDATING if run.options.mode is Mode.VALIDATE else Phase.PROFILING
        new: list[NewStep] = []
        for record, found in zip(records, frozen, strict=True):
            source_id = add_source(connection, run.id, record)
            add_findings(connection, run.id, found.damage)
            if run.options.mode is Mode.VALIDATE:
                new.append(NewStep(spec={"source_id": source_id}, weight=record.bytes))
                continue
            for table in select_tables(record.label, record.schema, run.options):
                parts = found.chunks[table.name]
                _, chunk_ids = add_table(connection, run.id, source_id, table.name, parts)
                average = record.bytes // max(1, sum(part.rows for part in parts))
                new.extend(
                    NewStep(chunk_id=chunk_id, weight=part.rows * min(average, 1_000))
                    for chunk_id, part in zip(chunk_ids, parts, strict=True)
                )
        add_steps(connection, run.id, following, new)
        is_moved = move_run(connection, run, following)
    if run.options.mode is not Mode.VALIDATE:  # only now: a commit would wait behind the snapshots
        for found in frozen:
            workspace.flushing.start(run.id, Path(found.record.snapshot))
    return is_moved


def _freeze(workspace: Workspace, source: Source, run: RunRecord) -> _Frozen:
    folder = workspace.settings.snapshot_dir.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    look = partial(_look, source.label, run.options)
    while True:
        snapshot, (schema, chunks) = take_and_read(source, folder, look, salvage=run.options.salvage)
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
    )
    damage = [
        Finding(FindingKind.DAMAGED_RANGE, d.table, f"source {source.label}: {d.message}", None, d.key, False)
        for d in snapshot.damage
    ]
    return _Frozen(record, chunks, damage)


def _look(label: str, options: RunOptions, path: Path) -> tuple[SourceSchema, dict[str, list[NewChunk]]]:
    """Read what a frozen source declares, and split the tables that the run asks for, by name."""
    schema = read_schema(path)
    if options.mode is Mode.VALIDATE:
        return schema, {}
    chunks = {}
    with closing(sqlite3.connect(snapshot_uri(path), uri=True)) as opened:
        for table in select_tables(label, schema, options):
            try:
                parts = _split(opened, table, path.stat().st_size, options)
            except sqlite3.Error as error:
                raise read_error(table, error) from error
            chunks[table.name] = [NewChunk(part.key_range, part.rows) for part in parts]
    return schema, chunks


def _as_mapped(record: SourceRecord, mapping: MappingFile | None) -> SourceRecord:
    if mapping is None:
        return record
    schema = overlay(record.schema, record.label, mapping)
    check_expressions(Path(record.snapshot), schema, mapping.name)
    return replace(record, schema=schema)


def _split(
    opened: sqlite3.Connection, table: SourceTable, source_bytes: int, options: RunOptions
) -> list[Split]:
    if options.chunk_rows:
        return split_table(opened, table, options.chunk_rows)
    workers = max(1, options.workers)
    chunk_bytes = source_bytes // (CHUNKS_FOR_EACH_WORKER * workers)
    chunk_bytes = max(SMALLEST_CHUNK_BYTES, min(LARGEST_CHUNK_BYTES, chunk_bytes))
    rows = max(1, chunk_bytes // max(1, average_row_bytes(opened, table)))
    parts = split_table(opened, table, rows)
    if chunk_bytes < _PARTS_OF_LAST_CHUNKS * SMALLEST_CHUNK_BYTES:
        return parts
    smaller = -(-rows // _PARTS_OF_LAST_CHUNKS)
    return taper(opened, table, parts, last=workers + 1, chunk_rows=smaller)  # the very last is a remainder
