"""What a run works on, as the ledger knows it: sources, tables with their plans, chunks with their results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from migration.errors import PermanentError
from migration.ledger.encoding import from_json, to_json
from migration.ledger.quarantine import add_rejections
from migration.ledger.tables import (
    chunks,
    columns,
    findings,
    objects,
    sources,
    tables,
    transforms,
)
from migration.model import (
    ColumnProfile,
    Digest,
    Finding,
    KeyRange,
    ObjectResult,
    Orphans,
    Rejection,
    SourceSchema,
    SourceTable,
    StepState,
    TablePlan,
)

AnyRow = Row[*tuple[Any, ...]]

_PROFILES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A source of a run with its snapshot."""

    id: int
    label: str
    location: str
    snapshot: str
    sha256: str
    bytes: int
    schema: SourceSchema


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table of a run; `plan` is None until it is profiled."""

    id: int
    source_id: int
    name: str
    rows: int
    bytes: int
    plan: TablePlan | None


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """A chunk of a table."""

    id: int
    table_id: int
    position: int
    key_range: KeyRange
    rows: int
    bytes: int
    orphans: tuple[Orphans, ...] = ()
    """Rows that do not stay as they are because they point nowhere."""


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What a worker did with a chunk."""

    rows_loaded: int
    rows_quarantined: int
    digest: Digest
    seconds: float
    rejections: Iterable[Sequence[Rejection]]
    """In groups of a bounded size."""
    transforms: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk to be written: its range and the rows counted in it."""

    key_range: KeyRange
    rows: int


def clear_contents(connection: Connection, run_id: str) -> None:
    """Forget the sources of a run and all below them, so that a broken preparation can be done again."""
    connection.execute(delete(sources).where(sources.c.run_id == run_id))


def add_source(connection: Connection, run_id: str, record: SourceRecord) -> int:
    """Write a source (its `id` is ignored) and return its id."""
    return int(
        connection.execute(
            insert(sources)
            .values(
                run_id=run_id,
                label=record.label,
                location=record.location,
                snapshot=record.snapshot,
                sha256=record.sha256,
                bytes=record.bytes,
                schema=to_json(record.schema),
            )
            .returning(sources.c.id)
        ).scalar_one()
    )


def add_table(
    connection: Connection, run_id: str, source_id: int, name: str, parts: Sequence[NewChunk]
) -> tuple[int, list[int]]:
    """Write a table with its chunks, if it has any; return the table's id and the chunks' ids."""
    table_id = connection.execute(
        insert(tables)
        .values(run_id=run_id, source_id=source_id, name=name, rows=sum(part.rows for part in parts))
        .returning(tables.c.id)
    ).scalar_one()
    if not parts:
        return int(table_id), []
    ids = connection.execute(
        insert(chunks).returning(chunks.c.id, sort_by_parameter_order=True),
        [
            {
                "run_id": run_id,
                "table_id": table_id,
                "position": position,
                "key_range": to_json(part.key_range),
                "rows": part.rows,
            }
            for position, part in enumerate(parts)
        ],
    )
    return int(table_id), list(ids.scalars())


def _source(row: AnyRow) -> SourceRecord:
    values = row._asdict()
    del values["run_id"]
    values["schema"] = from_json(SourceSchema, values["schema"])
    return SourceRecord(**values)


def read_sources(connection: Connection, run_id: str) -> list[SourceRecord]:
    """Return the sources of a run in the order in which they were named."""
    rows = connection.execute(select(sources).where(sources.c.run_id == run_id).order_by(sources.c.id))
    return [_source(row) for row in rows]


_TABLE_COLUMNS = (
    tables.c.id,
    tables.c.source_id,
    tables.c.name,
    tables.c.rows,
    tables.c.bytes,
    tables.c.plan,
)


def _table(row: AnyRow) -> TableRecord:
    values = row._asdict()
    values["plan"] = from_json(TablePlan, values["plan"]) if values["plan"] else None
    return TableRecord(**values)


def read_tables(connection: Connection, run_id: str) -> list[TableRecord]:
    """Return the tables of a run, in the order of their sources and names."""
    rows = connection.execute(
        select(*_TABLE_COLUMNS).where(tables.c.run_id == run_id).order_by(tables.c.source_id, tables.c.id)
    )
    return [_table(row) for row in rows]


_READ_TABLE = select(*_TABLE_COLUMNS).where(tables.c.id == bindparam("table_id"))


def read_table(connection: Connection, table_id: int) -> TableRecord:
    """Return one table."""
    return _table(connection.execute(_READ_TABLE, {"table_id": table_id}).one())


def planned(table: TableRecord) -> TablePlan:
    """Return the plan of a table that must have one by now.

    Raises:
        PermanentError: the table has not been planned.
    """
    if table.plan is None:
        raise PermanentError("The table has no plan yet", f"table {table.name}", "Start a new run")
    return table.plan


class KnownSources:
    """Sources that a process has read, none of which changes once written.

    Parsing the schema of hundreds of tables for each step of one of them would cost more than the step.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._known: dict[int, tuple[SourceRecord, dict[str, SourceTable]]] = {}

    def source_of(self, connection: Connection, table: TableRecord) -> tuple[SourceRecord, SourceTable]:
        """Return the source of a table, and the table as SQLite declares it."""
        known = self._known.get(table.source_id)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            row = connection.execute(select(sources).where(sources.c.id == table.source_id)).one()
            source = _source(row)
            known = self._known[table.source_id] = (
                source,
                {item.name: item for item in source.schema.tables},
            )
        return known[0], known[1][table.name]


