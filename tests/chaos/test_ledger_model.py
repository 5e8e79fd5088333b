"""No order of claims, deaths, doubled deliveries, lost moves and commands leads to a wrong state or a wrong row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import Phase as Stage
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import Connection, text

from migration.ledger.run_transition import LockedRun
from migration.model import Phase
from tests.support.direct import Direct, quiet_steps
from tests.support.ledger_machine import LedgerMachine
from tests.support.ledger_world import World

IS_LONG = bool(os.environ.get("CONVOY_CHAOS"))
SEED = int(os.environ.get("CONVOY_SEED", "20260301"))
"""The long form prints the smallest sequence of rules that leads to a fault; the short one only that it found one."""
SETTINGS = settings(
    max_examples=150 if IS_LONG else 8,
    stateful_step_count=60 if IS_LONG else 30,
    phases=(Stage.generate, Stage.shrink) if IS_LONG else (Stage.generate,),
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=False,
)


@pytest.fixture
def world(direct: Direct) -> Iterator[World]:
    everybody = World(direct)
    yield everybody
    everybody.close()


@pytest.mark.timeout(7200 if IS_LONG else 300)
def test_no_order_of_events_ends_in_a_wrong_state(world: World) -> None:
    @seed(SEED)
    def machine() -> LedgerMachine:
        return LedgerMachine(world)

    with quiet_steps():
        run_state_machine_as_test(machine, settings=SETTINGS)


def locks_whatever_it_is_told(connection: Connection, step_id: int) -> bool:
    """A worker that comes back does its step, whoever has done it meanwhile."""
    connection.execute(text("SELECT id FROM convoy.steps WHERE id = :step FOR UPDATE"), {"step": step_id})
    return True


def recovers_too_early(connection: Connection, run_id: str) -> list[int]:
    """The watchdog takes work for lost that is done."""
    rows = connection.execute(
        text(
            "UPDATE convoy.steps SET state = 'pending' WHERE run_id = :run AND phase = 'copying' RETURNING id"
        ),
        {"run": run_id},
    )
    return list(rows.scalars())


def looks_at_nothing(_locked: LockedRun, _phase: Phase) -> None:
    """A transition does not look where the run is by now."""


@pytest.mark.timeout(1200)
@pytest.mark.skipif(not IS_LONG, reason="part of `make chaos`")
@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("migration.steps.step_execution.lock_step", locks_whatever_it_is_told),
        ("tests.support.ledger_world.recover_lost", recovers_too_early),
        ("migration.ledger.run_transition.LockedRun.expect", looks_at_nothing),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_model_finds_planted_faults(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, fault: Callable[..., object]
) -> None:
    monkeypatch.setattr(place, fault)
    with pytest.raises(Exception), quiet_steps():  # noqa: B017, PT011 - whatever it finds first
        run_state_machine_as_test(
            seed(SEED)(lambda: LedgerMachine(world)),
            settings=settings(SETTINGS, max_examples=60, phases=(Stage.generate,)),
        )
