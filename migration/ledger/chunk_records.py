"""Chunks as the ledger knows them: their ranges, profiles, orphan rows and results."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Connection, Integer, Row, any_, bindparam, select, tuple_, update

from migration.ledger.digest_records import chunk_digest, named_algorithm
from migration.ledger.json_encoding import from_json, to_json
from migration.ledger.ledger_tables import (
    chunks,
    transforms,
)
from migration.ledger.quarantine_records import add_rejections
from migration.ledger.record_sets import insert_set, update_set
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
_READ_CHUNKS = select(
    chunks.c.id,
    chunks.c.table_id,
    chunks.c.position,
    chunks.c.key_range,
    chunks.c.rows,
    chunks.c.bytes,
    chunks.c.orphans,
).where(chunks.c.id == any_(bindparam("chunk_ids", type_=ARRAY(BigInteger))))


def read_chunks(connection: Connection, chunk_ids: Sequence[int]) -> list[ChunkRecord]:
    """Return chunks, in the order of their ids in `chunk_ids`."""
    found = {
        row.id: ChunkRecord(
            **{
                **row._asdict(),
                "key_range": from_json(KeyRange, row.key_range),
                "orphans": _orphans(row.orphans),
            }
        )
        for row in connection.execute(_READ_CHUNKS, {"chunk_ids": list(chunk_ids)})
    }
    return [found[chunk_id] for chunk_id in chunk_ids]


def read_chunk(connection: Connection, chunk_id: int) -> ChunkRecord:
    """Return one chunk."""
    return read_chunks(connection, [chunk_id])[0]


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


def save_chunk_profiles(
    connection: Connection, profiles: Sequence[tuple[int, Mapping[str, ColumnProfile], int]]
) -> None:
    """Store what the full reads of chunks found: chunk id, profile and bytes of each."""
    update_set(
        connection,
        chunks,
        [
            {"id": chunk_id, "profile": to_json(profile), "bytes": bytes_read}
            for chunk_id, profile, bytes_read in profiles
        ],
    )


_READ_PROFILES = (
    select(chunks.c.table_id, chunks.c.position, chunks.c.profile)
    .where(
        chunks.c.table_id == any_(bindparam("table_ids", type_=ARRAY(BigInteger))),
        tuple_(chunks.c.table_id, chunks.c.position)
        > tuple_(bindparam("after_table", type_=BigInteger), bindparam("after_position", type_=Integer)),
    )
    .order_by(chunks.c.table_id, chunks.c.position)
    .limit(_PROFILES_AT_ONCE)
)


def read_chunk_profiles(
    connection: Connection, table_ids: Collection[int]
) -> Iterator[tuple[int, dict[str, ColumnProfile]]]:
    """Yield (table id, profile) of all chunks of tables, table by table in the order of their ids.

    A few are in memory at a time, of however many there are: by pages, which most tables share with others.
    """
    after: tuple[int, int] = (-1, -1)
    wanted = sorted(table_ids)
    while wanted:
        values = {"table_ids": wanted, "after_table": after[0], "after_position": after[1]}
        page = connection.execute(_READ_PROFILES, values).all()
        for row in page:
            yield row.table_id, from_json(dict[str, ColumnProfile], row.profile)
        if len(page) < _PROFILES_AT_ONCE:
            return
        after = (page[-1].table_id, page[-1].position)


def save_chunk_results(
    connection: Connection, run_id: str, worker: str, results: Sequence[tuple[ChunkRecord, ChunkResult]]
) -> None:
    """Mark chunks done with rows, digests, quarantine and transforms, in the transaction that loaded them."""
    for chunk, result in results:
        for group in result.rejections:
            add_rejections(connection, run_id, chunk.table_id, chunk.id, group)
    update_set(
        connection,
        chunks,
        [
            {
                "id": chunk.id,
                "rows_loaded": result.rows_loaded,
                "rows_quarantined": result.rows_quarantined,
                "digest": result.digest.checksum,
                "digest_algorithm": named_algorithm(result.digest),
                "seconds": result.seconds,
                "worker": worker,
            }
            for chunk, result in results
        ],
        also_sql=f"state = '{StepState.DONE.value}', finished_at = clock_timestamp()",
    )
    insert_set(
        connection,
        transforms,
        [
            {"chunk_id": chunk.id, "column": column, "transform": name, "values": count}
            for chunk, result in results
            for (column, name), count in result.transforms.items()
        ],
    )


@dataclass(frozen=True, slots=True)
class LoadedTable:
    """Sums over the chunks of a table."""

    rows_loaded: int
    rows_quarantined: int
    digests: tuple[Digest, ...]


_READ_LOADED = select(
    chunks.c.table_id,
    chunks.c.rows_loaded,
    chunks.c.rows_quarantined,
    chunks.c.digest,
    chunks.c.digest_algorithm,
).where(
    chunks.c.table_id == any_(bindparam("table_ids", type_=ARRAY(BigInteger))),
    chunks.c.state == StepState.DONE.value,
)


def read_loaded(connection: Connection, table_id: int) -> LoadedTable:
    """Return what the chunks of a table have loaded so far."""
    return read_all_loaded(connection, [table_id])[table_id]


def read_all_loaded(connection: Connection, table_ids: Collection[int]) -> dict[int, LoadedTable]:
    """Return what the chunks of tables have loaded so far, by the ids of the tables."""
    rows: dict[int, list[AnyRow]] = {table_id: [] for table_id in table_ids}
    for row in connection.execute(_READ_LOADED, {"table_ids": sorted(table_ids)}):
        rows[row.table_id].append(row)
    return {
        table_id: LoadedTable(
            rows_loaded=sum(row.rows_loaded for row in loaded),
            rows_quarantined=sum(row.rows_quarantined for row in loaded),
            digests=tuple(chunk_digest(row) for row in loaded),
        )
        for table_id, loaded in rows.items()
    }
