"""The watchdog: what the ledger says is unfinished, and nobody works on, is sent again.

It believes the ledger only. A broker that was emptied, a chord that never fires, a worker that was killed:
all look the same from here, and all end the same way.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError
from migration.errors import BrokerError, RetryableError
from migration.full_disk_errors import DiskFullError
from migration.ledger.disk_room_notices import EVERY_RUN, read_full_disks
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.frozen_producers import end_silent_producers
from migration.ledger.hung_workers_and_lock_waits import end_silent
from migration.ledger.run_records import active_runs, read_run, runs_with_leftovers
from migration.ledger.step_records import recover_lost, recover_stalled
from migration.ledger.work_totals import gather_totals
from migration.log_context import log_fields
from migration.observers.run_happenings import StepsRecovered, WorkerStopped
from migration.steps.run_cancellation import remove_staging
from migration.target.postgres_errors import translate
from migration.version_errors import LedgerMissingError
from producer.run_movers import RunMovers
from producer.snapshot_removal import prune_snapshots, prune_stage

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from producer.run_state_machine import Runner

logger = logging.getLogger(__name__)

_PRUNE_SECONDS = 600.0
_FIRST_SECONDS = 5.0
_LEADER_LOCK = 0x636F6E776174


class Watchdog:
    """A thread that looks at every active run of one ledger, every `watchdog_seconds`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._stop = threading.Event()
        self._pruned = -_PRUNE_SECONDS
        self._found_full = False
        self._was_full = False
        self._movers = RunMovers(self._look_at_one)
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop soon; does not wait."""
        self._stop.set()

    def _watch(self) -> None:
        # Soon after the start: what a killed producer had in hand is in no queue any more.
        with suppress(ConvoyError, DBAPIError):  # PostgreSQL may be down now; the next look says so
            self._announce()  # at once: the broker may hold the note of a cluster that was here before
        pause_seconds = min(_FIRST_SECONDS, self._runner.settings.watchdog_seconds)
        while not self._stop.wait(pause_seconds):
            pause_seconds = self._runner.settings.watchdog_seconds
            try:
                with log_fields(target=self._runner.target or None):
                    self.look_once()
            except Exception as error:  # PostgreSQL may be down now; the next look may find it up
                if not self._lacks_room(error):
                    logger.warning(
                        "The watchdog could not look at the ledger; it will try again: %s",
                        translate(error),
                        exc_info=_stack_of(error),
                    )

    def look_once(self) -> None:
        """Look at every active run once, if no other producer is the leader at this moment.

        Comes back after `watchdog_seconds` at the latest, though a run may take longer: others do not wait for it.
        """
        engine = self._runner.engine
        self._announce()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            # Before the leader's lock, which the silent one may hold.
            for silent in end_silent_producers(connection, self._runner.settings.silence_seconds):
                logger.warning("Ended the connections of a silent producer: %s", silent)
            key = {"key": _LEADER_LOCK}
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar():
                return
            try:
                self._was_full, self._found_full = self._found_full, False
                for run_id in active_runs(engine):
                    self._movers.hand_over(run_id)
                self._movers.wait(self._runner.settings.watchdog_seconds)
                if self._was_full and not self._found_full:
                    self._runner.room.end(EVERY_RUN)
                for run in runs_with_leftovers(engine):
                    self._remove_leftovers(run)
                self._prune()
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)

    def _announce(self) -> None:
        """Say on the broker whose this cluster is: each producer, each time, as it may have been emptied."""
        with suppress(BrokerError):  # each run says by itself that it waits for the broker
            self._runner.announce()

    def _remove_leftovers(self, run: RunRecord) -> None:
        """Drop what an ended run has staged, and end whoever is frozen with its hands on it."""
        with self._runner.engine.begin() as connection:
            for hold in end_silent(connection, run.id, self._runner.settings.silence_seconds):
                logger.warning("Ended the connections of a silent worker: %s", hold.sentence())
        with suppress(RetryableError):  # somebody holds it: the next look tries again
            remove_staging(self._runner.engine, run)

    def _prune(self) -> None:
        """Remove old snapshots, from time to time."""
        now = time.monotonic()
        if now - self._pruned > _PRUNE_SECONDS:
            self._pruned = now
            settings = self._runner.settings
            prune_snapshots(
                self._runner.engine, settings.snapshot_dir.absolute(), settings.snapshot_retention_hours
            )
            prune_stage(self._runner.engine, settings)
            gather_totals(self._runner.engine)

    def _lacks_room(self, error: Exception) -> bool:
        """Take note of a full disk of the ledger: it is waited for, and no attempt counts that is lost meanwhile."""
        reason = translate(error)
        if not isinstance(reason, DiskFullError):
            return False
        if not self._found_full:
            logger.warning("The watchdog cannot write to the ledger; it will try again. %s", reason)
        self._found_full = True
        self._runner.await_room(reason, None)
        return True

    def _look_at_one(self, run_id: str) -> None:
        try:
            with log_fields(run=run_id, target=self._runner.target or None):
                self._look_at(run_id, was_full=self._was_full)
        except Exception as error:  # other runs may have what they need
            if not self._lacks_room(error):
                logger.warning(
                    "The watchdog could not look at run %s; it will try again: %s",
                    run_id,
                    translate(error, run=run_id),
                    exc_info=_stack_of(error),
                )

    def _look_at(self, run_id: str, *, was_full: bool) -> None:
        settings, observers = self._runner.settings, self._runner.observers
        with self._runner.engine.begin() as connection:
            log = EventLogObserver(connection)
            run = read_run(connection, run_id)
            for hold in end_silent(connection, run_id, settings.silence_seconds):
                stopped = WorkerStopped(run_id, hold.step_id, hold.part, hold.worker, hold.sentence())
                log.observe(stopped)
                # Not only after the commit: no rollback opens those connections again.
                observers.tell(stopped)
            # A worker that waits to write its step down holds no lock of it, and has its messages.
            is_full = bool(read_full_disks(connection, run_id))
            lost = recover_lost(connection, run_id, counts=not (was_full or is_full))
            # The messages of a paused run have found nothing: `resume` has them sent again.
            waits = is_full or run.paused_at is not None
            seconds = settings.lease_seconds
            stalled = [] if waits else recover_stalled(connection, run_id, run.phase, seconds)
            recovered = StepsRecovered(run_id, run.phase, len(lost), len(stalled))
            if lost or stalled:
                log.observe(recovered)
        if lost or stalled:
            observers.tell(recovered)
        self._runner.advance(run_id, wait=False)


def _stack_of(error: Exception) -> Exception | None:
    """Return what is logged with its stack; of a ledger that is away it would tell nobody more."""
    return None if isinstance(translate(error), LedgerMissingError) else error
