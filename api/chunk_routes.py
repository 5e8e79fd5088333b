"""Routes that show the chunks of a run: as a map of bounded size, and one by one."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.problem_documents import responses
from api.request_border import BorderText
from api.required_scopes import NEEDS_READ
from api.response_models import PREFIX
from api.run_location import KnownRun, RunCluster
from migration.ledger.chunk_progress import (
    END_OF_THE_LEDGER,
    ChunkFilter,
    ChunkLine,
    read_chunk_map,
    read_chunks,
    read_throughput,
    shown_phase,
)
from migration.ledger.run_records import RunRecord
from migration.model import Phase, StepState

router = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["results"])

MOST_CELLS = 2_000

Name = Annotated[BorderText | None, Query(max_length=1_000)]
ChunkId = Annotated[int, Query(ge=0, le=END_OF_THE_LEDGER)]

_READ = responses(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


class MapCell(BaseModel):
    """Neighbouring chunks from the id `first` to `last`. Those that are in none of the states named wait."""

    first: int
    last: int
    chunks: int
    running: int
    done: int
    failed: int
    quarantined: int
    """Rows that these chunks have kept out."""


class ChunkMapAnswer(BaseModel):
    """The chunks of a run in at most `cells` cells; each chunk has its own where there are no more.

    `phase` says of which work the states are, `profiling` or `copying`. `rows_loaded` and `rows_quarantined` are those
    of the chunks that are done.
    """

    phase: Phase
    chunks: int
    rows_total: int
    rows_loaded: int
    rows_quarantined: int
    cells: list[MapCell]


class ChunkEntry(BaseModel):
    """One chunk, and the last attempt at it. `seconds` is the time of the copy alone, `error` of the last attempt."""

    id: int
    source: str
    table: str
    position: int
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

    @classmethod
    def of(cls, line: ChunkLine) -> ChunkEntry:
        """Return the entry for a chunk of the ledger."""
        return cls(**{name: getattr(line, name) for name in cls.model_fields})


class ChunkPage(BaseModel):
    """`next_after` is what `after` has to be for the following page; null on the last one."""

    phase: Phase
    chunks: list[ChunkEntry]
    next_after: int | None


class ThroughputAnswer(BaseModel):
    """What was loaded, in equal spans of `seconds_per_span` since `started_at`.

    `rows` were loaded, as `rows.done` of the status counts them (a dry-run: would be), `rows_quarantined` were read,
    too, and kept apart; `bytes` are those of the values that were read. A chunk counts whole in the span in which it
    was committed. The lists are empty, and `started_at` null, before the first was begun.
    """

    started_at: datetime | None
    seconds_per_span: float
    rows: list[int]
    rows_quarantined: list[int]
    bytes: list[int]


def _phase_of(run: RunRecord) -> Phase:
    """Return where a run works, or where it stopped working."""
    return run.resume_phase if run.phase is Phase.FAILED and run.resume_phase else run.phase


@router.get("/chunk-map", responses=_READ, dependencies=[NEEDS_READ])
def chunk_map(
    run: KnownRun,
    cluster: RunCluster,
    cells: Annotated[int, Query(ge=1, le=MOST_CELLS, description="At most so many cells.")] = 600,
    source: Name = None,
    table: Name = None,
    first: ChunkId = 0,
    last: ChunkId = END_OF_THE_LEDGER,
) -> ChunkMapAnswer:
    """Show how far the chunks of a run are, of one table, or between two ids, in a bounded number of cells."""
    chosen = ChunkFilter(source, table, None, first, last)
    found = read_chunk_map(cluster.engine(), run.id, _phase_of(run), cells, chosen)
    return ChunkMapAnswer(
        phase=found.phase,
        chunks=found.chunks,
        rows_total=found.rows_total,
        rows_loaded=found.rows_loaded,
        rows_quarantined=found.rows_quarantined,
        cells=[
            MapCell(**{name: getattr(cell, name) for name in MapCell.model_fields}) for cell in found.cells
        ],
    )


@router.get("/chunks", responses=_READ, dependencies=[NEEDS_READ])
def chunks(
    run: KnownRun,
    cluster: RunCluster,
    source: Name = None,
    table: Name = None,
    state: StepState | None = None,
    after: Annotated[int, Query(ge=0, lt=END_OF_THE_LEDGER, description="Chunks after this id.")] = 0,
    last: Annotated[
        int, Query(ge=0, le=END_OF_THE_LEDGER, description="Chunks up to this id.")
    ] = END_OF_THE_LEDGER,
    limit: Annotated[int, Query(ge=1, le=500, description="Chunks of a page.")] = 100,
) -> ChunkPage:
    """Page through the chunks of a run: state, attempts, worker, times, error."""
    chosen = ChunkFilter(source, table, state, after + 1, last)
    phase = _phase_of(run)
    found = read_chunks(cluster.engine(), run.id, phase, chosen, limit + 1)
    return ChunkPage(
        phase=shown_phase(phase),
        chunks=[ChunkEntry.of(line) for line in found[:limit]],
        next_after=found[limit - 1].id if len(found) > limit else None,
    )


@router.get("/throughput", responses=_READ, dependencies=[NEEDS_READ])
def throughput(
    run: KnownRun,
    cluster: RunCluster,
    spans: Annotated[
        int, Query(ge=1, le=1_000, description="At most so many spans of time, of half a second at least.")
    ] = 120,
) -> ThroughputAnswer:
    """Show how much was loaded when, from the first chunk until now, or until the last."""
    found = read_throughput(cluster.engine(), run.id, spans, is_over=run.phase.is_end)
    return ThroughputAnswer(
        started_at=found.started_at,
        seconds_per_span=found.seconds_per_span,
        rows=list(found.rows),
        rows_quarantined=list(found.rows_quarantined),
        bytes=list(found.bytes),
    )
