"""How far a run is: read from the ledger, for the terminal, the API and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, Engine, text

from migration.ledger.event_names import EventName
from migration.ledger.process_presence import count_alive, workers_at
from migration.ledger.run_records import read_run
from migration.ledger.run_results import count_findings
from migration.ledger.run_waits import is_abandoned, waits_of
from migration.ledger.step_records import WORKED_AHEAD
from migration.ledger.table_progress import (
    TableProgress,
    TableScope,
    TableVersion,
    read_all_tables,
    read_changed_tables,
    read_totals,
    read_version,
)
from migration.model import Mode, Phase
from migration.ways_on import WayOn, way_on

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
_END_PERCENT: Final = 99.0
"""A hundred only once it has ended."""
_LAST_PHASE: Final = {Mode.DRY_RUN: Phase.COPYING, Mode.VALIDATE: Phase.VALIDATING}
"""Of runs that do a part of a migration: all that is left to 100 percent is its share."""
_PHASE_BEFORE: Final = {Phase.COPYING: Phase.PROFILING, Phase.VALIDATING: Phase.SNAPSHOTTING}
"""In these."""


@dataclass(frozen=True, slots=True)
class RunProgress:
    """A run at one moment.

    `percent` is of the whole run: finished phases, the present one's steps by bytes, and those of the phase that is
    worked on ahead. `phase_percent` and `eta_seconds` are of the present phase, and None while nothing can be said: no
    step is known, nobody is there to work. `rows_*` and `bytes_*` are of the copy; `rows_done` were loaded, those
    `quarantined` count apart. `workers` are the living ones that run a step of it now; `producers_alive` and
    `workers_alive` count who is there for any run. `last_progress_at` is when a step was last done, or a phase entered.
    `waits` are sentences on what takes longer than it should: who holds a chunk or a lock; that somebody has paused the
    run; that nobody is there to move it (`is_abandoned`) or to work on it. `version` is what `since` takes. `way_on` is
    what helps after a failure; None where the run has not failed, or somebody has given it up. `stopped_in` is the
    phase that a failed or cancelled run was in before; None for others.
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
    phase_percent: float | None = None
    producers_alive: int = 0
    workers_alive: int = 0
    last_progress_at: datetime | None = None
    tables_total: int = 0
    tables_scope: TableScope = TableScope.ALL
    version: str = ""
    way_on: WayOn | None = None
    stopped_in: Phase | None = None


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
           CASE WHEN :is_over OR bool_and(state = 'done') THEN max(finished_at) ELSE clock_timestamp() END
           - min(claimed_at))::float8
FROM convoy.steps WHERE run_id = :run_id AND phase = 'copying'
"""

_LEFT_PHASE_SQL = """
SELECT data ->> 'phase' FROM convoy.events
WHERE run_id = :run_id AND kind = :phase AND NOT data ->> 'phase' = ANY(:ends) ORDER BY id DESC LIMIT 1
"""

_FAILURE_SQL = """
SELECT data -> 'error_details' ->> 'code' FROM convoy.events
WHERE run_id = :run_id AND kind = :failed ORDER BY id DESC LIMIT 1
"""

_LAST_PROGRESS_SQL = """
SELECT at, extract(epoch FROM clock_timestamp() - at)::float8 AS seconds FROM (
    SELECT greatest(
        (SELECT max(finished_at) FROM convoy.steps WHERE run_id = :run_id AND state = 'done'),
        (SELECT max(at) FROM convoy.events WHERE run_id = :run_id AND kind IN (:phase, :resume)),
        (SELECT created_at FROM convoy.runs WHERE id = :run_id)) AS at) last
