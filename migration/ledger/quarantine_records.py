"""The quarantine in the ledger: values that kept their rows out of the target, with their original bytes.

A row with several such values has several entries. Entries of one row share chunk and key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from migration.ledger.digest_records import chunk_digest, named_algorithm
from migration.ledger.ledger_tables import chunks, quarantine, sources, tables, transforms
from migration.ledger.work_totals import add_to_totals, reason_kind
from migration.model import Digest, Rejection, StorageClass
from migration.value_conversion.row_key import Key, storable_key

_IDS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One entry. `original` may be only the beginning of the `original_bytes` bytes that the ledger keeps."""

    id: int
    source: str
    table: str
    key: Key
    column: str
    storage_class: StorageClass
    reason: str
    original: bytes
    original_bytes: int


@dataclass(frozen=True, slots=True)
class HeldChunk:
    """A chunk, how many of its rows are in quarantine, and the digest of those that were loaded."""

    id: int
    table_id: int
    rows_quarantined: int
    loaded: Digest


def add_rejections(
    connection: Connection, run_id: str, table_id: int, chunk_id: int, rejections: Sequence[Rejection]
) -> None:
    """Write rejections into the quarantine."""
    if not rejections:
        return
    connection.execute(
        insert(quarantine),
        [
            {
                "run_id": run_id,
                "table_id": table_id,
                "chunk_id": chunk_id,
                "key": list(storable_key(rejection.key)),
                "column": rejection.column,
                "storage_class": rejection.storage_class.value,
                "original": rejection.original,
                "reason": rejection.reason,
            }
            for rejection in rejections
        ],
    )
    kinds = Counter(reason_kind(rejection.reason) for rejection in rejections)
    add_to_totals(connection, {("values_quarantined", kind): number for kind, number in kinds.items()})


def read_quarantine(
    connection: Connection,
    run_id: str,
    *,
    tables_named: Sequence[str] = (),
    after: int = 0,
    limit: int = 50,
    original_bytes: int = 256,
) -> list[Quarantined]:
    """Return a page of a run's quarantine, oldest first.

    Args:
        connection: of the ledger.
        run_id: the run's full id.
        tables_named: only entries of tables of these names in the source (`users`, or `north.users` of one source);
            empty: of all.
        after: only entries with a larger id; the id of a page's last entry leads to the next page.
        limit: entries to return at most.
        original_bytes: how much of each value to return.
    """
    original = func.substr(quarantine.c.original, 1, original_bytes)
    statement = _entries(original, run_id, tables_named).where(quarantine.c.id > after).limit(limit)
    return [_quarantined(row) for row in connection.execute(statement)]


def stream_quarantine(
    connection: Connection, run_id: str, tables_named: Sequence[str] = ()
) -> Iterator[Quarantined]:
    """Yield all entries of a run with their whole values; few of them are in memory at a time."""
    statement = _entries(quarantine.c.original, run_id, tables_named)
    options = {"stream_results": True, "max_row_buffer": 20}
    with connection.execute(statement, execution_options=options) as rows:
        for row in rows:
            yield _quarantined(row)


def count_values(connection: Connection, run_id: str, tables_named: Sequence[str] = ()) -> int:
    """Return how many entries there are."""
    return int(
        connection.execute(
            select(func.count()).select_from(_entries(quarantine.c.id, run_id, tables_named).subquery())
        ).scalar_one()
    )


def _entries(original: Any, run_id: str, tables_named: Sequence[str]) -> Select[Any]:
    statement = (
        select(
            quarantine.c.id,
            sources.c.label.label("source"),
            tables.c.name.label("table"),
            quarantine.c.key,
            quarantine.c.column,
            quarantine.c.storage_class,
            quarantine.c.reason,
            original.label("original"),
            func.octet_length(quarantine.c.original).label("original_bytes"),
        )
        .join(tables, tables.c.id == quarantine.c.table_id)
        .join(sources, sources.c.id == tables.c.source_id)
        .where(quarantine.c.run_id == run_id)
        .order_by(quarantine.c.id)
    )
    full = sources.c.label + "." + tables.c.name
    named = or_(tables.c.name.in_(tables_named), full.in_(tables_named))
    return statement.where(named) if tables_named else statement


def _quarantined(row: Any) -> Quarantined:
    values = row._asdict()
    values["key"] = tuple(values["key"])
    values["storage_class"] = StorageClass(values["storage_class"])
    values["original"] = bytes(values["original"])
    return Quarantined(**values)


