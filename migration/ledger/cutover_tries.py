"""A cutover that others are in the way of: tried shortly, again after pauses, and given up in the end.

While a try waits for the lock of a table, everybody who comes later queues behind it. So a try is short, and the pause
after it at least four times as long: others queue for a fifth of the time at most, and less with each further try.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, select, text, update

from migration.convoy_error import NextStep
from migration.cutover_errors import CutoverBlockedError, CutoverPatienceError
from migration.ledger.cutover_window import parse_window
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.event_names import EventName
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import RunRecord
from migration.ledger.run_transition import NO_TRIES
from migration.model import Phase
from migration.observers.run_happenings import RunWaiting
from migration.run_options import RunOptions

PAUSE_FACTOR: Final = 4.0
"""A pause lasts so many times as long as the try before it may; 1 / (1 + 4) is the share in which others queue."""
_GROWTH: Final = 1.5
_LONGEST_FACTOR: Final = 15.0
"""With the usual 2 s, pauses grow from 8 s to 30 s."""
_JITTER: Final = 0.25
"""Only ever longer, so that two runs that wait for each other part, and the share of time still holds."""
_LAST_REASON: Final = text(
    "SELECT data ->> 'reason' FROM convoy.events WHERE run_id = :run_id AND kind = :kind AND at >= :since"
    " ORDER BY id DESC LIMIT 1"
)
_TRIES: Final = text(
    "SELECT count(*) FROM convoy.events WHERE run_id = :run_id AND kind = :kind AND at >= :since"
)


@dataclass(frozen=True, slots=True)
class CutoverWait:
    """Why a cutover is not tried now, as a sentence, and in how many seconds it is to be looked at again."""

    sentence: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CutoverTerms:
    """How a cutover is to be tried; None leaves what the run was started with, an empty window is none."""

    window: str | None = None
    lock_timeout_seconds: float | None = None
    patience_seconds: float | None = None

    def of(self, options: RunOptions) -> RunOptions:
        """Return the options of a run with these terms laid over them."""
        asked = {
            "cutover_window": self.window,
            "cutover_lock_timeout_seconds": self.lock_timeout_seconds,
            "cutover_patience_seconds": self.patience_seconds,
        }
        given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
        return replace(options, **given)


def pause_seconds(tries: int, lock_timeout_seconds: float, chance: float) -> float:
    """Return how long to let others be after so many tries in a row; `chance` is from 0 to 1."""
    factor = min(PAUSE_FACTOR * _GROWTH ** max(tries - 1, 0), _LONGEST_FACTOR)
    return lock_timeout_seconds * factor * (1 + _JITTER * chance)


def pause_within_patience(tries: int, options: RunOptions, elapsed_seconds: float) -> float | None:
    """Return how long to let others be after so many tries; None where the time for them is used up.

    The last try is made at the end of that time, or after the shortest of all pauses where less of it is left.
    """
    left = options.cutover_patience_seconds - elapsed_seconds
    if left <= 0:
        return None
    chance = random.random()  # noqa: S311 # nosec B311 - spreads tries, keeps no secret
    pause = pause_seconds(tries, options.cutover_lock_timeout_seconds, chance)
    return min(pause, max(left, options.cutover_lock_timeout_seconds * PAUSE_FACTOR))


def wait_of_cutover(connection: Connection, run: RunRecord) -> CutoverWait | None:
    """Return what an asked-for cutover waits for; None where it can be tried now, or where there is none to try."""
    if run.phase is not Phase.CUTTING_OVER:
        return None
    now = _now(connection)
    if (closed := _closed_window(run.options, now)) is not None:
        return closed
    if run.cutover_next_at is None or run.cutover_next_at <= now:
        return None
    reason = _last_reason(connection, run) or "Others are in the way of the cutover"
    return CutoverWait(reason, (run.cutover_next_at - now).total_seconds())


def why_cutover_waits(connection: Connection, run: RunRecord) -> str | None:
    """Return the sentence for people, also while a further try is under way; it stays the same for the same blocker."""
    if run.phase is not Phase.CUTTING_OVER:
        return None
    closed = _closed_window(run.options, _now(connection))
    return closed.sentence if closed is not None else _last_reason(connection, run)


def put_off_cutover(
    engine: Engine, run: RunRecord, blocked: CutoverBlockedError
) -> float | CutoverPatienceError | None:
    """Note that others were in the way of a try, and when the next one is due.

    Returns:
        Seconds until then; the error that the run is to fail with, where its patience is over; None where the run
        has moved, been paused or stopped meanwhile.
    """
    with engine.begin() as connection:
        statement = select(runs.c.phase, runs.c.cutover_since, runs.c.paused_at).where(runs.c.id == run.id)
        row = connection.execute(statement.with_for_update(key_share=True)).one()
        if row.phase != Phase.CUTTING_OVER.value or row.paused_at is not None:
            return None
        now = _now(connection)
        since = row.cutover_since or now - timedelta(seconds=run.options.cutover_lock_timeout_seconds)
        sentence = f"{blocked} It is tried again, with pauses in which nobody queues behind it."
        waiting = RunWaiting(run.id, run.phase, sentence)
        values = {"run_id": run.id, "kind": EventName.WAITING.value, "since": since}
        tries = connection.execute(_TRIES, values).scalar_one() + 1
        elapsed = (now - since).total_seconds()
        pause = pause_within_patience(tries, run.options, elapsed)
        if pause is None:
            return _out_of_patience(run, blocked, elapsed)
        next_at = now + timedelta(seconds=pause)
        EventLogObserver(connection).observe(waiting)
        connection.execute(
            update(runs).where(runs.c.id == run.id).values(cutover_since=since, cutover_next_at=next_at)
        )
    return pause


def forget_tries(connection: Connection, run_id: str) -> None:
    """Let a cutover be tried at once, with all its patience before it."""
    connection.execute(update(runs).where(runs.c.id == run_id).values(**NO_TRIES))


def _out_of_patience(run: RunRecord, blocked: CutoverBlockedError, seconds: float) -> CutoverPatienceError:
    again = f"migration-cli {'cutover' if run.options.hold else 'resume'} {run.id}"
    return CutoverPatienceError(
        f"The cutover was tried for {seconds:,.0f} s, and others were in the way to the end: {blocked.what}",
        remedy=f"No table that users see has changed; end what is in the way, and type `{again}`",
        next_steps=(NextStep("Try the cutover again", again), *blocked.next_steps),
        run=run.id,
    )


def _closed_window(options: RunOptions, now: datetime) -> CutoverWait | None:
    if not options.cutover_window:
        return None
    window = parse_window(options.cutover_window)
    if window.is_open(now):
        return None
    opening = window.opens_at(now)
    return CutoverWait(
        f"It is proved and waits for its cutover window, {window},"
        f" which opens at {opening:%Y-%m-%d %H:%M} {window.zone}; no table that users see has changed.",
        max((opening - now).total_seconds(), 0.0),
    )


def _last_reason(connection: Connection, run: RunRecord) -> str | None:
    if run.cutover_since is None:
        return None
    values = {"run_id": run.id, "kind": EventName.WAITING.value, "since": run.cutover_since}
    return connection.execute(_LAST_REASON, values).scalar()


def _now(connection: Connection) -> datetime:
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now
