"""How far the chunks of a run are: summed up in cells for a map, and one by one. Cheap for 100,000 chunks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine, Row, TextClause, text

from migration.ledger.process_presence import STEPS_AT_WORK
from migration.model import Phase, StepState

SHORTEST_SPAN_SECONDS: Final = 0.5
"""Chunks arrive whole: in shorter spans a steady copy looks like a row of spikes."""
BEGINNING_OF_THE_LEDGER: Final = 0
END_OF_THE_LEDGER: Final = 2**63 - 1
"""The largest id that PostgreSQL's bigint holds."""


@dataclass(frozen=True, slots=True)
class ChunkFilter:
    """Which chunks of a run; None: of any source, any table, in any state."""

    source: str | None = None
    table: str | None = None
    state: StepState | None = None
    first: int = BEGINNING_OF_THE_LEDGER
    last: int = END_OF_THE_LEDGER
    """Ids, both included."""


@dataclass(frozen=True, slots=True)
class ChunkCell:
    """Neighbouring chunks, in the order of the ledger, from the id `first` to the id `last`.

    `chunks` counts them all; `running`, `done` and `failed` those in a state, the others wait. `quarantined` counts
    rows.
    """

    first: int
    last: int
    chunks: int
    running: int
    done: int
    failed: int
    quarantined: int


@dataclass(frozen=True, slots=True)
class ChunkMap:
    """All chunks of a run, or of a table, in a bounded number of cells.

    `phase` says of which work the states are: profiling or copying. Rows: `rows_total` counted in the source,
    `rows_loaded` and `rows_quarantined` of the chunks that are done.
    """

    phase: Phase
    chunks: int
    rows_total: int
    rows_loaded: int
    rows_quarantined: int
    cells: tuple[ChunkCell, ...]


@dataclass(frozen=True, slots=True)
class Throughput:
    """What the chunks that are done came to, in equal spans of time since the first was begun.

    A chunk counts whole in the span in which it was committed. `rows` were loaded (a dry-run: would be),
    `rows_quarantined` read and kept apart, `bytes` are those of the values that were read. All are empty before the
    first.
    """

    started_at: datetime | None
    seconds_per_span: float
    rows: tuple[int, ...]
    rows_quarantined: tuple[int, ...]
    bytes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChunkLine:
    """One chunk, with the last attempt at it in the phase of the map. Sizes are bytes."""

    id: int
    source: str
    table: str
    position: int
    """From 0, in its table."""
    chunks_of_table: int
    state: StepState
    attempts: int
    worker: str | None
    rows: int
    bytes: int
    rows_loaded: int | None
    rows_quarantined: int | None
    seconds: float | None
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    key_range: dict[str, Any]


