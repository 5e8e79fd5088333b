"""What should pass by itself, and does not, ends a run with its reason."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from migration.errors import (
    ConnectionLostError,
    RetryableError,
    ServerAwayError,
    StageUnreachableError,
    TargetBusyError,
    TargetUnreachableError,
)
from migration.full_disk_errors import DiskFullError
from migration.model import Phase
from producer import passing_faults
from producer.passing_faults import FEWEST_TRIES, PassingFaults


def run_in(phase: Phase) -> Any:
    return SimpleNamespace(id="r", phase=phase)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(passing_faults, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


@pytest.mark.parametrize("kind", [RetryableError, TargetBusyError, ConnectionLostError])
def test_a_fault_that_does_not_pass_ends_the_run(clock: list[float], kind: type[RetryableError]) -> None:
    faults, tries = PassingFaults(), 0
    while not faults.is_last(run_in(Phase.PROFILING), reason := kind("x")):
        clock[0] += 30
        tries += 1
        assert tries < 100
    assert tries >= FEWEST_TRIES
    assert reason.details == "It was the last of 61 tries in 30 minutes"


def test_neither_many_tries_nor_much_time_alone_end_it(clock: list[float]) -> None:
    faults = PassingFaults()
    assert not any(faults.is_last(run_in(Phase.COPYING), TargetBusyError("x")) for _ in range(1_000))
    other = PassingFaults()
    clock[0] += 1e6
    assert not other.is_last(run_in(Phase.COPYING), TargetBusyError("x"))


def test_a_run_that_has_moved_begins_anew(clock: list[float]) -> None:
    faults = PassingFaults()
    for phase in (Phase.PROFILING, Phase.COPYING, Phase.PROFILING):
        for _ in range(60):
            clock[0] += 29
            assert not faults.is_last(run_in(phase), TargetBusyError("x"))
    faults.forget("r")
    clock[0] += 1e6
    assert not faults.is_last(run_in(Phase.PROFILING), TargetBusyError("x"))


@pytest.mark.parametrize(
    "kind", [DiskFullError, ServerAwayError, StageUnreachableError, TargetUnreachableError]
)
def test_what_somebody_mends_is_waited_for(clock: list[float], kind: type[RetryableError]) -> None:
    faults = PassingFaults()
    for _ in range(1_000):
        clock[0] += 60
        assert not faults.is_last(run_in(Phase.COPYING), kind("x"))