_OF_HELD_CHUNK = (
    chunks.c.id,
    chunks.c.table_id,
    chunks.c.rows_quarantined,
    chunks.c.rows_loaded,
    chunks.c.digest,
    chunks.c.digest_algorithm,
)


def held_chunks(connection: Connection, run_id: str) -> list[HeldChunk]:
    """Return the chunks of a run with rows in quarantine, table by table."""
    rows = connection.execute(
        select(*_OF_HELD_CHUNK)
        .where(chunks.c.run_id == run_id, chunks.c.rows_quarantined > 0)
        .order_by(chunks.c.table_id, chunks.c.position)
    )
    return [HeldChunk(row.id, row.table_id, row.rows_quarantined, chunk_digest(row)) for row in rows]


def held_rows(connection: Connection, chunk_id: int) -> dict[Key, list[int]]:
    """Return the key of each row of a chunk that is in quarantine, with the ids of its entries."""
    found: dict[Key, list[int]] = {}
    for row in connection.execute(
        select(quarantine.c.id, quarantine.c.key)
        .where(quarantine.c.chunk_id == chunk_id)
        .order_by(quarantine.c.id)
    ):
        found.setdefault(tuple(row.key), []).append(row.id)
    return found


def forget_entries(connection: Connection, ids: Sequence[int]) -> None:
    """Delete entries."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        part = ids[start : start + _IDS_AT_ONCE]
        connection.execute(delete(quarantine).where(quarantine.c.id.in_(part)))


def change_reason(connection: Connection, ids: Sequence[int], reason: str) -> None:
    """Say anew why a row is in quarantine; its values stay."""
    connection.execute(update(quarantine).where(quarantine.c.id.in_(ids)).values(reason=reason))


def _count_rows(connection: Connection, chunk_id: int, loaded: Digest, *, held: int) -> None:
    connection.execute(
        update(chunks)
        .where(chunks.c.id == chunk_id)
        .values(
            rows_loaded=loaded.rows,
            rows_quarantined=chunks.c.rows_quarantined + held,
            digest=loaded.checksum,
            digest_algorithm=named_algorithm(loaded),
        )
    )


def release_rows(
    connection: Connection, chunk_id: int, loaded: Digest, rows: int, changed: Mapping[tuple[str, str], int]
) -> None:
    """Note that `rows` rows of a chunk went from quarantine into the target.

    Args:
        connection: in the transaction that loaded them.
        chunk_id: the chunk.
        loaded: the digest of all its rows that are loaded now.
        rows: how many were released.
        changed: (column, transform) → values changed among these.
    """
    _count_rows(connection, chunk_id, loaded, held=-rows)
    for (column, transform), count in changed.items():
        statement = upsert(transforms).values(
            {"chunk_id": chunk_id, "column": column, "transform": transform, "values": count}
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["chunk_id", "column", "transform"],
                set_={"values": transforms.c["values"] + statement.excluded["values"]},
            )
        )


def hold_rows(
    connection: Connection, chunk_id: int, loaded: Digest, rows: int, changed: Mapping[tuple[str, str], int]
) -> None:
    """Note that `rows` rows of a chunk, which had been loaded, are in quarantine: the reverse of `release_rows`.

    Args:
        connection: in the transaction that took them out.
        chunk_id: the chunk.
        loaded: the digest of its rows that are still loaded.
        rows: how many were taken out.
        changed: (column, transform) → values changed among these.
    """
    _count_rows(connection, chunk_id, loaded, held=rows)
    for (column, transform), count in changed.items():
        place = (
            transforms.c.chunk_id == chunk_id,
            transforms.c.column == column,
            transforms.c.transform == transform,
        )
        connection.execute(
            update(transforms).where(*place).values({"values": transforms.c["values"] - count})
        )
        connection.execute(delete(transforms).where(*place, transforms.c["values"] <= 0))


def loaded_chunks(connection: Connection, table_id: int) -> list[HeldChunk]:
    """Return the chunks of a table from which rows were loaded, in order."""
    rows = connection.execute(
        select(*_OF_HELD_CHUNK)
        .where(chunks.c.table_id == table_id, chunks.c.rows_loaded > 0)
        .order_by(chunks.c.position)
    )
    return [HeldChunk(row.id, row.table_id, row.rows_quarantined, chunk_digest(row)) for row in rows]