_STATE: Final = f"""
    CASE WHEN state = 'running' AND {{chunk}} NOT IN (
             SELECT s.chunk_id {STEPS_AT_WORK} AND s.run_id = :run_id AND s.chunk_id IS NOT NULL)
         THEN 'pending' ELSE state END AS state
"""
"""Of a chunk for people: it waits where its worker is dead."""
# While a run is profiled, nothing is copied: the states are those of the profiling then. Neither query joins what is
# large with what is large: rows are looked at before PostgreSQL has counted them, and would be joined one by one.
_OF_THE_PHASE: Final = {
    Phase.PROFILING: f"""
        SELECT chunk_id AS id, table_id, {_STATE.format(chunk="chunk_id")},
               0::bigint AS rows_loaded, 0::bigint AS rows_quarantined
        FROM convoy.steps WHERE run_id = :run_id AND phase = 'profiling' AND chunk_id BETWEEN :first AND :last
    """,
    Phase.COPYING: f"""
        SELECT id, table_id, {_STATE.format(chunk="id")}, rows_loaded, rows_quarantined
        FROM convoy.chunks WHERE run_id = :run_id AND id BETWEEN :first AND :last
    """,
}
_TABLES: Final = """
    SELECT t.id, t.name, t.rows, s.label FROM convoy.tables t JOIN convoy.sources s ON s.id = t.source_id
    WHERE t.run_id = :run_id AND (CAST(:source AS text) IS NULL OR s.label = :source)
      AND (CAST(:table AS text) IS NULL OR t.name = :table)
"""
_ALL: Final = "SELECT * FROM found"
_OF_TABLES: Final = f"SELECT * FROM found WHERE table_id IN (SELECT id FROM ({_TABLES}) named)"
_CELLS: Final = """
    WITH found AS ({found}), chosen AS ({chosen}), placed AS (
        SELECT chosen.*, (row_number() OVER (ORDER BY id) - 1) * :cells
                         / greatest(count(*) OVER (), :cells) AS cell FROM chosen
    )
    SELECT min(id) AS first, max(id) AS last, count(*) AS chunks,
           count(*) FILTER (WHERE state = 'running') AS running,
           count(*) FILTER (WHERE state = 'done') AS done,
           count(*) FILTER (WHERE state = 'failed') AS failed,
           coalesce(sum(rows_quarantined), 0)::bigint AS quarantined,
           coalesce(sum(rows_loaded), 0)::bigint AS rows_loaded
    FROM placed GROUP BY cell ORDER BY cell
"""
_PAGE: Final = """
    WITH found AS ({found}), chosen AS ({chosen})
    SELECT id, table_id, state FROM chosen WHERE CAST(:state AS text) IS NULL OR state = :state ORDER BY id LIMIT :most
"""
_ROWS: Final = text(f"SELECT coalesce(sum(rows), 0)::bigint FROM ({_TABLES}) named")
_CHUNKS: Final = text(
    """
    SELECT id, position, rows, bytes, rows_loaded, rows_quarantined, seconds, key_range
    FROM convoy.chunks WHERE id = ANY(:ids)
    """
)
_ATTEMPTS: Final = text(
    """
    SELECT chunk_id, attempts, worker, claimed_at, finished_at, error
    FROM convoy.steps WHERE run_id = :run_id AND phase = :phase AND chunk_id = ANY(:ids)
    """
)
_OWNERS: Final = text(
    """
    SELECT t.id, s.label, t.name, (SELECT count(*) FROM convoy.chunks c WHERE c.table_id = t.id) AS chunks
    FROM convoy.tables t JOIN convoy.sources s ON s.id = t.source_id WHERE t.id = ANY(:tables)
    """
)
# Until the last is committed, the time goes on: a copy that stands still shows as nothing copied.
_SPANS: Final = text(
    """
    WITH bounds AS (
        SELECT min(claimed_at) AS first,
               CASE WHEN :is_over OR bool_and(state = 'done') THEN max(finished_at) ELSE clock_timestamp() END AS last
        FROM convoy.steps WHERE run_id = :run_id AND phase = 'copying'
    ), sized AS (
        SELECT first, lasted / spans AS seconds, spans
        FROM (SELECT first, lasted, greatest(1, least(:spans, ceil(lasted / :shortest)))::int AS spans
              FROM (SELECT first, greatest(extract(epoch FROM last - first)::float8, 0.001) AS lasted
                    FROM bounds WHERE first IS NOT NULL AND last IS NOT NULL) long) divided
    ), counted AS (
        SELECT least(sized.spans - 1,
                     greatest(0, floor(extract(epoch FROM c.finished_at - sized.first) / sized.seconds)))::int
                   AS span,
               sum(c.rows_loaded)::bigint AS rows, sum(c.rows_quarantined)::bigint AS rows_quarantined,
               sum(c.bytes)::bigint AS bytes
        FROM convoy.chunks c, sized WHERE c.run_id = :run_id AND c.state = 'done' AND c.finished_at IS NOT NULL
        GROUP BY 1
    )
    SELECT sized.first, sized.seconds, coalesce(counted.rows, 0) AS rows,
           coalesce(counted.rows_quarantined, 0) AS rows_quarantined, coalesce(counted.bytes, 0) AS bytes
    FROM sized CROSS JOIN generate_series(0, sized.spans - 1) AS place LEFT JOIN counted ON counted.span = place
    ORDER BY place
    """
)


