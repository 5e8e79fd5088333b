"""Two producers and two workers in one process, which can be stopped, killed and overtaken at any point."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from migration.errors import CommandInterruptedError, RunStateError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import RunRecord, find_run, runs_with_leftovers
from migration.ledger.run_requests import (
    fail_run,
    request_cancel,
    request_cutover,
    request_pause,
    request_resume,
)
from migration.ledger.step_records import recover_lost, recover_stalled, take_unsent
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Phase, StepState
from migration.observers.run_observer import Observers
from migration.queue import make_app
from migration.steps import step_execution
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from migration.steps.run_cancellation import cancel_run, remove_staging
from migration.steps.run_rollback import roll_back_run
from migration.steps.step_context import StepContext
from producer.run_state_machine import Runner
from producer.transitions.phase_transitions import move_on
from tests.support.crash_points import Action, ClaimObserver, Stop, stopped_at
from tests.support.direct import Direct

_HEALING = parse_mapping("tables.child.columns.note.expression = \"'healed ' || id\"", "healing.toml")


class MessagelessRunner(Runner):
    """A producer whose messages all get lost: the ledger alone says what is to be done."""

    def __init__(self, direct: Direct) -> None:
        settings = direct.context.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
        super().__init__(make_app(settings), settings, Observers())
        self.ready: list[RunRecord] = []
        """Runs as it has seen them when their phase was done: what it would do if it came back from a long pause."""

    def move(self, run_id: str) -> bool:
        """Move a run by one phase, if its phase is done."""
        return self._move(run_id)

    def _send(self, run: RunRecord, phase: Phase) -> None:
        with self.engine.begin() as connection:
            take_unsent(connection, run.id, phase, 1_000_000)

    def _work_on(self, run: RunRecord) -> bool:
        moved = super()._work_on(run)
        if moved:
            self.ready.append(run)
        return moved


class Worker:
    """A process that runs steps. Where it dies, a new one takes its place."""

    def __init__(self, direct: Direct, name: str) -> None:
        self._settings = direct.context.settings
        self._name = name
        self._claims = ClaimObserver()
        self._context = self._new_context()

    def run(self, step_id: int, *, claimed: Action | None = None) -> None:
        """Take a step, as a message that names it asks for; `claimed` is done between the claim and the work."""
        self._claims.stop = stop = Stop(claimed)
        self._until_death(lambda: step_execution.run_step(self._context, step_id), stop)

    def run_stopped(self, step_id: int, number: int, action: Action) -> None:
        """Take a step, and do something before a statement of it, counted from its claim, or before its commit."""
        stop = Stop(action)
        with stopped_at(self._context.engine, lambda count, _: count == number, stop):
            self._until_death(lambda: step_execution.run_step(self._context, step_id), stop)

    def run_next(self) -> None:
        """Take the step whose turn it is, of whatever run, as a message that names none asks for."""
        self._claims.stop = stop = Stop(None)
        self._until_death(lambda: step_execution.run_next_step(self._context), stop)

    def close(self) -> None:
        self._context.close()

    def _until_death(self, work: Callable[[], object], stop: Stop) -> None:
        with stop.judged():
            is_alive = False
            try:
                work()
                is_alive = True
            finally:
                if not is_alive:  # all connections of a dead process are closed
                    self._context.close()
                    self._context = self._new_context()

    def _new_context(self) -> StepContext:
        context = StepContext(self._settings, self._name, Observers(self._claims))
        context.back_off = lambda: None  # type: ignore[method-assign]  # nobody waits here
        return context


@dataclass(frozen=True)
class Shape:
    """What a generated source holds, and how it is cut. `bad` rows of `child` cannot be stored as they are."""

    parents: int
    children: int
    bad: int
    chunk_rows: int | None
    skips_validation: bool
    max_workers: int | None = None
    hold: bool = False

    def build(self, path: Path) -> Path:
        """Write the database."""
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(
                "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE);"
                "CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent, note TEXT);"
                "CREATE INDEX child_parent ON child (parent);"
                "CREATE TABLE empty (id INTEGER PRIMARY KEY);"
                "CREATE VIEW notes AS SELECT note FROM child"
            )
            rows = [(number, f"name {number}") for number in range(1, self.parents + 1)]
            connection.executemany("INSERT INTO parent VALUES (?, ?)", rows)
            children = [
                (number, number % self.parents + 1 if self.parents else None, f"note {number}")
                for number in range(1, self.children + 1)
            ]
            connection.executemany("INSERT INTO child VALUES (?, ?, ?)", children)
            connection.execute(
                "UPDATE child SET note = CAST(x'c3' AS TEXT) WHERE id * 3 % 7 = 1 AND id <= ?", (self.bad,)
            )
        return path


class World:
    """One database with its ledger, and all who work on it."""

    def __init__(self, direct: Direct) -> None:
        self.direct = direct
        direct.folder.mkdir(parents=True, exist_ok=True)
        self.ledger = direct.ledger
        self.other_ledger = open_ledger(direct.url, "other")
        self.workers = {name: Worker(direct, name) for name in ("A", "B")}
        self.producers = {name: MessagelessRunner(direct) for name in ("P", "Q")}

    def close(self) -> None:
        self.other_ledger.dispose()
        for worker in self.workers.values():
            worker.close()
        for producer in self.producers.values():
            producer.engine.dispose()
            producer.app.close()

    def steps(self, run_id: str) -> list[int]:
        """Return the steps of a run: those that can be claimed first, then all others."""
        statement = (
            "SELECT s.id FROM convoy.steps s JOIN convoy.runs r ON r.id = s.run_id"
            f" WHERE r.id = '{run_id}' ORDER BY s.phase <> r.phase, s.state = 'done', s.stage, s.id"
        )
        return [number for (number,) in self.direct.query(statement)]

    def open_steps(self, run_id: str) -> list[int]:
        """Return the steps that are to be done before the run can leave its phase."""
        statement = (
            "SELECT s.id FROM convoy.steps s JOIN convoy.runs r ON r.id = s.run_id AND r.phase = s.phase"
            f" WHERE r.id = '{run_id}' AND s.state <> '{StepState.DONE}' ORDER BY s.stage, s.id"
        )
        return [number for (number,) in self.direct.query(statement)]

    def advance(self, run_id: str, producer: str) -> None:
        self.producers[producer].move(run_id)

    def advance_stopped(
        self, run_id: str, producer: str, is_point: Callable[[int, str], bool], act: Action
    ) -> None:
        """Let a producer move a run, and do something at a point of that."""
        stop = Stop(act)
        runner = self.producers[producer]
        with stopped_at(runner.engine, is_point, stop), stop.judged():
            runner.move(run_id)

    def advance_late(self, producer: str) -> bool:
        """Let a producer do the oldest move that it still remembers, long after it is done; return whether it did."""
        runner = self.producers[producer]
        return bool(runner.ready) and move_on(runner.context, runner.ready.pop(0))

    def cancel(self, run_id: str) -> None:
        with suppress(RunStateError):
            assert not cancel_run(self.other_ledger, run_id).left

    def stop_for_good(self, run_id: str) -> None:
        """The part of `cancel` that waits for no worker; what is staged stays for the watchdog."""
        with suppress(RunStateError):
            request_cancel(self.other_ledger, run_id)

    def interrupt(self, run_id: str) -> None:
        run = find_run(self.ledger, run_id)
        if not run.phase.is_end:
            fail_run(self.other_ledger, run, CommandInterruptedError("The run was interrupted"))

    def resume(self, run_id: str) -> None:
        with suppress(RunStateError):
            request_resume(self.other_ledger, run_id)

    def pause(self, run_id: str) -> None:
        with suppress(RunStateError):
            request_pause(self.other_ledger, run_id)

    def cutover(self, run_id: str) -> None:
        with suppress(RunStateError):
            request_cutover(self.other_ledger, run_id)

    def was_asked_for(self, run_id: str) -> bool:
        """Whether the last thing before the cutover of a run was that somebody asked for it."""
        asked = (
            "SELECT count(*) FROM convoy.events WHERE kind = 'cutover' AND id >"
            f" (SELECT max(id) FROM convoy.events WHERE run_id = '{run_id}' AND kind = 'phase'"
            " AND data ->> 'phase' = 'ready')"
            f" AND run_id = '{run_id}'"
        )
        return bool(self.direct.query(asked)[0][0])

    def roll_back(self, run_id: str) -> None:
        with suppress(RunStateError):
            roll_back_run(self.other_ledger, run_id)

    def retry(self, run_id: str) -> None:
        with suppress(RunStateError):
            retry_quarantine(self.other_ledger, run_id)

    def heal(self, run_id: str) -> bool:
        """Try the quarantined rows by rules that suit them; return whether any got in."""
        with suppress(RunStateError):
            return retry_quarantine(self.other_ledger, run_id, _HEALING).stored > 0
        return False

    def expire_leases(self, run_id: str) -> None:
        """Let more time pass than a lease lasts."""
        with self.ledger.begin() as connection:
            connection.execute(
                text(
                    "UPDATE convoy.steps SET lease_expires_at = clock_timestamp() - interval '1 s' WHERE id IN"
                    " (SELECT id FROM convoy.steps WHERE run_id = :run AND state = 'running' FOR UPDATE SKIP LOCKED)"
                ),
                {"run": run_id},
            )

    def recover(self, run_id: str) -> None:
        """Let the watchdog look at a run's steps, long after anything has moved."""
        with self.other_ledger.begin() as connection:
            recover_lost(connection, run_id)
            recover_stalled(connection, run_id, find_run(self.ledger, run_id).phase, 0)

    def sweep(self) -> None:
        """Let the watchdog remove what ended runs have left staged."""
        for run in runs_with_leftovers(self.other_ledger):
            remove_staging(self.other_ledger, run)
