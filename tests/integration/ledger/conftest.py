from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text, update

from migration.ledger.ledger_database import open_ledger
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import create_run
from migration.ledger.step_records import NewStep, add_steps
from migration.model import Phase, Source
from migration.run_options import RunOptions


@pytest.fixture
def ledger(target_url: str) -> Iterator[Engine]:
    engine = open_ledger(target_url, "test")
    yield engine
    engine.dispose()


@pytest.fixture
def new_run(ledger: Engine) -> Callable[..., str]:
    """Create a run in a phase with so many steps of equal weight."""

    def create(phase: Phase = Phase.PROFILING, steps: int = 0, stage: int = 1) -> str:
        run_id = create_run(ledger, RunOptions(sources=(Source("shop", "/tmp/shop.db"),)))
        with ledger.begin() as connection:
            connection.execute(update(runs).where(runs.c.id == run_id).values(phase=phase.value))
            add_steps(connection, run_id, phase, [NewStep(weight=10, stage=stage) for _ in range(steps)])
        return run_id

    return create


@pytest.fixture
def step_ids(ledger: Engine) -> Callable[[str], list[int]]:
    def read(run_id: str) -> list[int]:
        with ledger.connect() as connection:
            statement = text("SELECT id FROM convoy.steps WHERE run_id = :run ORDER BY id")
            return list(connection.execute(statement, {"run": run_id}).scalars())

    return read
