from __future__ import annotations

import logging

import pytest

from migration.model import Phase
from migration.observers.run_happenings import Happening, PhaseEntered, RunResumed
from migration.observers.run_observer import Observers

HAPPENINGS = (PhaseEntered("run", Phase.COPYING, Phase.FAILED), RunResumed("run", Phase.COPYING))


class Remembering:
    def __init__(self) -> None:
        self.seen: list[Happening] = []

    def observe(self, happening: Happening) -> None:
        self.seen.append(happening)


class Broken:
    def observe(self, happening: Happening) -> None:
        raise RuntimeError(f"cannot bear {type(happening).__name__}")


def test_everybody_hears_everything_in_its_order() -> None:
    first, second = Remembering(), Remembering()
    Observers(first, second).tell(*HAPPENINGS)
    assert first.seen == second.seen == list(HAPPENINGS)


def test_observer_that_raises_is_logged_and_keeps_nothing_from_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    last = Remembering()
    with caplog.at_level(logging.WARNING):
        Observers(Broken(), last).tell(*HAPPENINGS)
    assert last.seen == list(HAPPENINGS)
    assert [record.getMessage() for record in caplog.records] == [
        "Broken could not take note of PhaseEntered",
        "Broken could not take note of RunResumed",
    ]
    assert all(record.exc_info for record in caplog.records)


def test_nobody_may_be_there_to_hear() -> None:
    Observers().tell(*HAPPENINGS)