# Statements that every step executes are composed once: to compose one takes as long as to execute it.
_READ_CHUNK = select(
    chunks.c.id,
    chunks.c.table_id,
    chunks.c.position,
    chunks.c.key_range,
    chunks.c.rows,
    chunks.c.bytes,
    chunks.c.orphans,
).where(chunks.c.id == bindparam("chunk_id"))
_SAVE_PROFILE = (
    update(chunks)
    .where(chunks.c.id == bindparam("chunk_id"))
    .values(profile=bindparam("found"), bytes=bindparam("bytes_read"))
)
_SAVE_RESULT = (
    update(chunks)
    .where(chunks.c.id == bindparam("chunk_id"))
    .values(
        state=StepState.DONE.value,
        rows_loaded=bindparam("loaded"),
        rows_quarantined=bindparam("quarantined"),
        digest=bindparam("checksum"),
        seconds=bindparam("taken"),
        worker=bindparam("by"),
        finished_at=func.clock_timestamp(),
    )
)


def read_chunk(connection: Connection, chunk_id: int) -> ChunkRecord:
    """Return one chunk."""
    row = connection.execute(_READ_CHUNK, {"chunk_id": chunk_id}).one()
    return ChunkRecord(
        **{
            **row._asdict(),
            "key_range": from_json(KeyRange, row.key_range),
            "orphans": _orphans(row.orphans),
        }
    )


def _orphans(value: Any) -> tuple[Orphans, ...]:
    return from_json(tuple[Orphans, ...], value) if value else ()


def read_ranges(connection: Connection, table_id: int) -> list[tuple[int, KeyRange]]:
    """Return (chunk id, key range) of the chunks of a table, in the order of their rows."""
    rows = connection.execute(
        select(chunks.c.id, chunks.c.key_range)
        .where(chunks.c.table_id == table_id)
        .order_by(chunks.c.position)
    )
    return [(row.id, from_json(KeyRange, row.key_range)) for row in rows]


def save_orphans(connection: Connection, chunk_id: int, found: Sequence[Orphans]) -> None:
    """Note, before a chunk is copied, which of its rows point nowhere and what is to become of them."""
    connection.execute(update(chunks).where(chunks.c.id == chunk_id).values(orphans=to_json(tuple(found))))


def read_orphans(connection: Connection, table_id: int) -> list[Orphans]:
    """Return what `save_orphans` has noted for all chunks of a table."""
    rows = connection.execute(
        select(chunks.c.orphans).where(chunks.c.table_id == table_id, chunks.c.orphans.is_not(None))
    )
    return [orphans for value in rows.scalars() for orphans in _orphans(value)]


