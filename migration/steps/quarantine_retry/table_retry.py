"""One table of a retry: its quarantined rows are read again, converted, sent, inserted, proved, and written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from migration.errors import RowsChangedError, TargetChangedError
from migration.ledger.chunk_records import ChunkRecord, read_chunk, read_loaded
from migration.ledger.object_notes import add_remark
from migration.ledger.quarantine_records import (
    HeldChunk,
    add_rejections,
    change_reason,
    forget_entries,
    held_rows,
    release_rows,
)
from migration.ledger.run_records import RunRecord
from migration.ledger.run_results import (
    add_findings,
    is_different,
    read_digests,
    save_changed_rows,
    save_difference,
    save_verdict,
)
from migration.mapping_file.loss_signatures import loss_findings
from migration.mapping_file_model import MappingFile
from migration.model import Digest, Finding, ObjectResult, ObjectState
from migration.schema_translation.postgres_limits import may_refuse_rows
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.quarantine_retry.changed_mapping_plan import as_it_stands, remapped
from migration.steps.quarantine_retry.quarantined_row_reader import ChunkReplay
from migration.steps.quarantine_retry.row_size_trial import refused_for_size
from migration.steps.rejection_spool import RejectionSpool
from migration.steps.step_context import PlannedTable, read_planned_table
from migration.target.application_tables.computed_columns import computed_differences
from migration.target.application_tables.data_only_cutover import is_changed, recorded
from migration.target.application_tables.quarantine_retry_table import RetryTable
from migration.target.application_tables.row_refusal_errors import Refusal
from migration.target.application_tables.row_transfer import RowTransfer
from migration.target.loading.server_checksum import fingerprint
from migration.target.loading.uncommitted_readback import read_uncommitted
from migration.target.pg_catalog.application_table_facts import read_application_tables
from migration.target.pg_catalog.schema_relations import relations_with
from migration.target.pg_catalog.sequence_positions import advance_sequences
from migration.target.sql_statements import driver_connection
from migration.validation.loss_count import LossCount
from migration.validation.row_digest import DigestSum, combine
from migration.validation.server_casts import ServerCasts, server_casts
from migration.value_conversion.batch_size import batch_rows
from migration.value_conversion.row_key import Key, storable_key

_BY_THEMSELVES = (
    "rows of the quarantine came in later and are proved by themselves,"
    " since the table had been written to since the cutover"
)


@dataclass(frozen=True, slots=True)
class RetriedTable:
    """What became of one table's quarantine. `reasons` counts the rows that stay, by the first reason of each."""

    source: str
    name: str
    stored: int
    remaining: int
    reasons: Mapping[str, int]
    written_since: bool = False
    """The table holds more than the run has put there, so the stored rows alone are proved."""
    lost: tuple[str, ...] = ()
    """What nobody has signed for of the losses of the stored rows: `price: cut_by_type`."""


@dataclass(slots=True)
class _Part:
    """The rows of one chunk that fit: numbers `first` onwards in the inserter belong to `kept`, in order."""

    record: ChunkRecord
    held: HeldChunk
    entries: Mapping[Key, list[int]]
    first: int
    kept: list[Key]
    digest: Digest
    transforms: Mapping[tuple[str, str], int]
    losses: LossCount
    too_large: frozenset[Key] = frozenset()
    """Rows whose values fit, and that the server does not take as a whole."""
    reasons: dict[str, int] = field(default_factory=dict)
    stored: Digest = field(default_factory=lambda: combine([]))


