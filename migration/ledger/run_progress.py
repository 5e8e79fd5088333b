"""How far a run is: read from the ledger, for the terminal, the API and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, text

from migration.ledger.event_names import EventName
from migration.ledger.run_records import read_run
from migration.ledger.run_results import count_findings
from migration.ledger.run_waits import is_abandoned, waits_of
from migration.ledger.step_records import WORKED_AHEAD
from migration.model import Phase, StepState

_SPAN_PERCENT: dict[Phase, tuple[float, float]] = {
    Phase.PENDING: (0, 0),
    Phase.SNAPSHOTTING: (0, 5),
    Phase.PROFILING: (5, 20),
    Phase.COPYING: (20, 70),
    Phase.INDEXING: (70, 85),
    Phase.VALIDATING: (85, 99),
    Phase.READY: (99, 99),
    Phase.CUTTING_OVER: (99, 100),
}
"""Where each phase begins and ends on the way from 0 to 100: typical shares of a run's time."""


@dataclass(frozen=True, slots=True)
class TableProgress:
    """One table; rows and bytes are those of the copy. `state` is pending, running, done or failed."""

    source: str
    name: str
    rows_total: int
    rows_done: int
    bytes_total: int
    bytes_done: int
    state: str


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run at one moment.

    `percent` is of the whole run: finished phases, the present one's steps by bytes, and those of the phase that is
    worked on ahead. `eta_seconds` is for the
    present phase and None while nothing can be said. `rows_*` and `bytes_*` are of the copy. `workers` are those
    that run a step now. `waits` are sentences on what takes longer than it should: who holds a chunk or a lock; that
    somebody has paused the run; that no producer
    is there to move it (`is_abandoned`).
    """

    run_id: str
    mode: str
    phase: Phase
    percent: float
    rows_total: int
    rows_done: int
    bytes_total: int
    bytes_done: int
    rows_per_s: float
    bytes_per_s: float
    eta_seconds: float | None
    workers: tuple[str, ...]
    tables: tuple[TableProgress, ...]
    error: str | None
    findings: int
    quarantined: int
    chunks_total: int
    chunks_done: int
    waits: tuple[str, ...] = ()
    paused_at: datetime | None = None
    is_abandoned: bool = False


_TABLES_SQL = """
SELECT s.label AS source, t.name, t.rows AS rows_total,
       coalesce(sum(c.rows) FILTER (WHERE c.state = 'done'), 0)::bigint AS rows_done,
       coalesce(sum(c.bytes), 0)::bigint AS bytes_total,
       coalesce(sum(c.bytes) FILTER (WHERE c.state = 'done'), 0)::bigint AS bytes_done,
       count(c.id) AS chunks_total,
       count(c.id) FILTER (WHERE c.state = 'done') AS chunks_done,
       coalesce(sum(c.rows_quarantined), 0)::bigint AS quarantined,
       CASE WHEN bool_and(c.state = 'done') THEN 'done'
            WHEN bool_or(c.state = 'failed') THEN 'failed'
            WHEN bool_or(c.state IN ('running', 'done')) THEN 'running'
            ELSE 'pending' END AS state
FROM convoy.tables t
JOIN convoy.sources s ON s.id = t.source_id
LEFT JOIN convoy.chunks c ON c.table_id = t.id
WHERE t.run_id = :run_id
GROUP BY t.id, s.id
ORDER BY s.id, t.id
"""

_STEPS_SQL = """
SELECT coalesce(sum(weight + 1) FILTER (WHERE phase = :phase), 0)::bigint AS total,
       coalesce(sum(weight + 1) FILTER (WHERE phase = :phase AND state = 'done'), 0)::bigint AS done,
       coalesce(sum(weight + 1) FILTER (
           WHERE phase = :phase AND state = 'done' AND finished_at >= entered.at), 0)::bigint AS done_here,
       extract(epoch FROM clock_timestamp()
           - greatest(min(claimed_at) FILTER (WHERE phase = :phase), max(entered.at)))::float8 AS seconds_here,
       coalesce(sum(weight + 1) FILTER (WHERE phase = :ahead), 0)::bigint AS ahead_total,
       coalesce(sum(weight + 1) FILTER (WHERE phase = :ahead AND state = 'done'), 0)::bigint AS ahead_done
FROM convoy.steps,
     (SELECT max(at) AS at FROM convoy.events WHERE run_id = :run_id AND kind = :entering) AS entered
