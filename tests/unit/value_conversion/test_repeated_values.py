"""Folding changes nothing but how often a value is looked at."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.value_conversion.repeated_values import find_repeats

MANY = 4_000


@pytest.mark.parametrize(
    ("values", "looked_at"),
    [
        ([f"text {row % 100}" for row in range(MANY)], 100),
        ([f"text {row}" for row in range(MANY)], MANY),
        (["same", None] * MANY, 1),
        ([None] * MANY, 0),
        (["same"] * 10, 10),  # too few to be worth it
        ([], 0),
    ],
)
def test_values_that_repeat_are_looked_at_once(values: list[str | None], looked_at: int) -> None:
    array = pa.array(values, pa.string())

    repeated = find_repeats(array)

    assert len(repeated.values) == looked_at
    assert repeated.spread(repeated.values).equals(array)


@given(st.lists(st.none() | st.text(max_size=2), max_size=50), st.integers(0, 60))
def test_results_land_where_their_values_stood(values: list[str | None], offset: int) -> None:
    array = pa.array(values * 100, pa.string())[offset:]

    repeated = find_repeats(array)

    assert repeated.spread(pc.binary_length(repeated.values)).equals(pc.binary_length(array))
