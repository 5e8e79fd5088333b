from __future__ import annotations

import pytest

from migration.ledger.step_records import Waiting
from producer.step_messages import FULL_MESSAGE_BYTES, MAX_MESSAGES, group_steps


def _waiting(*weights: int, attempts: int = 0) -> list[Waiting]:
    return [Waiting(position, weight, attempts) for position, weight in enumerate(weights)]


@pytest.mark.parametrize(
    ("weights", "workers", "messages"),
    [
        ([], 2, []),
        ([0], 2, [1]),
        ([FULL_MESSAGE_BYTES] * 4, 2, [1, 1, 1, 1]),
        ([0] * 8, 2, [2, 2, 2, 2]),
    ],
)
def test_large_steps_travel_alone_and_small_ones_together(
    weights: list[int], workers: int, messages: list[int]
) -> None:
    assert group_steps(_waiting(*weights), workers) == messages


def test_a_hundred_thousand_steps_fit_into_one_chord() -> None:
    messages = group_steps(_waiting(*[FULL_MESSAGE_BYTES // 100] * 60_000), 8)
    assert len(messages) <= MAX_MESSAGES
    assert sum(messages) == 60_000


def test_steps_that_failed_before_travel_alone() -> None:
    assert group_steps(_waiting(0, 0, 0, attempts=1), 1) == [1, 1, 1]
