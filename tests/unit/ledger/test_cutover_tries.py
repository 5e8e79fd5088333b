"""Others queue behind a cutover for a fifth of the time at most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from migration.ledger.cutover_tries import (
    PAUSE_FACTOR,
    CutoverTerms,
    pause_seconds,
    pause_within_patience,
)
from migration.run_options import RunOptions

chances = st.floats(0, 1)
timeouts = st.floats(0.1, 60)


@given(tries=st.integers(1, 500), seconds=timeouts, chance=chances)
def test_share_of_time_in_which_others_queue_is_bounded(tries: int, seconds: float, chance: float) -> None:
    pause = pause_seconds(tries, seconds, chance)
    assert seconds / (seconds + pause) <= 1 / (1 + PAUSE_FACTOR) == 0.2


@given(seconds=timeouts)
def test_pauses_grow_to_a_bound(seconds: float) -> None:
    pauses = [pause_seconds(tries, seconds, 0) for tries in range(1, 30)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[-1] == pauses[-2]


def test_usual_patience_holds_some_twenty_tries() -> None:
    elapsed, tries = 0.0, 0
    while elapsed < 600:
        tries += 1
        elapsed += 2 + pause_seconds(tries, 2, 0)
    assert 15 < tries < 30


@given(tries=st.integers(1, 50), seconds=timeouts, patience=st.floats(0, 1_000), chance=st.floats(0, 1))
def test_patience_is_used_up_before_a_run_gives_up(
    tries: int, seconds: float, patience: float, chance: float
) -> None:
    """It ends no earlier than it was to, and no later than one try and its shortest pause after that."""
    options = RunOptions(cutover_lock_timeout_seconds=seconds, cutover_patience_seconds=patience)
    elapsed = patience * chance
    pause = pause_within_patience(tries, options, elapsed)
    if elapsed >= patience:
        assert pause is None
        return
    assert pause is not None
    assert seconds * PAUSE_FACTOR <= pause + 1e-9
    assert elapsed + pause <= patience + seconds * PAUSE_FACTOR + 1e-6


def test_terms_replace_only_what_they_name() -> None:
    options = RunOptions(hold=True, cutover_window="22:00-05:00 UTC", cutover_patience_seconds=60)
    assert CutoverTerms().of(options) == options
    changed = CutoverTerms(window="", lock_timeout_seconds=0.5).of(options)
    assert (changed.cutover_window, changed.cutover_lock_timeout_seconds) == ("", 0.5)
    assert (changed.cutover_patience_seconds, changed.hold) == (60, True)
