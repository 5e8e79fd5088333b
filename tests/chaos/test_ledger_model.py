"""No order of claims, deaths, doubled deliveries, lost moves and commands leads to a wrong state or a wrong row."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.direct import Direct, quiet_steps
from tests.support.ledger_machine import LedgerMachine
from tests.support.ledger_world import World

IS_LONG = bool(os.environ.get("CONVOY_CHAOS"))
SEED = int(os.environ.get("CONVOY_SEED", "20260301"))
"""The long form prints the smallest sequence of rules that leads to a fault; the short one only that it found one."""
SETTINGS = settings(
    max_examples=150 if IS_LONG else 7,
    stateful_step_count=60 if IS_LONG else 30,
    phases=(Phase.generate, Phase.shrink) if IS_LONG else (Phase.generate,),
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