def read_throughput(engine: Engine, run_id: str, spans: int, *, is_over: bool) -> Throughput:
    """Return how much was loaded when, in at most so many spans of time; `is_over`: nothing more is loaded."""
    with engine.connect() as connection:
        rows = connection.execute(
            _SPANS, {"run_id": run_id, "spans": spans, "shortest": SHORTEST_SPAN_SECONDS, "is_over": is_over}
        ).all()
    if not rows:
        return Throughput(None, 0.0, (), (), ())
    first = rows[0]
    return Throughput(
        first.first,
        first.seconds,
        tuple(row.rows for row in rows),
        tuple(row.rows_quarantined for row in rows),
        tuple(row.bytes for row in rows),
    )


def shown_phase(phase: Phase) -> Phase:
    """Return of which work a map of chunks tells while a run is in a phase: profiling, and copying ever after."""
    early = (Phase.PENDING, Phase.SNAPSHOTTING, Phase.PROFILING)
    return Phase.PROFILING if phase in early else Phase.COPYING


def read_chunk_map(
    engine: Engine, run_id: str, phase: Phase, cells: int, chosen: ChunkFilter | None = None
) -> ChunkMap:
    """Return the chunks of a run in at most so many cells; where there are no more chunks, each has its own.

    Args:
        engine: on the ledger.
        run_id: of the run.
        phase: the run's, or that in which it failed.
        cells: at most so many.
        chosen: which chunks; its state does not count.
    """
    asked = shown_phase(phase)
    chosen = chosen or ChunkFilter()
    parameters = _parameters(run_id, chosen)
    with engine.connect() as connection:
        rows = connection.execute(_written(_CELLS, asked, chosen), {**parameters, "cells": cells}).all()
        total = connection.execute(_ROWS, parameters).scalar_one()
    return ChunkMap(
        phase=asked,
        chunks=sum(row.chunks for row in rows),
        rows_total=total,
        rows_loaded=sum(row.rows_loaded for row in rows),
        rows_quarantined=sum(row.quarantined for row in rows),
        cells=tuple(ChunkCell(*row[:7]) for row in rows),
    )


def read_chunks(
    engine: Engine, run_id: str, phase: Phase, chosen: ChunkFilter, limit: int
) -> list[ChunkLine]:
    """Return the first chunks that a filter takes, at most `limit`, in the order of the ledger."""
    asked = shown_phase(phase)
    state = chosen.state.value if chosen.state else None
    page = {**_parameters(run_id, chosen), "state": state, "most": limit}
    with engine.connect() as connection:
        found = connection.execute(_written(_PAGE, asked, chosen), page).all()
        ids = [row.id for row in found]
        chunks = {row.id: row for row in connection.execute(_CHUNKS, {"ids": ids})}
        of_steps = {"run_id": run_id, "phase": asked.value, "ids": ids}
        attempts = {row.chunk_id: row for row in connection.execute(_ATTEMPTS, of_steps)}
        named = {"tables": list({row.table_id for row in found})}
        owners = {row.id: row for row in connection.execute(_OWNERS, named)}
    return [
        _line(StepState(row.state), chunks[row.id], owners[row.table_id], attempts.get(row.id))
        for row in found
        if row.id in chunks and row.table_id in owners
    ]


def _line(state: StepState, chunk: Row[Any], owner: Row[Any], step: Row[Any] | None) -> ChunkLine:
    return ChunkLine(
        id=chunk.id,
        source=owner.label,
        table=owner.name,
        position=chunk.position,
        chunks_of_table=owner.chunks,
        state=state,
        attempts=step.attempts if step else 0,
        worker=step.worker if step else None,
        rows=chunk.rows,
        bytes=chunk.bytes,
        rows_loaded=chunk.rows_loaded,
        rows_quarantined=chunk.rows_quarantined,
        seconds=chunk.seconds,
        started_at=step.claimed_at if step else None,
        finished_at=step.finished_at if step else None,
        error=step.error if step else None,
        key_range=chunk.key_range,
    )


def _written(statement: str, phase: Phase, chosen: ChunkFilter) -> TextClause:
    is_whole = chosen.source is None and chosen.table is None
    return text(statement.format(found=_OF_THE_PHASE[phase], chosen=_ALL if is_whole else _OF_TABLES))


def _parameters(run_id: str, chosen: ChunkFilter) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "source": chosen.source,
        "table": chosen.table,
        "first": chosen.first,
        "last": chosen.last,
    }
