"""Reverse a cutover: one transaction that puts back what stood there before."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine

from migration.convoy_error import NextStep
from migration.cutover_errors import CutoverBlockedError, CutoverPatienceError
from migration.errors import RunStateError
from migration.ledger.cutover_tries import CutoverTerms, pause_seconds
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_results import save_objects
from migration.ledger.run_transition import transition
from migration.model import ObjectResult, Phase
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.target.application_tables.data_only_cutover import take_back
from migration.target.cutover.lock_acquisition import (
    WantedLocks,
    lock_refusals_told,
    referred_to,
    take_locks,
)
from migration.target.cutover.schema_rollback import roll_back


def roll_back_run(
    engine: Engine,
    run_id: str,
    *,
    lock_timeout_seconds: float | None = None,
    observers: Observers = STANDARD_OBSERVERS,
) -> list[ObjectResult]:
    """Put back the tables that stood before the cutover, and remove those that the run created. One try.

    Args:
        engine: of the ledger.
        run_id: a full id.
        lock_timeout_seconds: how long to wait for the locks of users; None: as the run's cutover did.
        observers: who is told.

    Raises:
        CutoverBlockedError: others hold locks; it names them.
        UsageError: the run has not been cut over, or was rolled back already.
        TargetError: the tables have been changed since in a way that a rollback would destroy.
    """
    with transition(engine, run_id, observers) as locked:
        run = locked.record
        if run.phase not in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS) or not run.cutover:
            raise RunStateError(
                f"The run is {run.phase} and has nothing to roll back",
                run=run_id,
                remedy="Only a completed migration can be rolled back",
            )
        seconds = (
            run.options.cutover_lock_timeout_seconds if lock_timeout_seconds is None else lock_timeout_seconds
        )
        take_locks(locked.connection, _wanted_locks(locked.connection, run), seconds)
        results: list[ObjectResult] = []
        with lock_refusals_told(run_id):
            for part in run.cutover:
                reverse = take_back if part["record"].get("data_only") else roll_back
                results.extend(reverse(locked.connection, part["record"], part["previous_schema"]))
        save_objects(locked.connection, run_id, results)
        locked.enter(Phase.ROLLED_BACK)
    return results


def _wanted_locks(connection: Connection, run: RunRecord) -> WantedLocks:
    records = [part["record"] for part in run.cutover]
    oids = [
        entry["oid"]
        for record in records
        for entry in (*record.get("tables", ()), *record.get("replaced", ()))
    ]
    return WantedLocks(oids={*oids, *referred_to(connection, oids)})


def roll_back_patiently(
    engine: Engine,
    run_id: str,
    terms: CutoverTerms,
    tell: Callable[[str], None],
    *,
    pause: Callable[[float], None] = time.sleep,
) -> list[ObjectResult]:
    """Roll back as soon as others let it: short tries with pauses, as in a cutover.

    Args:
        engine: of the ledger.
        run_id: a full id.
        terms: what replaces the lock timeout and the patience of the run.
        tell: is told who is in the way, once for each sentence.
        pause: waits so many seconds.

    Raises:
        CutoverPatienceError: others were in the way to the end; nothing was changed.
        ConvoyError: as `roll_back_run`.
    """
    options = terms.of(find_run(engine, run_id).options)
    begun, told = time.monotonic(), ""
    for tries in itertools.count(1):
        try:
            return roll_back_run(engine, run_id, lock_timeout_seconds=options.cutover_lock_timeout_seconds)
        except CutoverBlockedError as blocked:
            seconds = pause_seconds(tries, options.cutover_lock_timeout_seconds, random.random())  # noqa: S311
            elapsed = time.monotonic() - begun
            if elapsed + seconds > options.cutover_patience_seconds:
                again = f"migration-cli rollback {run_id}"
                raise CutoverPatienceError(
                    f"The rollback was tried for {elapsed:,.0f} s, and others were in the way to the end:"
                    f" {blocked.what}",
                    remedy=f"Nothing was changed; end what is in the way, and type `{again}`",
                    next_steps=(NextStep("Try the rollback again", again), *blocked.next_steps),
                    run=run_id,
                ) from blocked
            if told != (told := str(blocked)):
                tell(f"{blocked} It is tried again, with pauses in which nobody queues behind it.")
            pause(seconds)
    raise AssertionError("counting has no end")