WHERE run_id = :run_id AND phase IN (:phase, :ahead)
"""

_COPY_SECONDS_SQL = """
SELECT extract(epoch FROM
           CASE WHEN bool_and(state = 'done') THEN max(finished_at) ELSE clock_timestamp() END
           - min(claimed_at))::float8
FROM convoy.steps WHERE run_id = :run_id AND phase = 'copying'
"""

_WORKERS_SQL = """
SELECT DISTINCT worker FROM convoy.steps
WHERE run_id = :run_id AND state = 'running' AND worker IS NOT NULL ORDER BY worker
"""


def read_progress(engine: Engine, run_id: str) -> RunProgress:
    """Return the progress of a run.

    Raises:
        UsageError: this ledger does not know the run.
    """
    with engine.connect() as connection:
        return _read(connection, run_id)


def _read(connection: Connection, run_id: str) -> RunProgress:
    run = read_run(connection, run_id)
    rows = connection.execute(text(_TABLES_SQL), {"run_id": run_id}).all()
    phase = run.resume_phase if run.phase is Phase.FAILED and run.resume_phase else run.phase
    ahead = WORKED_AHEAD.get(phase)
    step = connection.execute(
        text(_STEPS_SQL),
        {
            "run_id": run_id,
            "phase": phase.value,
            "ahead": ahead.value if ahead else "",
            "entering": EventName.PHASE.value,
        },
    ).one()
    copy_seconds = connection.execute(text(_COPY_SECONDS_SQL), {"run_id": run_id}).scalar() or 0.0
    # What steps of a stopped run say stays as it was when their workers were stopped.
    workers = (
        [] if run.phase.is_end else connection.execute(text(_WORKERS_SQL), {"run_id": run_id}).scalars().all()
    )
    rows_done = sum(row.rows_done for row in rows)
    bytes_done = sum(row.bytes_done for row in rows)
    return RunProgress(
        run_id=run.id,
        mode=run.mode,
        phase=run.phase,
        percent=_percent(run.phase, phase, step.done, step.total, step.ahead_done, step.ahead_total),
        rows_total=sum(row.rows_total for row in rows),
        rows_done=rows_done,
        bytes_total=sum(row.bytes_total for row in rows),
        bytes_done=bytes_done,
        rows_per_s=rows_done / copy_seconds if copy_seconds else 0.0,
        bytes_per_s=bytes_done / copy_seconds if copy_seconds else 0.0,
        eta_seconds=seconds_left(run.phase, step.total - step.done, step.done_here, step.seconds_here),
        workers=tuple(workers),
        tables=tuple(
            TableProgress(
                row.source,
                row.name,
                row.rows_total,
                row.rows_done,
                row.bytes_total,
                row.bytes_done,
                StepState(row.state).value,
            )
            for row in rows
        ),
        error=run.error,
        findings=count_findings(connection, run_id),
        quarantined=sum(row.quarantined for row in rows),
        chunks_total=sum(row.chunks_total for row in rows),
        chunks_done=sum(row.chunks_done for row in rows),
        waits=waits_of(connection, run),
        paused_at=run.paused_at,
        is_abandoned=is_abandoned(connection, run),
    )


def _percent(
    phase: Phase, working_phase: Phase, done: int, total: int, ahead_done: int = 0, ahead_total: int = 0
) -> float:
    span = _SPAN_PERCENT.get(working_phase)
    if span is None:
        return 0.0 if phase is Phase.CANCELLED else 100.0
    first, last = span
    # What is done ahead counts as much now as it will in its own phase: the next one begins where this one ends.
    first_ahead, last_ahead = _SPAN_PERCENT[WORKED_AHEAD.get(working_phase, working_phase)]
    ahead = (last_ahead - first_ahead) * (ahead_done / ahead_total if ahead_total else 0.0)
    return round(first + (last - first) * (done / total if total else 0.0) + ahead, 1)


_TELLING_SHARE: Final = 0.05
_TELLING_SECONDS: Final = 30.0
"""After so long any work that is done tells a pace: a large run is not left without a word for hours."""


def seconds_left(phase: Phase, left: int, done_here: int, seconds_here: float | None) -> float | None:
    """Return the seconds that are left, at the pace since the run came into this phase or was resumed.

    None until there is a pace: the first of many small steps waits for workers to start, and says nothing of the rest.
    """
    if phase.is_end or not done_here or seconds_here is None:
        return None
    is_telling = done_here >= _TELLING_SHARE * (left + done_here)
    if not is_telling and seconds_here < _TELLING_SECONDS:
        return None
    return seconds_here * left / done_here
