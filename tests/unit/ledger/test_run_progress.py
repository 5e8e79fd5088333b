from __future__ import annotations

import pytest

from migration.ledger.run_progress import STALLED_SECONDS, seconds_left
from migration.model import Phase


@pytest.mark.parametrize(
    ("done", "left", "seconds", "expected"),
    [
        (0, 100, 5.0, None),
        (1, 2_575, 2.5, None),  # the first step waited for a worker to start: no pace yet
        (130, 2_446, 2.5, 2.5 * 2_446 / 130),
        (1, 999, 40.0, 40.0 * 999),  # a large table: some word after half a minute
        (10, 0, 5.0, 0.0),
    ],
)
def test_time_left_is_told_once_there_is_a_pace(
    done: int, left: int, seconds: float, expected: float | None
) -> None:
    assert seconds_left(Phase.COPYING, left, done, seconds) == expected


def test_a_run_that_has_ended_has_no_time_left_to_tell() -> None:
    assert seconds_left(Phase.COMPLETED, 0, 10, 5.0) is None


def test_time_left_does_not_rise_while_nothing_moves_and_ends_with_the_guess() -> None:
    told = [
        seconds_left(Phase.COPYING, 50, 50, 10.0 + quiet, quiet_seconds=quiet)
        for quiet in (0.0, 4.0, 12.0, STALLED_SECONDS)
    ]
    assert told == [10.0, 6.0, 0.0, None]
