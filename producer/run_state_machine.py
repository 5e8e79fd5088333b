"""Moves a run from phase to phase: the one state machine that task, chord body, errback and watchdog all call."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from migration.announced_targets import announce_target, withdraw_targets
from migration.convoy_error import ConvoyError
from migration.cutover_errors import CutoverBlockedError
from migration.errors import (
    BrokerError,
    RetryableError,
    ServerAwayError,
    TargetUnreachableError,
    UnknownRunError,
)
from migration.full_disk_errors import DiskFullError
from migration.ledger.cluster_of_run import begins_here
from migration.ledger.cutover_tries import put_off_cutover, wait_of_cutover
from migration.ledger.disk_room_notices import RoomNotice
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.frozen_producers import producer_session
from migration.ledger.hung_workers_and_lock_waits import table_users
from migration.ledger.ledger_database import open_ledger, target_identity
from migration.ledger.run_lock import run_lock
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_requests import fail_run
from migration.ledger.step_records import (
    WORKED_AHEAD,
    count_states,
    first_failure,
    forget_sending,
    seconds_until_due,
    take_unsent,
)
from migration.ledger.table_records import read_tables
from migration.log_context import log_fields
from migration.model import Phase, StepState
from migration.named_targets import NamedTargets
from migration.observers.run_happenings import RunMoveFailed, RunWaiting, StepsSent
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.queue import check_broker, send_steps
from migration.steps.run_cancellation import remove_staging
from migration.steps.step_context import target_url
from migration.target.connection_pool import is_of_session
from migration.target.postgres_errors import state_of, translate
from migration.target.server_uptime import has_stayed_up
from migration.target.setting_limits import explain_limit
from migration.target.target_connection import PoolSize, redact, renew_sessions
from migration.target_name_errors import TargetsFileError
from producer.failed_step_errors import error_of_step
from producer.passing_faults import PassingFaults
from producer.shared_brokers import SharedBrokerNotice, tell_of_unknown_run
from producer.step_messages import (
    MAX_MESSAGES,
    MAX_STEPS_PER_MESSAGE,
    describe_messages,
    group_steps,
    leave_out_called,
)
from producer.transitions.cutover_blockers import name_blockers
from producer.transitions.phase_transitions import move_on
from producer.transitions.transition_context import TransitionContext

if TYPE_CHECKING:
    from celery import Celery
    from sqlalchemy import Engine

    from migration.settings import Settings


logger = logging.getLogger(__name__)

_LONGEST_TIMER_SECONDS = 600.0
"""What is further away finds the watchdog."""
_AFTERWARDS_SECONDS = 0.05
BROKER_LOOK_SECONDS = 2.0
"""Between two questions whether a broker answers again."""
_POOL = PoolSize(kept=4, more=20)
"""Who moves a run has up to three at a time: as many threads as the producer has, and those of the watchdog."""
_ANNOUNCED_LOOKS = 4
"""So many looks of a watchdog may be missed before the broker forgets whose cluster it is."""
_CLAIMED_LOOKS = 1.5
"""After so many looks nobody takes a producer for alive that has not announced its target again."""
_NEXT_LOOK_SECONDS = 10.0
"""So soon after a look of the watchdog is due, a try that finds the disk full again has said so."""


class Runner:
    """The producer's hold on one ledger and the queue; connections are opened on first use."""

    def __init__(
        self, app: Celery, settings: Settings, observers: Observers = STANDARD_OBSERVERS, *, target: str = ""
    ) -> None:
        self.app = app
        self.settings = settings
        self.observers = observers
        self.target = target
        """Its name, which its messages carry; empty for the default one."""
        self._calls: dict[str, bool] = {}
        """Runs that a thread of this process moves now, and whether there was a call for them meanwhile."""
        self._calls_lock = threading.Lock()
        self._tried_anew: set[str] = set()
        """Runs that would have failed of what a session has begun with, and are tried in new sessions."""
        self._faults = PassingFaults()
        self._timers: dict[str, threading.Timer] = {}
        """Runs that are looked at again soon."""
        self._without_broker: set[str] = set()
        """Runs whose steps the broker did not take."""
        self._sharing = SharedBrokerNotice()

    @cached_property
    def engine(self) -> Engine:
        """The ledger. A crash of the server may take back some steps of a run (docs/scaling.md)."""
        return open_ledger(target_url(self.settings), producer_session(), wait_for_disk=False, pool=_POOL)

    @cached_property
    def room(self) -> RoomNotice:
        """What this producer says of full disks."""
        return RoomNotice(self.engine)

    def await_room(self, error: DiskFullError, run_id: str | None) -> None:
        """Say which disk is full; the watchdog tries again. Without a run, all of them wait."""
        self.room.give(error, run_id, self.settings.watchdog_seconds + _NEXT_LOOK_SECONDS)

    @cached_property
    def context(self) -> TransitionContext:
        """What the transitions need."""
        return TransitionContext(self.engine, target_url(self.settings), self.settings, self.observers)

    def announce(self) -> None:
        """Tell commands on this broker which database this cluster writes to.

        Raises:
            BrokerError: the broker does not answer.
        """
        broker, shown = str(self.app.conf.broker_url), redact(target_url(self.settings))
        lasts_seconds = _ANNOUNCED_LOOKS * max(self.settings.watchdog_seconds, _NEXT_LOOK_SECONDS)
        identity = target_identity(self.engine)
        claim_seconds = lasts_seconds / _ANNOUNCED_LOOKS * _CLAIMED_LOOKS
        announce_target(
            broker, identity, shown, self.target, lasts_seconds=lasts_seconds, claim_seconds=claim_seconds
        )
        self._sharing.look(broker, identity, shown, self.target)
        if not self.target and self.settings.targets_file is not None:
            with suppress(TargetsFileError):  # who looks after the targets says so
                withdraw_targets(broker, NamedTargets(self.settings).names())

    def close(self) -> None:
        """Let the connections go that are not in use; those that are end with their use."""
        if "engine" in self.__dict__:
            self.engine.dispose()

    def advance(self, run_id: str, *, wait: bool) -> None:
        """Move a run as far as it goes: until its steps are with the workers, or to its end.

        Doubled and late calls change nothing. One that comes while another thread of this process is at it lets that
        thread look once more. With `wait` false, returns at once where another process is at it.
        """
        with self._calls_lock:
            if run_id in self._calls:
                self._calls[run_id] = True
                return
            self._calls[run_id] = False
        try:
            while True:
                with (
                    log_fields(run=run_id, target=self.target or None),
                    run_lock(self.engine, run_id, wait=wait) as is_held,
                ):
                    while is_held() and self._move(run_id):
                        pass
                with self._calls_lock:
                    if not self._calls[run_id]:
                        del self._calls[run_id]
                        return
                    self._calls[run_id] = False
        except BaseException:
            with self._calls_lock:
                del self._calls[run_id]
            raise

    def _move(self, run_id: str) -> bool:
        with self.engine.begin() as connection:
            try:
                run = read_run(connection, run_id)
            except UnknownRunError:
                tell_of_unknown_run(run_id, redact(target_url(self.settings)))
                return False
            is_ours = begins_here(connection, run)
        if run.phase is Phase.CANCELLED or run.given_up_at is not None:
            with suppress(RetryableError):  # others hold it: the watchdog tries again
                remove_staging(self.engine, run)
        if run.phase.is_end or run.paused_at is not None or not is_ours:
            return False
        if self._waits_for_cutover(run):
            return False
        begun = time.monotonic()
        try:
            with log_fields(phase=run.phase.value):
                goes_on = self._work_on(run)
        except CutoverBlockedError as problem:
            self._put_off_cutover(run, problem)
        except BrokerError as problem:
            # Sent again once it answers, or by the watchdog; the ledger knows what is unsent.
            self.observers.tell(RunMoveFailed(run_id, run.phase, str(problem), None, final=False))
            self._note_waiting(run, problem)
        except Exception as problem:  # noqa: BLE001
            # A run must end with a reason, not with a stack in a log.
            return self._goes_on_after(run, problem, time.monotonic() - begun)
        else:
            self.room.end(run_id)
            self._faults.forget(run_id)
            self._tried_anew.discard(run_id)
            return goes_on
        return False

    def _goes_on_after(self, run: RunRecord, problem: Exception, seconds: float) -> bool:
        """Fail a run, or say what holds it up; True: it is to be tried again at once, in new sessions.

        `seconds`: how long it was moved; a server that has been up all the while has not gone down.

        Those that stand keep the settings of role and database that they have begun with.
        """
        reason = problem if isinstance(problem, ConvoyError) else translate(problem, run=run.id)
        passing = isinstance(reason, RetryableError | TargetUnreachableError)
        if is_of_session(state_of(problem)):
            renew_sessions(self.engine)
            if not passing and run.id not in self._tried_anew:
                self._tried_anew.add(run.id)
                logger.info("The run is tried once more, in new sessions: %s", reason)
                return True
            reason.place = {"run": run.id, "phase": run.phase.value, **reason.place}
            explain_limit(reason, problem, target_url(self.settings))
        self._tried_anew.discard(run.id)
        stays = isinstance(reason, ServerAwayError) and has_stayed_up(
            target_url(self.settings), producer_session(), seconds
        )
        final = not passing or self._faults.is_last(run, reason, server_stayed_up=stays)
        self.observers.tell(RunMoveFailed(run.id, run.phase, str(reason), problem, final))
        if final:
            self._fail(run, reason)
        else:
            self._note_waiting(run, reason)
        return False

    def _waits_for_cutover(self, run: RunRecord) -> bool:
        """Whether a cutover is not to be tried now; it is looked at again in time, or by the watchdog."""
        if run.phase is not Phase.CUTTING_OVER:
            return False
        with self.engine.begin() as connection:
            waits = wait_of_cutover(connection, run)
        if waits is not None:
            self._look_again(run.id, waits.seconds)
        return waits is not None

    def _put_off_cutover(self, run: RunRecord, problem: CutoverBlockedError) -> None:
        """Let others go on for a while, or give up where the run's patience is over."""
        with suppress(DBAPIError, ConvoyError):
            with self.engine.connect() as connection:
                problem = name_blockers(connection, run, problem)
            outcome = put_off_cutover(self.engine, run, problem)
            final = isinstance(outcome, ConvoyError)
            told = outcome if isinstance(outcome, ConvoyError) else problem
            self.observers.tell(RunMoveFailed(run.id, run.phase, str(told), None, final))
            if isinstance(outcome, ConvoyError):
                self._fail(run, outcome)
            elif outcome is not None:
                self._look_again(run.id, outcome)

    def _look_again(self, run_id: str, seconds: float) -> None:
        """Move a run in so many seconds, if this process is still there; else the watchdog comes by later."""
        if seconds > _LONGEST_TIMER_SECONDS:
            return
        with self._calls_lock:
            if run_id in self._timers:
                return
            timer = threading.Timer(seconds + _AFTERWARDS_SECONDS, self._ring, [run_id])
            timer.daemon = True
            self._timers[run_id] = timer
        timer.start()

    def _ring(self, run_id: str) -> None:
        with self._calls_lock:
            self._timers.pop(run_id, None)
        try:
            self.advance(run_id, wait=False)
        except (DBAPIError, ConvoyError):
            logger.warning("Run %s could not be looked at; the watchdog will", run_id, exc_info=True)

    def _check_broker(self, run_id: str) -> None:
        """Make sure that the broker answers; where it does not, move the run as soon as it does.

        One thread asks for all runs. A broker that answers and takes no messages is left to the watchdog.
        """
        try:
            check_broker(str(self.app.conf.broker_url))
        except BrokerError:
            self._await_broker(run_id)
            raise

    def _await_broker(self, run_id: str) -> None:
        with self._calls_lock:
            is_asked = bool(self._without_broker)
            self._without_broker.add(run_id)
        if not is_asked:
            threading.Thread(target=self._ask_broker, name="asks the broker", daemon=True).start()

    def _ask_broker(self) -> None:
        answers = False
        while not answers:
            time.sleep(BROKER_LOOK_SECONDS)
            with suppress(ConvoyError):
                check_broker(str(self.app.conf.broker_url))
                answers = True
        with self._calls_lock:
            runs, self._without_broker = self._without_broker, set()
        for run_id in sorted(runs):
            self._ring(run_id)

    def _fail(self, run: RunRecord, reason: ConvoyError) -> None:
        """Fail a run; where the ledger has no room to say so, the watchdog comes back to it."""
        try:
            fail_run(self.engine, run, reason, observers=self.observers)
        except DBAPIError as problem:
            full = translate(problem, run=run.id)
            if not isinstance(full, DiskFullError):
                raise
            self._note_waiting(run, full)

    def _note_waiting(self, run: RunRecord, reason: ConvoyError) -> None:
        """Say in the ledger what holds a run up; the watchdog tries again."""
        if isinstance(reason, DiskFullError):
            self.await_room(reason, run.id)
        with suppress(DBAPIError, ConvoyError):
            with self.engine.begin() as connection:
                plans = [table.plan for table in read_tables(connection, run.id) if table.plan is not None]
                users = table_users(connection, {(plan.target_schema, plan.target_name) for plan in plans})
                told = f"{reason} In use by {' and '.join(users)}." if users else str(reason)
                waiting = RunWaiting(run.id, run.phase, told)
                EventLogObserver(connection).observe(waiting)
            self.observers.tell(waiting)

    def _work_on(self, run: RunRecord) -> bool:
        with self.engine.begin() as connection:
            states = count_states(connection, run.id, run.phase)
            failure = first_failure(connection, run.id, run.phase)
        if failure is not None:
            # Not raised: what may pass for a step that is tried again has passed for this one.
            error = error_of_step(run, failure)
            self.observers.tell(RunMoveFailed(run.id, run.phase, str(error), None, final=True))
            fail_run(self.engine, run, error, observers=self.observers)
            return False
        if any(state is not StepState.DONE for state in states):
            self._dispatch(run)
            return False
        return move_on(self.context, run)

    def _dispatch(self, run: RunRecord) -> None:
        """Send what is unsent of the phase, and of the one that is worked on ahead: a chord for each."""
        self._send(run, run.phase)
        phases = [run.phase]
        if run.phase in WORKED_AHEAD:
            phases.append(WORKED_AHEAD[run.phase])
            self._send(run, phases[-1])
        with self.engine.begin() as connection:
            due_seconds = seconds_until_due(connection, run.id, phases)
        if due_seconds is not None:
            self._look_again(run.id, due_seconds)

    def _send(self, run: RunRecord, phase: Phase) -> None:
        limit = MAX_MESSAGES * MAX_STEPS_PER_MESSAGE
        with self.engine.begin() as connection:
            waiting = take_unsent(connection, run.id, phase, limit)
            if not waiting:
                return
        try:
            self._check_broker(run.id)  # at once, where publishing tries for a while
            uncalled = leave_out_called(self.engine, str(self.app.conf.broker_url), run.id, waiting)
            counts = group_steps(uncalled, run.options.workers)
            if counts:
                with self.engine.begin() as connection:
                    shown = describe_messages(connection, phase, uncalled, counts)
                send_steps(self.app, run.id, counts, shown, self.target)
        except BrokerError:
            forget_sending(self.engine, [step.id for step in waiting])
            raise
        # Not before: it ends what was said of a broker that did not answer.
        sent = StepsSent(run.id, phase, len(counts), len(uncalled))
        with self.engine.begin() as connection:
            EventLogObserver(connection).observe(sent)
        self.observers.tell(sent)