"""


def read_progress(
    engine: Engine, run_id: str, *, tables: TableScope = TableScope.ALL, since: TableVersion | None = None
) -> RunProgress:
    """Return the progress of a run.

    Args:
        engine: of the ledger.
        run_id: a full id.
        tables: which of its tables the answer holds. With `CHANGED`, where that cannot be told: all.
        since: the version that `CHANGED` refers to.

    Raises:
        UsageError: this ledger does not know the run.
    """
    with engine.connect() as connection:
        return _read(connection, run_id, tables, since)


def _read(connection: Connection, run_id: str, scope: TableScope, since: TableVersion | None) -> RunProgress:
    run = read_run(connection, run_id)
    version = read_version(connection, run_id)  # before the tables are read
    totals = read_totals(connection, run_id)
    scope, tables = _tables(connection, run_id, scope, since, version)
    phase = run.resume_phase if run.phase is Phase.FAILED and run.resume_phase else run.phase
    if run.phase is Phase.CANCELLED:
        phase = _left_phase(connection, run_id)
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
    copying = {"run_id": run_id, "is_over": run.phase.is_end}
    copy_seconds = connection.execute(text(_COPY_SECONDS_SQL), copying).scalar() or 0.0
    # What steps of a stopped run say stays as it was when their workers were stopped.
    workers = () if run.phase.is_end else workers_at(connection, run_id)
    alive = count_alive(connection)
    progress = connection.execute(
        text(_LAST_PROGRESS_SQL),
        {"run_id": run_id, "phase": EventName.PHASE.value, "resume": EventName.RESUME.value},
    ).one()
    # Workers of a version before give no signs of life: what they have done does.
    somebody = workers or alive.workers or (not alive.knows_workers and progress.seconds < _TELLING_SECONDS)
    moves = bool(somebody) and run.paused_at is None
    left = seconds_left(
        run.phase, step.total - step.done, step.done_here, step.seconds_here, quiet_seconds=progress.seconds
    )
    return RunProgress(
        run_id=run.id,
        mode=run.mode,
        phase=run.phase,
        percent=_percent(Mode(run.mode), phase, step.done, step.total, step.ahead_done, step.ahead_total),
        rows_total=totals.rows_total,
        rows_done=totals.rows_done,
        bytes_total=totals.bytes_total,
        bytes_done=totals.bytes_done,
        rows_per_s=totals.rows_done / copy_seconds if copy_seconds else 0.0,
        bytes_per_s=totals.bytes_done / copy_seconds if copy_seconds else 0.0,
        eta_seconds=left if moves else None,
        workers=workers,
        tables=tables,
        error=run.error,
        findings=count_findings(connection, run_id),
        quarantined=totals.rows_quarantined,
        chunks_total=totals.chunks_total,
        chunks_done=totals.chunks_done,
        waits=waits_of(connection, run),
        paused_at=run.paused_at,
        is_abandoned=is_abandoned(connection, run),
        phase_percent=round(100 * step.done / step.total, 1) if step.total else None,
        producers_alive=alive.producers,
        workers_alive=alive.workers,
        last_progress_at=progress.at,
        tables_total=totals.tables,
        tables_scope=scope,
        version=version.token,
        way_on=_way_on(connection, run_id) if run.phase is Phase.FAILED and run.given_up_at is None else None,
        stopped_in=phase if run.phase is not phase else None,
    )


def _way_on(connection: Connection, run_id: str) -> WayOn:
    code = connection.execute(
        text(_FAILURE_SQL), {"run_id": run_id, "failed": EventName.FAILED.value}
    ).scalar()
    return way_on(code or "")


def _left_phase(connection: Connection, run_id: str) -> Phase:
    """Return the phase in which a run was cancelled."""
    ends = [phase.value for phase in Phase if phase not in _SPAN_PERCENT]
    values = {"run_id": run_id, "phase": EventName.PHASE.value, "ends": ends}
    found = connection.execute(text(_LEFT_PHASE_SQL), values).scalar()
    return Phase(found) if found else Phase.PENDING


def _tables(
    connection: Connection,
    run_id: str,
    scope: TableScope,
    since: TableVersion | None,
    version: TableVersion,
) -> tuple[TableScope, tuple[TableProgress, ...]]:
    """Return the tables that were asked for, and which they are."""
    if scope is TableScope.NONE:
        return scope, ()
    if scope is TableScope.CHANGED and since is not None:
        changed = read_changed_tables(connection, run_id, since, version)
        if changed is not None:
            return scope, changed
    return TableScope.ALL, read_all_tables(connection, run_id)


def _percent(
    mode: Mode, working_phase: Phase, done: int, total: int, ahead_done: int = 0, ahead_total: int = 0
) -> float:
    span = _SPAN_PERCENT.get(working_phase)
    if span is None:
        return 100.0
    first, last = span
    if working_phase is _LAST_PHASE.get(mode):
        first, last = _SPAN_PERCENT[_PHASE_BEFORE[working_phase]][1], _END_PERCENT
        return round(first + (last - first) * (done / total if total else 0.0), 1)
    # What is done ahead counts as much now as it will in its own phase: the next one begins where this one ends.
    first_ahead, last_ahead = _SPAN_PERCENT[WORKED_AHEAD.get(working_phase, working_phase)]
    ahead = (last_ahead - first_ahead) * (ahead_done / ahead_total if ahead_total else 0.0)
    return round(first + (last - first) * (done / total if total else 0.0) + ahead, 1)


_TELLING_SHARE: Final = 0.05
_TELLING_SECONDS: Final = 30.0
"""After so long any work that is done tells a pace: a large run is not left without a word for hours."""


STALLED_SECONDS: Final = 20.0
"""After so long without a step that was done nobody can say when the last one will be."""


def seconds_left(
    phase: Phase, left: int, done_here: int, seconds_here: float | None, *, quiet_seconds: float = 0.0
) -> float | None:
    """Return the seconds that are left, at the pace since the run came into this phase or was resumed.

    The pace is that of the work which is done, up to the end of the last step, `quiet_seconds` ago: what is left does
    not grow while a step takes long. None until there is a pace, since the first of many small steps waits for workers
    to start, and says nothing of the rest; and None where nothing has moved for `STALLED_SECONDS`.
    """
    if phase.is_end or not done_here or seconds_here is None or quiet_seconds >= STALLED_SECONDS:
        return None
    is_telling = done_here >= _TELLING_SHARE * (left + done_here)
    if not is_telling and seconds_here < _TELLING_SECONDS:
        return None
    worked = max(seconds_here - quiet_seconds, 0.0)
    return max(worked * left / done_here - quiet_seconds, 0.0)