def read_chunk_sizes(connection: Connection, run_id: str) -> list[tuple[int, int, int]]:
    """Return (chunk id, table id, bytes) for every chunk of a run."""
    rows = connection.execute(
        select(chunks.c.id, chunks.c.table_id, chunks.c.bytes)
        .where(chunks.c.run_id == run_id)
        .order_by(chunks.c.id)
    )
    return [(row.id, row.table_id, row.bytes) for row in rows]


def save_chunk_profile(
    connection: Connection, chunk_id: int, profile: Mapping[str, ColumnProfile], bytes_read: int
) -> None:
    """Store what the full read of a chunk found."""
    connection.execute(
        _SAVE_PROFILE, {"chunk_id": chunk_id, "found": to_json(profile), "bytes_read": bytes_read}
    )


_READ_PROFILES = (
    select(chunks.c.position, chunks.c.profile)
    .where(chunks.c.table_id == bindparam("table_id"), chunks.c.position > bindparam("after"))
    .order_by(chunks.c.position)
    .limit(_PROFILES_AT_ONCE)
)


def read_chunk_profiles(connection: Connection, table_id: int) -> Iterator[dict[str, ColumnProfile]]:
    """Yield the profiles of all chunks of a table; a few are in memory at a time, of however many there are.

    By pages, since most tables have one chunk, and a cursor on the server takes four round trips for that.
    """
    after = -1
    while True:
        page = connection.execute(_READ_PROFILES, {"table_id": table_id, "after": after}).all()
        for row in page:
            yield from_json(dict[str, ColumnProfile], row.profile)
        if len(page) < _PROFILES_AT_ONCE:
            return
        after = page[-1].position


def read_profile(connection: Connection, table_id: int) -> dict[str, ColumnProfile]:
    """Return the merged profile of a table, by column."""
    rows = connection.execute(
        select(columns.c.name, columns.c.profile)
        .where(columns.c.table_id == table_id)
        .order_by(columns.c.position)
    )
    return {row.name: from_json(ColumnProfile, row.profile) for row in rows}


def save_plan(
    connection: Connection, table_id: int, plan: TablePlan, profile: Mapping[str, ColumnProfile]
) -> None:
    """Store the decisions for a table, and the size that its profile found."""
    connection.execute(
        update(tables)
        .where(tables.c.id == table_id)
        .values(plan=to_json(plan), bytes=sum(column.total_bytes for column in profile.values()))
    )
    connection.execute(delete(columns).where(columns.c.table_id == table_id))
    if plan.columns:
        connection.execute(
            insert(columns),
            [
                {
                    "table_id": table_id,
                    "name": column.name,
                    "position": position,
                    "declared_type": column.declared_type,
                    "target_name": column.target_name,
                    "target_type": column.target_type,
                    "reason": column.reason,
                    "profile": to_json(profile[column.name]),
                }
                for position, column in enumerate(plan.columns)
            ],
        )


def save_chunk_result(
    connection: Connection, run_id: str, chunk: ChunkRecord, worker: str, result: ChunkResult
) -> None:
    """Mark a chunk done with its rows, digest, quarantine and transforms, in the transaction that loaded it."""
    connection.execute(
        _SAVE_RESULT,
        {
            "chunk_id": chunk.id,
            "loaded": result.rows_loaded,
            "quarantined": result.rows_quarantined,
            "checksum": result.digest.checksum,
            "taken": result.seconds,
            "by": worker,
        },
    )
    for group in result.rejections:
        add_rejections(connection, run_id, chunk.table_id, chunk.id, group)
    if result.transforms:
        connection.execute(
            insert(transforms),
            [
                {"chunk_id": chunk.id, "column": column, "transform": name, "values": count}
                for (column, name), count in result.transforms.items()
            ],
        )


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """Sums over the chunks of a table."""

    rows_loaded: int
    rows_quarantined: int
    digests: tuple[Digest, ...]


