"""What a run waits for, in sentences: who has to do something before it moves, or what is tried again."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from migration.ledger.cutover_tries import why_cutover_waits
from migration.ledger.event_names import EventName
from migration.ledger.frozen_producers import is_producer_connected
from migration.ledger.hung_workers_and_lock_waits import read_waits
from migration.ledger.process_presence import STEPS_AT_WORK, ProcessKind, count_alive, is_any_at_work
from migration.ledger.run_records import RunRecord
from migration.ledger.waits_behind_others import waits_behind_others
from migration.ledger.waits_for_strangers import blocked_processes, locked_steps, lockers_of_steps
from migration.model import Phase
from migration.start_commands import start_command

_QUIET_SECONDS: Final = 20.0
"""A producer connects with the first run that it is told of, and again a moment after PostgreSQL has restarted."""
_ABSENT_SECONDS: Final = 8.0
"""A cluster that starts with its run says within this time that it is there."""
UNTAKEN_STEPS: Final = "No worker takes the steps that wait."
"""How the sentence begins that says so."""
_QUIET: Final = text(
    """
    SELECT greatest(
        (SELECT created_at FROM convoy.runs WHERE id = :run_id),
        (SELECT max(at) FROM convoy.events WHERE run_id = :run_id AND kind IN (:phase, :resume)),
        (SELECT max(greatest(claimed_at, finished_at)) FROM convoy.steps WHERE run_id = :run_id)
    ) < clock_timestamp() - make_interval(secs => :quiet_seconds)
    """
)
# What is sent again each lease does not count as a sign of life; steps of other runs do.
_UNTAKEN: Final = text(
    f"""
    SELECT count(*) FROM convoy.steps WHERE run_id = :run_id AND state = 'pending' AND sent_at IS NOT NULL
       AND NOT EXISTS (SELECT {STEPS_AT_WORK})
    """
)
_SENT: Final = text(
    """
    SELECT EXISTS (SELECT FROM convoy.steps
                   WHERE run_id = :run_id AND state IN ('pending', 'running') AND sent_at IS NOT NULL)
    """
)
_LAST_FAILURE: Final = text(
    """
    SELECT e.data->>'error' FROM convoy.events e
    WHERE e.run_id = :run_id AND e.kind = :failed AND e.data->>'final' = 'false'
      AND e.at > coalesce(greatest(
          (SELECT max(finished_at) FROM convoy.steps WHERE run_id = :run_id AND state = 'done'),
          (SELECT max(at) FROM convoy.events WHERE run_id = :run_id AND kind = :phase)), '-infinity')
    ORDER BY e.id DESC LIMIT 1
    """
)


def is_abandoned(connection: Connection, run: RunRecord) -> bool:
    """Whether nobody moves a run: it has been quiet for a while, and no producer is connected to its database."""
    return _is_quiet(connection, run) and not is_producer_connected(connection)


def waits_of(connection: Connection, run: RunRecord) -> tuple[str, ...]:
    """Return a sentence for each thing that a run waits for now; nothing where it moves, or is at its end."""
    if run.phase.is_end:
        return ()
    cutover = why_cutover_waits(connection, run)
    told = [
        *_said(connection, run),
        *([cutover] if cutover else []),
        *read_waits(connection, run.id, run.phase),
    ]
    told += [] if run.paused_at is not None else blocked_processes(connection)
    if not told and _is_quiet(connection, run) and (behind := waits_behind_others(connection, run)):
        told.append(behind)
    return tuple(dict.fromkeys(told))


def _said(connection: Connection, run: RunRecord) -> list[str]:
    if run.paused_at is not None:
        return [f"It was paused at {run.paused_at.astimezone():%H:%M:%S}; `resume` lets it go on."]
    said = []
    failure = connection.execute(
        _LAST_FAILURE,
        {"run_id": run.id, "failed": EventName.STEP_FAILED.value, "phase": EventName.PHASE.value},
    ).scalar()
    if failure is not None:
        said.append(f"The last attempt at a step failed, and is made again: {failure}")
    alive = count_alive(connection)
    is_new = not _is_quiet(connection, run, _ABSENT_SECONDS)
    idle_producer, idle_worker = map(alive.instead_of, (ProcessKind.PRODUCER, ProcessKind.WORKER))
    if not is_new and idle_producer is not None:
        said.append(f"{idle_producer.sentence()}, so nobody moves the run. {idle_producer.remedy()}.")
    elif not is_new and not alive.producers and not is_producer_connected(connection):
        said.append(
            "No producer is connected to this database, so nobody moves the run: start one with "
            f"`{start_command('producer')}`, or `resume` it."
        )
    if not is_new and idle_worker is not None and _needs_workers(connection, run):
        said.append(f"{idle_worker.sentence()}, so nobody takes the run's steps. {idle_worker.remedy()}.")
    elif not is_new and not alive.workers and _needs_workers(connection, run):
        said.append(
            "No worker has given a sign of life, so nobody takes the run's steps: start one with "
            f"`{start_command('worker')}`."
        )
    locked = locked_steps(connection, run.id)
    said += locked
    if not said and _is_quiet(connection, run) and connection.execute(_UNTAKEN, {"run_id": run.id}).scalar():
        said.append(_why_untaken(connection, alive.workers))
    return said


def _why_untaken(connection: Connection, workers: int) -> str:
    """Return why steps wait that nobody has in hand."""
    if told := lockers_of_steps(connection):
        return told
    if not workers:
        return (
            f"{UNTAKEN_STEPS} Is one running on this broker, with this very target? "
            f"Start it with: {start_command('worker')}"
        )
    # They hear of steps by the broker alone.
    there = "1 worker gives" if workers == 1 else f"{workers} workers give"
    return f"{UNTAKEN_STEPS} {there} signs of life: does the broker answer them? Look with `migration-cli doctor`."


def _needs_workers(connection: Connection, run: RunRecord) -> bool:
    """Whether steps wait for a worker, or soon will, and nobody works on any (a worker of a version before)."""
    waits = (
        run.phase in (Phase.PENDING, Phase.SNAPSHOTTING)
        or connection.execute(_SENT, {"run_id": run.id}).scalar()
    )
    return bool(waits) and not is_any_at_work(connection)


def _is_quiet(connection: Connection, run: RunRecord, seconds: float = _QUIET_SECONDS) -> bool:
    if run.phase.is_end or run.paused_at is not None:
        return False
    values = {
        "run_id": run.id,
        "quiet_seconds": seconds,
        "phase": EventName.PHASE.value,
        "resume": EventName.RESUME.value,
    }
    return bool(connection.execute(_QUIET, values).scalar_one())