class TableRetry:
    """One table of a retry: load what fits, insert what constraints take, prove, and write it down."""

    def __init__(
        self,
        connection: Connection,
        run: RunRecord,
        table_id: int,
        held: list[HeldChunk],
        mapping: MappingFile | None,
        number: int,
        snapshots: SnapshotAccess,
    ) -> None:
        self._connection = connection
        self._run = run
        self._held = held
        self._number = number
        self._table = read_planned_table(connection, run.id, table_id)
        self._snapshot = snapshots.path(self._table.source)
        self._schema, name, self._entry = _where_it_stands(connection, run, self._table)
        there = read_application_tables(connection, self._schema, [name])
        if run.options.data_only and name in there:
            self._table = as_it_stands(connection, self._table, there[name], snapshots)
        self._standing = replace(self._table.plan, target_name=name)
        self._waiting = RetryTable(connection, self._schema, self._standing, number)
        self._replay = remapped(connection, self._table, mapping, self.arrival.table, snapshots)
        self._losses = LossCount()
        self._was_written_to = self._entry is not None and is_changed(
            connection, self.arrival.table, self._entry
        )
        self._parts: list[_Part] = []
        self.refused: Mapping[int, Refusal] = {}
        """Number → refusal of the rows that the table does not take."""

    @property
    def source(self) -> str:
        """Label of its source."""
        return self._table.plan.source_label

    @property
    def arrival(self) -> RowTransfer:
        """The rows on their way into the table."""
        return self._waiting.arrival

    def load(self) -> None:
        """Convert the rows anew and send those that fit; what does not fit goes back into quarantine."""
        number = 1
        with self._reading() as (reader, casts):
            for held in self._held:
                part = self._load_chunk(reader, casts, held, number)
                number += len(part.kept)
                self._parts.append(part)

    @contextmanager
    def _reading(self) -> Iterator[tuple[SnapshotReader, ServerCasts | None]]:
        with (
            closing(SnapshotReader(self._snapshot)) as reader,
            server_casts(self._connection.engine, self._replay.plan) as casts,
        ):
            yield reader, casts

    def _load_chunk(
        self, reader: SnapshotReader, casts: ServerCasts | None, held: HeldChunk, first: int
    ) -> _Part:
        record = read_chunk(self._connection, held.id)
        entries = held_rows(self._connection, held.id)
        too_large = self._too_large(reader, record, entries)
        replay = ChunkReplay(reader, self._replay, record, entries, frozenset(too_large), casts)
        unfit: dict[Key, str] = {}
        with RejectionSpool() as spool:

            def fitting() -> Iterator[pa.RecordBatch]:
                for batch, rejections in replay.batches():
                    spool.add(rejections)
                    yield batch

            self._waiting.copy(driver_connection(self._connection), fitting())
            gone: list[int] = []
            for group in spool.groups():
                for rejection in group:
                    key = storable_key(rejection.key)
                    if key not in unfit:
                        unfit[key] = rejection.reason
                add_rejections(self._connection, self._run.id, held.table_id, held.id, group)
            for key in unfit:
                gone += entries.get(key, [])
            forget_entries(self._connection, gone)
        kept, digest, transforms = replay.kept, replay.digest(), replay.transforms
        part = _Part(
            record, held, entries, first, kept, digest, transforms, replay.losses, frozenset(too_large)
        )
        for key, reason in too_large.items():
            change_reason(self._connection, entries[key], reason)
        for reason in (*unfit.values(), *too_large.values()):
            part.reasons[reason] = part.reasons.get(reason, 0) + 1
        return part

    def _too_large(
        self, reader: SnapshotReader, record: ChunkRecord, entries: Mapping[Key, list[int]]
    ) -> dict[Key, str]:
        """Return the keys of rows whose values fit and that are too large for the server as a whole, and its words."""
        if not may_refuse_rows(self._replay.plan, self._replay.profile):
            return {}
        replay = ChunkReplay(reader, self._replay, record, entries)
        rows = (batch for batch, _ in replay.batches())
        refused = refused_for_size(self._connection, self._standing, rows)
        return {replay.kept[number]: refusal.reason for number, refusal in refused.items()}

    def finish(self) -> RetriedTable:
        """Prove what is there now and write down what happened.

        Raises:
            PermanentError: the rows that got in are not those of the source.
        """
        stored = 0
        reasons: dict[str, int] = {}
        with self._reading() as (reader, casts):
            for part in self._parts:
                stored += self._settle(reader, casts, part)
                for reason, rows in part.reasons.items():
                    reasons[reason] = reasons.get(reason, 0) + rows
        remaining = sum(part.held.rows_quarantined for part in self._parts) - stored
        unknown = remaining - sum(reasons.values())
        if unknown:
            reasons["the row has no key by which it could be found again"] = unknown
        written_since = False
        lost: tuple[str, ...] = ()
        if stored:
            advance_sequences(self._connection, [self.arrival.table], {})
            written_since = self._prove()
            found = self._lost()
            add_findings(self._connection, self._run.id, found)
            lost = tuple(f"{f.column}: {f.loss}" for f in found if not f.accepted_by)
        label, name = self._table.plan.source_label, self._table.plan.name
        return RetriedTable(label, name, stored, remaining, reasons, written_since, lost)

    def _settle(self, reader: SnapshotReader, casts: ServerCasts | None, part: _Part) -> int:
        """Write down the fate of one chunk's rows; return how many are stored."""
        numbers = range(part.first, part.first + len(part.kept))
        left_out = {part.kept[n - part.first]: self.refused[n] for n in numbers if n in self.refused}
        for key, refusal in left_out.items():
            change_reason(self._connection, part.entries[key], refusal.reason)
            part.reasons[refusal.reason] = part.reasons.get(refusal.reason, 0) + 1
        stored = [key for key in part.kept if key not in left_out]
        if not stored:
            return 0
        digest, transforms, losses = part.digest, part.transforms, part.losses
        if left_out:  # what was refused must not count: read once more without it
            replay = ChunkReplay(
                reader, self._replay, part.record, part.entries, part.too_large.union(left_out), casts
            )
            for _ in replay.batches():
                pass
            digest, transforms, losses = replay.digest(), replay.transforms, replay.losses
        self._losses.add_all(losses)
        forget_entries(self._connection, [entry for key in stored for entry in part.entries[key]])
        part.stored = digest
        loaded = combine([part.held.loaded, digest])
        release_rows(self._connection, part.held.id, loaded, len(stored), transforms)
        return len(stored)

    def _lost(self) -> list[Finding]:
        """Return what the stored rows have lost: signed for by who started the run, or by the mapping of today."""
        asked = {column.name: column.override for column in self._replay.declared.columns}
        plan, options = self._table.plan, self._replay.options
        return loss_findings(plan.source_label, plan.name, self._losses.found(), options, asked)

    def _prove(self) -> bool:
        """Prove the whole table, or where it was written to since, the rows that got in; return whether it was.

        That these are in it and nothing else has changed, the server says: its sums of the table before, of the rows
        and of the table afterwards add up. That they are the source's, their digest says.
        """
        came = self._digest(self._waiting.batches(driver_connection(self._connection), self._batch_rows))
        stored = combine(part.stored for part in self._parts)
        if came != stored or not self._waiting.has_grown_by_these():
            raise RowsChangedError(
                "The rows in the table would not be those of the source",
                schema=self._schema,
                table=self._standing.target_name,
                remedy="Nothing was changed. A trigger or rule of the table changes rows:"
                " put it to rest, and try again",
            )
        source = combine(read_loaded(self._connection, self._table.id).digests)
        stood = read_digests(self._connection, self._table.id)
        if self._run.options.data_only:
            found = computed_differences(self._connection, self._standing, self.arrival)
            label = self._table.plan.source_label
            add_findings(self._connection, self._run.id, [finding.of(label) for finding in found])
            differs = found or is_different(self._connection, self._table.id)
            if stood is not None:
                save_changed_rows(self._connection, self._table.id, source, combine([stood, came]))
            if differs:
                save_difference(self._connection, self._table.id)
            written_since = self._was_written_to
        else:
            target = self._digest(
                read_uncommitted(
                    driver_connection(self._connection), self._schema, self._standing, self._batch_rows
                )
            )
            written_since = source != target
            if not written_since:
                save_verdict(self._connection, self._table.id, source, target)
            elif stood is not None:
                save_changed_rows(self._connection, self._table.id, source, combine([stood, came]))
        if written_since:
            plan = self._table.plan
            add_remark(
                self._connection,
                self._run.id,
                ObjectResult("table", plan.name, ObjectState.CHANGED, _BY_THEMSELVES, plan.source_label),
            )
        elif self._entry is not None:  # so that a rollback knows the rows that are there now
            self._entry.update(recorded(fingerprint(self._connection, self.arrival.table.own_rows)))
        return written_since

    @property
    def _batch_rows(self) -> int:
        return batch_rows(self._run.options.batch_rows, self._replay.profile.values())

    def _digest(self, batches: Iterator[pa.RecordBatch]) -> Digest:
        found = DigestSum()
        for batch in batches:
            found.add(batch, self._standing.copied_columns)
        return found.digest()


def _where_it_stands(
    connection: Connection, run: RunRecord, table: PlannedTable
) -> tuple[str, str, dict[str, Any] | None]:
    """Return the schema that the table is in now, and the name that it bears now.

    The third is its entry in the record of a load of rows alone (`run.cutover`); None for tables that the run made.

    Raises:
        TargetChangedError: it has been dropped since the cutover.
    """
    plan = table.plan
    moved: list[dict[str, Any]] = [part["record"] for part in run.cutover or [] if part["record"]]
    entries = {
        entry["oid"]: entry
        for record in moved
        if record["target_schema"] == plan.target_schema
        for entry in record["tables"]
        if entry["name"] == plan.target_name and entry.get("kind", "table") == "table"
    }
    found = relations_with(connection, list(entries))
    if not found:
        what = "of the run" if run.options.data_only else "that the run made"
        raise TargetChangedError(
            f"The table {what} has been dropped or replaced since",
            schema=plan.target_schema,
            table=plan.target_name,
            remedy="Migrate it again",
        )
    relation = next(iter(found.values()))
    entry = entries[relation.oid] if run.options.data_only else None
    return relation.schema, relation.name, entry