_READ_LOADED = select(chunks.c.rows_loaded, chunks.c.rows_quarantined, chunks.c.digest).where(
    chunks.c.table_id == bindparam("table_id"), chunks.c.state == StepState.DONE.value
)


def read_loaded(connection: Connection, table_id: int) -> LoadedTable:
    """Return what the chunks of a table have loaded so far."""
    rows = connection.execute(_READ_LOADED, {"table_id": table_id}).all()
    return LoadedTable(
        rows_loaded=sum(row.rows_loaded for row in rows),
        rows_quarantined=sum(row.rows_quarantined for row in rows),
        digests=tuple(Digest(row.rows_loaded, row.digest) for row in rows),
    )


def save_verdict(connection: Connection, table_id: int, source: Digest, target: Digest) -> None:
    """Store both digests of a table."""
    connection.execute(
        update(tables)
        .where(tables.c.id == table_id)
        .values(
            rows_target=target.rows,
            digest_source=source.checksum,
            digest_target=target.checksum,
            equal=source == target,
        )
    )


def read_digests(connection: Connection, table_id: int) -> Digest | None:
    """Return what was found when a table was read back; None where it was not."""
    row = connection.execute(
        select(tables.c.rows_target, tables.c.digest_target).where(tables.c.id == table_id)
    ).one()
    return None if row.digest_target is None else Digest(row.rows_target, row.digest_target)


def save_comparison(
    connection: Connection,
    table_id: int,
    *,
    rows_source: int,
    rows_target: int | None,
    digest_source: str | None,
    digest_target: str | None,
    equal: bool,
) -> None:
    """Store the verdict of a comparison that copied nothing."""
    connection.execute(
        update(tables)
        .where(tables.c.id == table_id)
        .values(
            rows=rows_source,
            rows_target=rows_target,
            digest_source=digest_source,
            digest_target=digest_target,
            equal=equal,
        )
    )


def add_findings(connection: Connection, run_id: str, found: Iterable[Finding]) -> None:
    """Append findings to a run."""
    records = [
        {
            "run_id": run_id,
            "kind": finding.kind.value,
            "table": finding.table,
            "column": finding.column,
            "key": finding.key,
            "message": finding.message,
            "is_error": finding.is_error,
        }
        for finding in found
    ]
    if records:
        connection.execute(insert(findings), records)


def save_objects(connection: Connection, run_id: str, results: Iterable[ObjectResult]) -> None:
    """Store what became of schema objects; a later word about the same object replaces the earlier one."""
    records = [
        {
            "run_id": run_id,
            "kind": result.kind,
            "name": result.name,
            "state": result.state.value,
            "reason": result.reason,
            "owner": result.owner,
        }
        for result in results
    ]
    if not records:
        return
    statement = upsert(objects)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["run_id", "kind", "owner", "name"],
            set_={"state": statement.excluded.state, "reason": statement.excluded.reason},
        ),
        records,
    )


def count_quarantined(connection: Connection, run_id: str) -> int:
    """Return how many rows of a run are in quarantine."""
    statement = select(func.coalesce(func.sum(chunks.c.rows_quarantined), 0)).where(chunks.c.run_id == run_id)
    return int(connection.execute(statement).scalar_one())


def count_findings(connection: Connection, run_id: str, *, errors_only: bool = False) -> int:
    """Return how many findings a run has."""
    statement = select(func.count()).where(findings.c.run_id == run_id)
    if errors_only:
        statement = statement.where(findings.c.is_error)
    return int(connection.execute(statement).scalar_one())


def read_transform_totals(connection: Connection, run_id: str) -> dict[tuple[int, str, str], int]:
    """Return (table id, column, transform) → values changed."""
    statement = (
        select(
            chunks.c.table_id, transforms.c.column, transforms.c.transform, func.sum(transforms.c["values"])
        )
        .join(chunks, chunks.c.id == transforms.c.chunk_id)
        .where(chunks.c.run_id == run_id)
        .group_by(chunks.c.table_id, transforms.c.column, transforms.c.transform)
    )
    return {(row[0], row[1], row[2]): int(row[3]) for row in connection.execute(statement)}
