from __future__ import annotations

import pytest

from migration.model import ColumnProfile, StorageClass
from migration.value_conversion.batch_size import BATCH_BYTES, batch_rows, copied_batch_rows

ROWS = 1_000


def column(usual_bytes: int, longest_bytes: int | None = None) -> ColumnProfile:
    return ColumnProfile(
        counts={StorageClass.TEXT: ROWS},
        longest_bytes=longest_bytes or usual_bytes,
        total_bytes=usual_bytes * ROWS,
    )


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        ([], 8_192),
        ([column(8), column(20)], 8_192),
        ([column(1_000), column(40)], 2_001),
        ([column(10_000)], 209),
        ([column(5_000_000)], 1),
        # Most rows are short, but a batch of the longest would not fit.
        ([column(10, 1_000_000)], 33),
        ([ColumnProfile()], 8_192),  # an empty table
    ],
)
def test_a_batch_is_about_two_megabytes(columns, rows):
    assert batch_rows(None, columns) == rows


@pytest.mark.parametrize("wanted", [1, 1_000, 20_000])
def test_a_batch_has_the_rows_that_were_asked_for(wanted):
    assert batch_rows(wanted, [column(100)]) == wanted


@pytest.mark.parametrize("wanted", [None, 1_000_000])
def test_no_batch_is_larger_than_its_bound(wanted):
    profile = [column(2_000_000), column(40)]
    assert batch_rows(wanted, profile) * 2_000_040 <= BATCH_BYTES
    assert batch_rows(wanted, profile, 1_000_000) == 1


@pytest.mark.parametrize(
    ("wanted", "columns", "rows"),
    [
        (None, [column(8), column(8), column(8)], 32_768),
        (None, [column(8), column(36), column(60)], 9_362),
        (None, [column(8), column(200)], 8_192),
        (None, [column(1000)], 2_080),
        (None, [column(8, 1_000_000)], 33),
        (500, [column(8)], 500),
    ],
)
def test_short_rows_are_copied_in_larger_batches(wanted, columns, rows):
    assert copied_batch_rows(wanted, columns) == rows
