"""Sentences name three of many, and how many more there are."""

from __future__ import annotations

import pytest

from migration.name_lists import nearest_name, some, unnamed


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, ""),
        (1, "t0"),
        (3, "t0, t1, t2"),
        (4, "t0, t1, t2, t3"),
        (5, "t0, t1, t2 and 2 more"),
        (3_003, "t0, t1, t2 and 3,000 more"),
    ],
)
def test_a_list_is_as_long_as_a_sentence(number: int, told: str) -> None:
    names = [f"t{n}" for n in range(number)]
    assert some(names) == told
    assert len(unnamed(names)) == (number - 3 if "more" in told else 0)


def test_each_is_named_once() -> None:
    assert some(["a", "a", "b"], separator="; ") == "a; b"


def test_the_nearest_name_is_one_that_looks_alike() -> None:
    assert nearest_name("batchsize", ["batch_size", "chunk_rows"]) == "batch_size"
    assert nearest_name("zzz", ["batch_size"]) == ""
