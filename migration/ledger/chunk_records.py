"""Chunks as the ledger knows them: their ranges, profiles, orphan rows and results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from migration.ledger.json_encoding import from_json, to_json
from migration.ledger.ledger_tables import (
    chunks,
    transforms,
)
from migration.ledger.quarantine_records import add_rejections
from migration.model import (
    ColumnProfile,
    Digest,
    KeyRange,
    Orphans,
    Rejection,
    StepState,
)

AnyRow = Row[*tuple[Any, ...]]


_PROFILES_AT_ONCE = 200


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
