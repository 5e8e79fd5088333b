"""Whose turn it is: which step a worker gets that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, Engine, insert, text

from migration.ledger.ledger_tables import run_service
from migration.ledger.run_records import create_run, find_run
from migration.ledger.run_requests import request_cancel, request_pause, request_resume
from migration.ledger.step_claims import (
    LEVEL_BYTES,
    MOST_IN_A_GROUP,
    SMALL_BYTES,
    STARVING_SECONDS,
    claim_group,
    claim_next,
    is_beyond_limit,
    is_under_way,
    lock_group,
    lock_step,
    return_untried,
    waits_within_limit,
)
from migration.ledger.step_records import NewStep, Step, add_steps, finish_step, take_unsent
from migration.model import Phase, Source
from migration.run_options import RunOptions

MakeRun = Callable[..., str]


@pytest.fixture
def make_run(ledger: Engine) -> MakeRun:
    """Create a run in a phase whose steps have been sent."""

    def make(
        *weights: int,
        phase: Phase = Phase.COPYING,
        served: int | None = None,
        waited: float = 0,
        **options: int,
    ) -> str:
        run_id = create_run(ledger, RunOptions(sources=(Source("shop", "/tmp/shop.db"),), **options))
        with ledger.begin() as connection:
            connection.execute(
                text(
                    "UPDATE convoy.runs SET phase = :phase,"
                    " created_at = created_at - make_interval(secs => :waited) WHERE id = :run"
                ),
                {"phase": phase.value, "waited": waited, "run": run_id},
            )
            add_steps(connection, run_id, phase, [NewStep(weight=weight) for weight in weights])
            take_unsent(connection, run_id, phase, 1_000)
            if served is not None:
                connection.execute(
                    insert(run_service).values(
                        run_id=run_id,
                        bytes=served,
                        claimed_at=text(f"clock_timestamp() - make_interval(secs => {waited})"),
                    )
                )
        return run_id

    return make


@contextmanager
def at_once(ledger: Engine) -> Iterator[Connection]:
    with ledger.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


def ask(ledger: Engine, worker: str = "w@host:1") -> Step | None:
    with at_once(ledger) as connection:
        return claim_next(connection, worker, 30.0)


def runs_served(ledger: Engine) -> list[str]:
    """Ask until nothing is left; the run of each step."""
    served = []
    while (step := ask(ledger)) is not None:
        served.append(step.run_id)
    return served


def test_small_runs_are_served_in_their_order_and_before_one_that_had_much(
    ledger: Engine, make_run: MakeRun
) -> None:
    big = make_run(9, 9, served=8 * LEVEL_BYTES)
    first, second = make_run(1, 1), make_run(1, 1)
    assert runs_served(ledger) == [first, first, second, second, big, big]


def test_large_runs_of_the_same_level_are_served_in_their_order_and_the_lower_level_first(
    ledger: Engine, make_run: MakeRun
) -> None:
    most = make_run(1, served=9 * LEVEL_BYTES)
    older, younger = make_run(1, served=3 * LEVEL_BYTES), make_run(1, served=2 * LEVEL_BYTES)
    assert runs_served(ledger) == [older, younger, most]


def test_what_a_run_is_given_counts(ledger: Engine, make_run: MakeRun) -> None:
    one, other = make_run(LEVEL_BYTES * 2, 5, 5), make_run(LEVEL_BYTES * 2, 5, 5)
    assert runs_served(ledger) == [one, other, one, one, other, other]


def test_higher_priority_comes_first(ledger: Engine, make_run: MakeRun) -> None:
    low, usual, high = make_run(1, priority=-1), make_run(1), make_run(1, served=99 * LEVEL_BYTES, priority=5)
    assert runs_served(ledger) == [high, usual, low]


def test_run_that_was_given_nothing_for_long_gets_the_next_step(ledger: Engine, make_run: MakeRun) -> None:
    starving = make_run(1, 1, served=99 * LEVEL_BYTES, waited=STARVING_SECONDS + 1, priority=-1)
    usual = make_run(1, 1)
    assert runs_served(ledger) == [starving, usual, usual, starving]


def test_heaviest_step_first_and_none_that_was_not_sent(ledger: Engine, make_run: MakeRun) -> None:
    run_id = make_run(1, 30, 7)
    with ledger.begin() as connection:
        add_steps(connection, run_id, Phase.COPYING, [NewStep(weight=99)])
        add_steps(connection, run_id, Phase.INDEXING, [NewStep(weight=99)])
    weights = "SELECT weight FROM convoy.steps WHERE id = :id"
    seen = []
    while (step := ask(ledger)) is not None:
        with ledger.connect() as connection:
            seen.append(connection.execute(text(weights), {"id": step.id}).scalar_one())
    assert seen == [30, 7, 1]


def test_reading_back_waits_for_indexes_that_are_to_be_built(ledger: Engine, make_run: MakeRun) -> None:
    run_id = make_run(1, 1, phase=Phase.INDEXING)
    with ledger.begin() as connection:
        add_steps(connection, run_id, Phase.VALIDATING, [NewStep(weight=99)])
        take_unsent(connection, run_id, Phase.VALIDATING, 10)
    phases = [step.phase for step in iter(lambda: ask(ledger), None)]
    assert phases == [Phase.INDEXING, Phase.INDEXING, Phase.VALIDATING]


def test_paused_and_cancelled_runs_are_not_served(ledger: Engine, make_run: MakeRun) -> None:
    paused, cancelled = make_run(1), make_run(1)
    assert request_pause(ledger, paused) is Phase.COPYING
    request_cancel(ledger, cancelled)
    assert ask(ledger) is None
    request_resume(ledger, paused)
    assert find_run(ledger, paused).paused_at is None
    assert ask(ledger) is None  # its messages may have been used up: the producer sends it again
    with ledger.begin() as connection:
        assert len(take_unsent(connection, paused, Phase.COPYING, 10)) == 1
    assert runs_served(ledger) == [paused]


def test_step_of_a_dead_worker_is_taken_and_that_of_a_living_one_is_not(
    ledger: Engine, make_run: MakeRun
) -> None:
    make_run(2, 1)
    dead, alive = ask(ledger), ask(ledger)
    assert dead is not None
    assert alive is not None
    with ledger.begin() as worker:
        assert lock_step(worker, alive.id)
        assert ask(ledger) is None  # either could be about to lock its step
        with at_once(ledger) as connection:
            again = claim_next(connection, "w@host:2", 30.0, lost_seconds=0)
            assert again is not None
            assert (again.id, again.attempts) == (dead.id, 2)


def test_many_workers_get_each_step_once(ledger: Engine, make_run: MakeRun) -> None:
    for count in (40, 1, 9):
        make_run(*range(count))

    def work(number: int) -> list[int]:
        mine = []
        while (step := ask(ledger, f"w@host:{number}")) is not None:
            with ledger.begin() as connection:
                assert lock_step(connection, step.id)
                finish_step(connection, step.id, {})
            mine.append(step.id)
        return mine

    with ThreadPoolExecutor(8) as pool:
        done = [step_id for mine in pool.map(work, range(8)) for step_id in mine]
    assert len(done) == len(set(done)) == 50


def test_limit_of_workers_is_kept_by_workers_that_come_at_once(ledger: Engine, make_run: MakeRun) -> None:
    run_id = make_run(*range(20), max_workers=2)

    def take(number: int) -> Step | None:
        with at_once(ledger) as connection:
            step = claim_next(connection, f"w@host:{number}", 30.0)
            return None if step is None or is_beyond_limit(connection, step) else step

    with ThreadPoolExecutor(8) as pool:
        kept = [step for step in pool.map(take, range(8)) if step is not None]
    assert 1 <= len(kept) <= 2
    states = "SELECT count(*) FILTER (WHERE state = 'running'), sum(attempts) FROM convoy.steps WHERE run_id = :run"
    with ledger.connect() as connection:
        assert connection.execute(text(states), {"run": run_id}).one() == (len(kept), len(kept))
    other = make_run(1)
    while len(kept) < 2 and (step := ask(ledger)) is not None:
        kept.append(step)
    step = ask(ledger)
    assert step is not None
    assert step.run_id == other
    assert ask(ledger) is None


def test_limit_of_workers_gives_no_turn(ledger: Engine, make_run: MakeRun) -> None:
    limited = make_run(*range(4), priority=-100, max_workers=1)
    high = make_run(1, 1, priority=100)
    step = ask(ledger)
    assert step is not None
    with ledger.begin() as connection:
        finish_step(connection, step.id, {})
    assert (step.run_id, runs_served(ledger)) == (high, [high, limited])


def test_run_with_a_limit_waits_for_a_worker_while_it_has_steps_and_a_place(
    ledger: Engine, make_run: MakeRun
) -> None:
    def waits(run_id: str) -> bool:
        with at_once(ledger) as connection:
            return waits_within_limit(connection, run_id)

    limited, unlimited = make_run(1, 1, 1, max_workers=1, priority=1), make_run(1)
    assert (waits(limited), waits(unlimited)) == (True, False)
    step = ask(ledger)
    assert step is not None
    assert (step.run_id, waits(limited)) == (limited, False)  # it is at its limit
    with ledger.begin() as connection:
        finish_step(connection, step.id, {})
    assert waits(limited)
    request_pause(ledger, limited)
    assert not waits(limited)
    request_resume(ledger, limited)  # what waits is to be sent again, with messages of its own
    assert not waits(limited)
    with ledger.begin() as connection:
        add_steps(connection, limited, Phase.VALIDATING, [NewStep()])
        take_unsent(connection, limited, Phase.VALIDATING, 10)
    assert not waits(limited)  # not before its indexes are built
    with ledger.begin() as connection:
        connection.execute(
            text("UPDATE convoy.runs SET phase = 'indexing' WHERE id = :run"), {"run": limited}
        )
    assert waits(limited)


def test_run_is_under_way_until_the_last_step_that_was_sent_is_through(
    ledger: Engine, make_run: MakeRun
) -> None:
    run_id = make_run(1, 1)
    with ledger.begin() as connection:
        add_steps(connection, run_id, Phase.COPYING, [NewStep(stage=2)])  # for the producer to send
    seen = []
    for _ in range(2):
        step = ask(ledger)
        assert step is not None
        with at_once(ledger) as connection:
            seen.append(is_under_way(connection, run_id, Phase.COPYING))
        with ledger.begin() as connection:
            finish_step(connection, step.id, {})
    with at_once(ledger) as connection:
        seen.append(is_under_way(connection, run_id, Phase.COPYING))
    assert seen == [True, True, False]


@pytest.fixture
def group(ledger: Engine) -> Callable[..., list[int]]:
    """Claim a group, and return the weights of its steps."""

    def take(most: int = MOST_IN_A_GROUP, **options: bool) -> list[int]:
        with at_once(ledger) as connection:
            claimed = claim_group(connection, "w@host:1", 30.0, most=most, **options)
            weights = text("SELECT weight FROM convoy.steps WHERE id = :id")
            return [connection.execute(weights, {"id": step.id}).scalar_one() for step in claimed]

    return take


@pytest.fixture
def with_tables(ledger: Engine) -> Callable[[str], None]:
    """Give each step of a run a table of its own, since what belongs to no table is never in a group."""

    def give(run_id: str) -> None:
        with ledger.begin() as connection:
            connection.execute(
                text(
                    "WITH source AS (INSERT INTO convoy.sources"
                    " (run_id, label, location, snapshot, sha256, bytes, schema)"
                    " VALUES (:run, 's', '', '', '', 0, '{}') RETURNING id),"
                    " made AS (INSERT INTO convoy.tables (run_id, source_id, name, rows)"
                    " SELECT :run, source.id, s.id, 0 FROM source, convoy.steps s WHERE s.run_id = :run"
                    " RETURNING id, name)"
                    " UPDATE convoy.steps s SET table_id = made.id FROM made WHERE s.id::text = made.name"
                ),
                {"run": run_id},
            )

    return give


def test_small_steps_come_along_the_heaviest_first_and_not_more_than_asked_for(
    ledger: Engine, make_run: MakeRun, with_tables: Callable[[str], None], group: Callable[..., list[int]]
) -> None:
    run_id = make_run(3, 9, 5, 7, 1)
    with_tables(run_id)
    assert [group(3), group(), group()] == [[9, 7, 5], [3, 1], []]
    with ledger.connect() as connection:
        served = connection.execute(
            text("SELECT bytes FROM convoy.run_service WHERE run_id = :run"), {"run": run_id}
        )
        assert served.scalar_one() == 25


def test_large_steps_are_claimed_alone_and_no_group_has_more_than_its_most(
    make_run: MakeRun, with_tables: Callable[[str], None], group: Callable[..., list[int]]
) -> None:
    large = SMALL_BYTES + 1
    with_tables(make_run(large, 2, *[1] * MOST_IN_A_GROUP))
    assert group() == [large]
    assert group() == [2, *[1] * (MOST_IN_A_GROUP - 1)]
    assert group(1_000) == [1]


def test_steps_that_were_tried_before_that_have_a_limit_or_no_table_are_claimed_alone(
    ledger: Engine, make_run: MakeRun, with_tables: Callable[[str], None], group: Callable[..., list[int]]
) -> None:
    limited = make_run(1, 1, max_workers=1)
    with_tables(limited)
    assert [group(), group()] == [[1], []]
    make_run(2, 2)
    assert [group(), group()] == [[2], [2]]
    tried = make_run(5, 4, 3, 3)
    with_tables(tried)
    with ledger.begin() as connection:
        connection.execute(
            text("UPDATE convoy.steps SET attempts = 1 WHERE run_id = :run AND weight > 3"), {"run": tried}
        )
    assert [group(), group(), group()] == [[5], [4], [3, 3]]


def test_brothers_are_of_the_same_run_phase_and_stage(
    ledger: Engine, make_run: MakeRun, with_tables: Callable[[str], None], group: Callable[..., list[int]]
) -> None:
    run_id, other = make_run(5, 4), make_run(3)
    with ledger.begin() as connection:
        add_steps(connection, run_id, Phase.COPYING, [NewStep(weight=2, stage=2)])
        connection.execute(
            text("UPDATE convoy.steps SET sent_at = now() WHERE run_id = :run"), {"run": run_id}
        )
    with_tables(run_id)
    with_tables(other)
    assert [group(), group(), group()] == [[5, 4], [2], [3]]


def test_group_is_locked_as_a_whole_and_what_is_returned_was_never_tried(
    ledger: Engine, make_run: MakeRun, with_tables: Callable[[str], None]
) -> None:
    with_tables(make_run(1, 1, 1))
    with at_once(ledger) as connection:
        claimed = claim_group(connection, "w@host:1", 30.0)
    with ledger.begin() as living, ledger.begin() as other:
        assert not lock_group(other, claimed, "w@host:2")
        assert lock_group(living, claimed, "w@host:1")
        assert not lock_step(other, claimed[1].id)
        assert not lock_group(other, claimed[:1], "w@host:1")
    with ledger.begin() as connection:
        return_untried(connection, claimed, "w@host:2")  # a stranger has nothing to return
        return_untried(connection, claimed[:1], "w@host:1")
        rows = connection.execute(
            text("SELECT state, attempts, sent_at IS NULL FROM convoy.steps ORDER BY id")
        ).all()
    assert [tuple(row) for row in rows] == [
        ("pending", 0, True),
        ("running", 1, False),
        ("running", 1, False),
    ]
