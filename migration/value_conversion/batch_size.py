"""How many rows a batch has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from migration.model import ColumnProfile


BATCH_BYTES: Final = 32 * 1024 * 1024
"""Upper bound of what a batch may hold if every value were as long as the longest of its column."""


_USUAL_BYTES: Final = 2 * 1024 * 1024


_USUAL_ROWS: Final = 8_192
"""Smaller batches cost more calls, larger ones do not stay in the caches of a core (docs/scaling.md)."""


_SHORT_ROWS: Final = 32_768
_SHORT_BYTES: Final = 1024 * 1024
"""Where rows are a few numbers each, what a call costs counts for more than the caches, into which these still fit."""


_NUMBER_BYTES: Final = 8


def batch_rows(wanted: int | None, columns: Iterable[ColumnProfile], most_bytes: int = BATCH_BYTES) -> int:
    """Return how many rows a batch has, so that its bytes stay bounded however long the values are.

    Args:
        wanted: what the user asks for; None: about 2 MB of rows.
        columns: the profiles of the columns that are read.
        most_bytes: what a batch may hold if every value were as long as the longest of its column.
    """
    longest_row = usual_row = _NUMBER_BYTES  # a key, where there is no column
    for column in columns:
        longest_row += max(column.longest_bytes, _NUMBER_BYTES)
        usual_row += column.total_bytes // max(sum(column.counts.values()), 1)
    rows = min(_USUAL_ROWS, _USUAL_BYTES // usual_row) if wanted is None else wanted
    return max(1, min(rows, most_bytes // longest_row))


def copied_batch_rows(wanted: int | None, columns: Collection[ColumnProfile]) -> int:
    """Return how many rows a batch has that is copied: as `batch_rows`, and more where rows are short.

    Args:
        wanted: what the user asks for; None: about 2 MB of rows, of short ones 1 MB.
        columns: the profiles of the columns that are read.
    """
    usual = batch_rows(wanted, columns)
    if wanted is not None or usual < _USUAL_ROWS:
        return usual
    row = _NUMBER_BYTES + sum(column.total_bytes // max(sum(column.counts.values()), 1) for column in columns)
    return max(usual, batch_rows(min(_SHORT_ROWS, _SHORT_BYTES // row), columns))
