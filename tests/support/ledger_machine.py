"""The states of a ledger as a model: whatever happens to runs, in any order, what is said and what is there agree.

Everything is real (PostgreSQL, the producers' moves, the workers' steps) but the messages, which are all lost. After
each rule the judges look at every run: which states may stand together, that finished work stays as it was, that rows
are those of finished chunks. At the end each run goes on by the command that it names, and its rows are compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from migration.ledger.run_records import RunRecord, find_run
from migration.model import IfExists, Phase
from migration.steps.leftovers.leftover_removal import remove_leftovers
from migration.steps.leftovers.leftover_schemas import LeftoverSchemas
from tests.support.crash_points import Action, die
from tests.support.finished_work import FinishedWork, row_complaints
from tests.support.ledger_consistency import complaints
from tests.support.ledger_world import Shape, World
from tests.support.proof import prove

MOST_RUNS_AT_WORK = 2
MOST_RUNS = 5
"""More share nothing but the database, and each is looked at after every rule."""
_MOST_RESUMES = 10
_BEGINNINGS = (
    Phase.PENDING,
    Phase.SNAPSHOTTING,
    Phase.PROFILING,
    Phase.COPYING,
    Phase.COPYING,
    Phase.INDEXING,
)
_LATE_BEGINNINGS = (Phase.VALIDATING, Phase.CUTTING_OVER, None)
_SHOWN = {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}
_GIVEN_UP = "The run was interrupted", "Its worker died"
"""Why a run may fail here: nothing else is wrong with it."""

_numbers = itertools.count(1)

shapes = st.builds(
    Shape,
    parents=st.integers(0, 6),
    children=st.integers(0, 20),
    bad=st.sampled_from((0, 0, 20)),
    chunk_rows=st.sampled_from((3, 7, None)),
    skips_validation=st.sampled_from((False, False, True)),
    max_workers=st.sampled_from((None, None, 1)),
    hold=st.sampled_from((False, False, True)),
)
runs = Bundle("runs")
workers = st.sampled_from("AB")
producers = st.sampled_from("PQ")
which = st.sampled_from((0, 0, 0, 0, 1, 1, 2, 3, 5, 8, 13, 21))
"""Which step of a run, counted from those that wait; the others are done, or their phase is over or to come."""
statements = st.integers(0, 14)
"""Before which statement of a process something happens."""
MEANWHILE = (
    *("expire", "recover", "deliver", "advance") * 2,
    *("interrupt", "resume", "resume", "resume", "stop", "pause", "cutover"),
)
"""What others may do while a process stands still; nothing in it waits for a lock that the process may hold."""
COMMANDS = (
    *("resume",) * 7,
    *("retry", "heal", "clean up") * 2,
    "interrupt",
    "pause",
    *("cutover",) * 3,
    "roll_back",
    *("cancel",) * 2,
)
meanwhile = st.lists(st.sampled_from(MEANWHILE), min_size=1, max_size=4)


class LedgerMachine(RuleBasedStateMachine):
    """Runs of one ledger and all that can happen to them."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.paths: dict[str, Path] = {}
        self.seen: dict[str, Phase] = {}
        """Run → the phase in which the judges have seen it last."""
        self.finished = FinishedWork()
        self.healed: set[str] = set()

    # --- A run begins -----------------------------------------------------------------------------------------

    @invariant()
    def held_runs_are_shown_by_those_who_asked_for_it(self) -> None:
        for run_id in self.paths:
            run = find_run(self.world.ledger, run_id)
            if run.options.hold and run.phase in _SHOWN:
                assert self.world.was_asked_for(run_id), "nobody asked for the cutover"

    def _has_room(self) -> bool:
        live = [run for run in self.paths if not find_run(self.world.ledger, run).phase.is_end]
        return len(live) < MOST_RUNS_AT_WORK and len(self.paths) < MOST_RUNS

    def _start(self, shape: Shape, until: Phase | None) -> str:
        number = next(_numbers)
        path = shape.build(self.world.direct.folder / f"model_{number}.db")
        run = self.world.direct.start(
            path,
            until=until,
            chunk_rows=shape.chunk_rows,
            skip_validation=shape.skips_validation,
            max_workers=shape.max_workers,
            hold=shape.hold,
            if_exists=IfExists.REFUSE,
        )
        self.paths[run.id] = path
        return run.id

    @initialize(target=runs, shape=shapes, until=st.sampled_from(_BEGINNINGS))
    def start_first(self, shape: Shape, until: Phase) -> str:
        return self._start(shape, until)

    @precondition(lambda self: self._has_room())
    @rule(target=runs, shape=shapes, until=st.sampled_from(_BEGINNINGS))
    def start(self, shape: Shape, until: Phase) -> str:
        return self._start(shape, until)

    @precondition(lambda self: self._has_room())
    @rule(target=runs, shape=shapes, until=st.sampled_from(_LATE_BEGINNINGS))
    def start_late(self, shape: Shape, until: Phase | None) -> str:
        return self._start(shape, until)

    # --- Workers ----------------------------------------------------------------------------------------------

    def _step(self, run_id: str, number: int) -> int | None:
        steps = self.world.steps(run_id)
        return steps[number % len(steps)] if steps else None

    @rule(run=runs, worker=workers, number=which)
    def work(self, run: str, worker: str, number: int) -> None:
        if (step := self._step(run, number)) is not None:
            self.world.workers[worker].run(step)

    @rule(run=runs, worker=workers)
    def work_on_all(self, run: str, worker: str) -> None:
        for step in self.world.open_steps(run):
            self.world.workers[worker].run(step)

    @rule(run=runs, number=which)
    def deliver_twice(self, run: str, number: int) -> None:
        if (step := self._step(run, number)) is not None:
            self.world.workers["A"].run(step)
            self.world.workers["B"].run(step)

    @rule(worker=workers)
    def work_in_turn(self, worker: str) -> None:
        self.world.workers[worker].run_next()

    @rule(run=runs, worker=workers, number=which)
    def die_after_the_claim(self, run: str, worker: str, number: int) -> None:
        if (step := self._step(run, number)) is not None:
            self.world.workers[worker].run(step, claimed=die)

    @rule(run=runs, worker=workers, number=which, statement=statements)
    def die_at_work(self, run: str, worker: str, number: int, statement: int) -> None:
        if (step := self._step(run, number)) is not None:
            self.world.workers[worker].run_stopped(step, statement, die)

    @rule(run=runs, worker=workers, number=which, happenings=meanwhile)
    def freeze_after_the_claim(self, run: str, worker: str, number: int, happenings: list[str]) -> None:
        if (step := self._step(run, number)) is not None:
            act = self._meanwhile(run, step, worker, happenings)
            self.world.workers[worker].run(step, claimed=act)
            self.world.sweep()

    @rule(run=runs, number=which, statement=st.integers(1, 6))
    def come_back_too_late(self, run: str, number: int, statement: int) -> None:
        """A worker is taken for dead, and another does its step; or that one dies at it, too."""
        if (step := self._step(run, number)) is not None:
            late = ["expire", "recover", "deliver"]
            self.world.workers["A"].run(step, claimed=self._meanwhile(run, step, "A", late))
        if (step := self._step(run, number)) is not None:
            self.world.workers["A"].run(
                step, claimed=lambda: self.world.workers["B"].run_stopped(step, statement, die)
            )

    @rule(run=runs, worker=workers, number=which, statement=statements, happenings=meanwhile)
    def freeze_at_work(
        self, run: str, worker: str, number: int, statement: int, happenings: list[str]
    ) -> None:
        if (step := self._step(run, number)) is not None:
            act = self._meanwhile(run, step, worker, happenings)
            self.world.workers[worker].run_stopped(step, statement, act)
            self.world.sweep()

    def _meanwhile(self, run: str, step: int, worker: str, happenings: list[str]) -> Action:
        world, other = self.world, self.world.workers["B" if worker == "A" else "A"]
        actions: dict[str, Callable[[], object]] = {
            "expire": partial(world.expire_leases, run),
            "recover": partial(world.recover, run),
            "deliver": partial(other.run, step),
            "advance": partial(world.advance, run, "Q"),
            "interrupt": partial(world.interrupt, run),
            "resume": partial(world.resume, run),
            "stop": partial(world.stop_for_good, run),
            "pause": partial(world.pause, run),
            "cutover": partial(world.cutover, run),
        }

        def act() -> None:
            for happening in happenings:
                actions[happening]()

        return act

    # --- Producers and the watchdog ---------------------------------------------------------------------------

    @rule(run=runs, producer=producers)
    def advance(self, run: str, producer: str) -> None:
        self.world.advance(run, producer)

    @rule(run=runs, producer=producers, statement=st.integers(0, 60))
    def die_moving_a_run(self, run: str, producer: str, statement: int) -> None:
        self.world.advance_stopped(run, producer, lambda number, _: number == statement, die)

    @rule(
        run=runs,
        happenings=st.lists(
            st.sampled_from(("advance", "advance", "interrupt", "stop", "resume")), min_size=1, max_size=3
        ),
    )
    def overtake_a_move(self, run: str, happenings: list[str]) -> None:
        """A producer has prepared a move, and others are before it at the run's row."""
        act = self._meanwhile(run, 0, "A", happenings)
        self.world.advance_stopped(run, "P", lambda _, statement: "FOR NO KEY UPDATE" in statement, act)
        self.world.sweep()

    @precondition(lambda self: any(producer.ready for producer in self.world.producers.values()))
    @rule(producer=producers)
    def move_long_after(self, producer: str) -> None:
        """A producer comes to itself and does a move that is done: it must lose."""
        before = {run: find_run(self.world.ledger, run).phase for run in self.paths}
        remembered = self.world.producers[producer].ready[:1]
        moved = self.world.advance_late(producer)
        if moved:  # only where the run stands in that phase again: a resume goes on in the phase that failed
            assert before[remembered[0].id] is remembered[0].phase

    @rule(run=runs)
    def expire_leases(self, run: str) -> None:
        self.world.expire_leases(run)

    @rule(run=runs, producer=producers)
    def watch(self, run: str, producer: str) -> None:
        self.world.expire_leases(run)
        self.world.recover(run)
        self.world.advance(run, producer)
        self.world.sweep()

    # --- Users ------------------------------------------------------------------------------------------------

    @rule(run=runs, command=st.sampled_from(COMMANDS))
    def type_a_command(self, run: str, command: str) -> None:
        """One rule for all commands, and the frequent ones of them named often: most end a run for good."""
        match command:
            case "heal":
                if self.world.heal(run):
                    self.healed.add(run)
                    self.finished.forget(run)
            case "clean up":
                place = LeftoverSchemas(self.world.other_ledger)
                for removal in remove_leftovers([(place, leftover) for leftover in place.find()]):
                    assert removal.in_the_way == (), removal
            case _:
                getattr(self.world, command)(run)

    # --- What is always so ------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_wrong(self) -> None:
        for run_id in self.paths:
            run = find_run(self.world.ledger, run_id)
            if run.phase.is_end and self.seen.get(run_id) is run.phase:
                continue  # looked at when it came to its end, and again at the very end
            self.seen[run_id] = run.phase
            told = self._complaints(run_id)
            assert not told, told
            assert run.phase is not Phase.FAILED or any(word in (run.error or "") for word in _GIVEN_UP), (
                run.error
            )

    def _complaints(self, run_id: str) -> list[str]:
        ledger = self.world.ledger
        return [
            *complaints(ledger, run_id),
            *self.finished.complaints(ledger, run_id),
            *row_complaints(ledger, run_id),
        ]

    def teardown(self) -> None:
        try:
            for run_id in self.paths:
                self._finish(run_id)
        finally:
            for run_id in self.paths:
                self.world.direct.forget(find_run(self.world.ledger, run_id))
            for producer in self.world.producers.values():
                producer.ready.clear()

    def _finish(self, run_id: str) -> None:
        """Do what the run names as the next command until it is at its end; all rows are there then."""
        for _ in range(_MOST_RESUMES):
            self.world.resume(run_id)
            ended = self.world.direct.finish(run_id)
            told = self._complaints(run_id)
            assert not told, told
            if ended.phase is Phase.READY:
                self.world.cutover(run_id)
            elif not _is_to_be_resumed(ended):
                break
        assert not _is_to_be_resumed(ended), ended.error
        if (
            ended.phase in _SHOWN and run_id not in self.healed
        ):  # what was healed is not what the source holds
            assert prove(self.paths[run_id], self.world.direct.url, self.world.ledger, ended) == []


def _is_to_be_resumed(run: RunRecord) -> bool:
    return run.phase is Phase.FAILED and run.can_go_on
