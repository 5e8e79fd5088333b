"""Small steps that are claimed together: one transaction, and none pays for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_requests import request_cancel, request_pause, request_resume
from migration.ledger.step_records import take_unsent
from migration.model import Phase
from migration.observers.run_observer import Observers
from migration.steps import copy_step
from migration.steps.run_cancellation import remove_staging
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_next_steps
from tests.support.crash_points import Action, Stop, die, stopped_at
from tests.support.direct import Direct, quiet_steps
from tests.support.proof import prove

TABLES = 6
SCRIPT = "".join(
    f"""
    CREATE TABLE t{number} (id INTEGER PRIMARY KEY, note TEXT UNIQUE, price NUMERIC(8, 2) CHECK (price > 0),
                            t INTEGER {"REFERENCES t0" if number else ""});
    CREATE INDEX t{number}_price ON t{number} (price);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {10 + number})
    INSERT INTO t{number} SELECT i, 'note ' || i, i + 0.25, 1 + i % 10 FROM n;
    """
    for number in range(TABLES)
)
PHASES = (Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING)
STRIDE = 3


class Grouped(Direct):
    """Runs steps as a worker does that is woken for many: those that wait, together, and those of dead workers."""

    def work(self, run: RunRecord) -> bool:
        with self.ledger.begin() as connection:
            waiting = take_unsent(connection, run.id, run.phase, 1_000)
        ran = False
        while run_next_steps(self.context, lost_seconds=0):
            ran = True
        return ran or bool(waiting)

    def replace_worker(self) -> None:
        """Close all that a dead worker had open, and start another."""
        settings = self.context.settings
        self.context.close()
        self.context = StepContext(settings, "another", Observers())
        self.context.back_off = lambda: None  # type: ignore[method-assign]  # nobody waits here


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Grouped]:
    driver = Grouped(target_url, tmp_path / "direct")
    driver.context.back_off = lambda: None  # type: ignore[method-assign]  # as above
    yield driver
    driver.close()


@pytest.fixture
def path(build: Callable[[str], Path]) -> Path:
    return build(SCRIPT)


def steps(direct: Direct, run: RunRecord, what: str, phase: Phase) -> list[tuple[Any, ...]]:
    return direct.query(
        f"SELECT {what} FROM convoy.steps s LEFT JOIN convoy.tables t ON t.id = s.table_id"
        f" WHERE s.run_id = '{run.id}' AND s.phase = '{phase}' AND (s.table_id IS NOT NULL OR s.chunk_id IS NOT NULL)"
        " ORDER BY s.id"
    )


def sent(direct: Direct, run: RunRecord) -> None:
    with direct.ledger.begin() as connection:
        assert len(take_unsent(connection, run.id, run.phase, 1_000)) >= TABLES
    if run.phase is Phase.VALIDATING:
        assert len(run_next_steps(direct.context)) == 1  # the snapshot is hashed again, which weighs most


def disturb(direct: Grouped, number: int, action: Action) -> int:
    """Run a group and act before its statement of this number; return how many statements it had."""
    seen: list[str] = []

    def is_point(count: int, statement: str) -> bool:
        seen.append(statement)
        return count == number

    stop = Stop(action)
    with stopped_at(direct.context.engine, is_point, stop), stop.judged(), quiet_steps():
        run_next_steps(direct.context)
    return len(seen)


def statements(direct: Grouped, run: RunRecord) -> int:
    """Count those of a group of the phase, in a run of its own, which stays there."""
    twin = direct.start(Path(run.options.sources[0].location), until=run.phase, target_schema="twin")
    sent(direct, twin)
    return disturb(direct, -1, die)


def test_steps_of_small_tables_end_in_one_transaction_and_prove_what_single_ones_do(
    direct: Grouped, path: Path
) -> None:
    run = direct.migrate(path)
    assert prove(path, direct.url, direct.ledger, run) == []
    for phase in PHASES:
        assert len(set(steps(direct, run, "s.xmin::text", phase))) == 1, phase
        assert steps(direct, run, "s.state, s.attempts", phase) == [("done", 1)] * TABLES


@pytest.mark.parametrize("phase", PHASES)
def test_worker_killed_in_mid_group_leaves_nothing_half_done(
    direct: Grouped, path: Path, phase: Phase
) -> None:
    run = direct.start(path, until=phase, target_schema="first")
    count = statements(direct, run)
    assert count < 4 * TABLES
    for number in range(1, count, STRIDE):
        sent(direct, run)
        disturb(direct, number, die)
        direct.replace_worker()
        states = set(steps(direct, run, "s.state", phase))
        assert states in ({("running",)}, {("done",)}), number
        run = direct.finish(run.id)
        assert prove(path, direct.url, direct.ledger, run) == [], number
        assert max(steps(direct, run, "s.attempts", phase)) <= (2,), number
        run = direct.start(path, until=phase, target_schema=f"after_{number}")


@pytest.mark.parametrize("phase", PHASES)
def test_connection_that_the_server_ends_in_mid_group_is_nobodys_fault(
    direct: Grouped, path: Path, phase: Phase
) -> None:
    run = direct.start(path, until=phase)

    def end_connections() -> None:
        with psycopg.connect(direct.url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity"
                " WHERE application_name LIKE 'convoy direct%' AND pid <> pg_backend_pid()"
            )

    sent(direct, run)
    disturb(direct, 3, end_connections)
    run = direct.finish(run.id)
    assert prove(path, direct.url, direct.ledger, run) == []


def test_table_that_kills_its_worker_costs_its_brothers_one_attempt(
    direct: Grouped, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = direct.start(path, until=Phase.COPYING)

    def deadly(load: Callable[..., Any]) -> Callable[..., Any]:
        def or_dead(connection: Any, driver: Any, schema: str, plan: Any, read: Any) -> Any:
            if plan.name == "t3":
                die()
            return load(connection, driver, schema, plan, read)

        return or_dead

    for name in ("load_rows", "load_all_rows"):
        monkeypatch.setattr(copy_step, name, deadly(getattr(copy_step, name)))
    sent(direct, run)
    for _ in range(direct.context.settings.max_attempts + 1):
        with Stop(None).judged(), quiet_steps():
            while run_next_steps(direct.context, lost_seconds=0):
                pass
        direct.replace_worker()
    assert dict(steps(direct, run, "t.name, s.state", Phase.COPYING)) == {
        f"t{number}": "failed" if number == 3 else "done" for number in range(TABLES)
    }
    assert all(
        attempts <= 2
        for name, attempts in steps(direct, run, "t.name, s.attempts", Phase.COPYING)
        if name != "t3"
    )


def test_rows_that_the_server_refuses_go_to_the_quarantine_and_their_brothers_arrive(
    direct: Grouped, path: Path
) -> None:
    run = direct.start(path, until=Phase.COPYING)
    direct.query(f'ALTER TABLE "{run.staging_schema}".t2 ADD CONSTRAINT no_five CHECK (id <> 5)')
    with quiet_steps():
        run = direct.finish(run.id)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert direct.query(
        "SELECT t.name, q.key FROM convoy.quarantine q JOIN convoy.tables t ON t.id = q.table_id"
    ) == [("t2", [5])]
    assert steps(direct, run, "s.state, s.attempts", Phase.COPYING) == [("done", 1)] * TABLES
    assert direct.query(f"SELECT count(*) FROM {run.options.target_schema}.t1") == [(11,)]


def test_table_that_fails_for_good_fails_alone(direct: Grouped, path: Path) -> None:
    run = direct.start(path, until=Phase.INDEXING)
    direct.query(f'DROP TABLE "{run.staging_schema}".t5')
    sent(direct, run)
    with quiet_steps():
        run_next_steps(direct.context)
    assert dict(steps(direct, run, "t.name, s.state", Phase.INDEXING)) == {
        f"t{number}": "failed" if number == 5 else "done" for number in range(TABLES)
    }


def test_cancel_within_a_group_leaves_nothing(direct: Grouped, path: Path) -> None:
    run = direct.start(path, until=Phase.COPYING)
    sent(direct, run)
    disturb(direct, 3, lambda: request_cancel(direct.ledger, run.id) and None)
    run = find_run(direct.ledger, run.id)
    assert run.phase is Phase.CANCELLED
    assert run_next_steps(direct.context) == []
    remove_staging(direct.ledger, run)
    assert (
        direct.query(
            f"SELECT nspname FROM pg_namespace WHERE nspname IN ('{run.staging_schema}', '{run.options.target_schema}')"
        )
        == []
    )


def test_pause_within_a_group_lets_it_end_and_starts_no_other(direct: Grouped, path: Path) -> None:
    run = direct.start(path, until=Phase.COPYING)
    sent(direct, run)
    disturb(direct, 3, lambda: request_pause(direct.ledger, run.id) and None)
    assert steps(direct, run, "s.state", Phase.COPYING) == [("done",)] * TABLES
    assert find_run(direct.ledger, run.id).phase is Phase.COPYING
    request_resume(direct.ledger, run.id)
    run = direct.finish(run.id)
    assert prove(path, direct.url, direct.ledger, run) == []


def test_what_is_left_of_a_group_after_a_passing_error_waits_as_if_it_had_not_been_claimed(
    direct: Grouped, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = direct.start(path, until=Phase.COPYING)

    def locked(*_: Any) -> Any:
        raise psycopg.errors.LockNotAvailable("somebody has the table")

    for name in ("load_rows", "load_all_rows"):
        monkeypatch.setattr(copy_step, name, locked)
    monkeypatch.setattr(direct.context, "back_off", lambda: setattr(direct.context, "disturbances", 1))
    sent(direct, run)
    with quiet_steps():
        run_next_steps(direct.context)
    assert sorted(steps(direct, run, "s.state, s.attempts, s.sent_at IS NULL", Phase.COPYING)) == [
        *[("pending", 0, True)] * (TABLES - 1),
        ("pending", 1, True),
    ]
    with direct.ledger.begin() as connection:
        states = connection.execute(
            text("SELECT DISTINCT state FROM convoy.chunks WHERE run_id = :run"), {"run": run.id}
        )
        assert states.scalars().all() == ["pending"]
