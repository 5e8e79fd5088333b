"""Find the rows of a damaged table that can still be read: runs of rows, and the gaps between them.

Only reads. Rowids must rise, and no leaf may be passed over: so a tree that leads in circles, or a cell whose key is
garbage, ends a run instead of leading astray.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading damage raises; SQLite's own messages may quote bytes that are not text."""

Read = Callable[[int | None, int], Iterator[int]]

_LARGEST_ROWID: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that follow each other: rowids `first` to `last`, `rows` of them."""

    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Rowids that nobody can say anything about, both ends included; None is open."""

    first: int | None
    last: int | None

    def __str__(self) -> str:
        if self.first is None:
            return "all rowids" if self.last is None else f"rowids up to {self.last}"
        if self.last is None:
            return f"rowids from {self.first} on"
        return f"rowid {self.first}" if self.first == self.last else f"rowids {self.first} to {self.last}"


def scan_rowids(
    read: Read, find: Callable[[int | None], int | None], bounds: Sequence[int]
) -> tuple[list[Run], list[Gap]]:
    """Return the readable runs of a table, and the gaps.

    Args:
        read: reads whole rows from a rowid onwards (None: from the first), so many at most (-1: all), and yields
            their rowids.
        find: the first rowid from a rowid onwards, without the row's values; None: there is none.
        bounds: where leaves end (`btree.leaf_bounds`).
    """
    runs: list[Run] = []
    gaps: list[Gap] = []
    start: int | None = None
    while True:
        run, is_whole = _run(read, start, bounds)
        if run is not None:
            _close_gap(gaps, run.first)
            runs.append(run)
        if is_whole or (run is not None and run.last == _LARGEST_ROWID):
            return runs, [gap for gap in gaps if not _is_empty(gap)]
        position = start if run is None else run.last + 1
        if not gaps or gaps[-1].last is not None:
            gaps.append(Gap(runs[-1].last + 1 if runs else None, None))
        start = _next_start(find, position, bounds)
        if start is None:
            return runs, [gap for gap in gaps if not _is_empty(gap)]


class _Walk:
    """Rowids as they come: taken as long as they make sense."""

    def __init__(self, start: int | None, bounds: Sequence[int]) -> None:
        self._bounds = bounds
        self._least = start
        self._leaf = 0 if start is None else bisect_left(bounds, start)
        self._first: int | None = None
        self._last = 0
        self._rows = 0

    @property
    def position(self) -> int | None:
        """Where the next row may be."""
        return self._least

    @property
    def run(self) -> Run | None:
        return None if self._first is None else Run(self._first, self._last, self._rows)

    def take(self, rowids: Iterator[int]) -> bool:
        """Take rowids to their end, or to the first that makes no sense; tell whether that was the end."""
        for rowid in rowids:
            leaf = bisect_left(self._bounds, rowid)
            if (self._least is not None and rowid < self._least) or leaf > self._leaf + 1:
                return False
            if self._first is None:
                self._first = rowid
            self._last, self._least, self._leaf = rowid, rowid + 1, leaf
            self._rows += 1
        return True


def _run(read: Read, start: int | None, bounds: Sequence[int]) -> tuple[Run | None, bool]:
    """Read from a rowid as far as it goes; tell whether that was to the end."""
    walk = _Walk(start, bounds)
    is_whole = False
    try:
        is_whole = walk.take(read(start, -1))
    except UNREADABLE:
        # Python's sqlite3 steps on before it gives a row away, so the last good row went down with the error.
        with suppress(*UNREADABLE):
            walk.take(read(walk.position, 1))
    return walk.run, is_whole


def _next_start(
    find: Callable[[int | None], int | None], position: int | None, bounds: Sequence[int]
) -> int | None:
    """Return a rowid after `position` from which reading may succeed: past one bad row, or past one bad leaf."""
    leaf = 0 if position is None else bisect_left(bounds, position)
    try:
        row = find(position)
    except UNREADABLE:
        row = None
    if row is not None and (position is None or row >= position) and bisect_left(bounds, row) <= leaf + 1:
        return row + 1 if row < _LARGEST_ROWID else None
    return bounds[leaf] + 1 if leaf < len(bounds) and bounds[leaf] < _LARGEST_ROWID else None


def _close_gap(gaps: list[Gap], first_read: int) -> None:
    if gaps and gaps[-1].last is None:
        gaps[-1] = Gap(gaps[-1].first, first_read - 1)


def _is_empty(gap: Gap) -> bool:
    return gap.first is not None and gap.last is not None and gap.first > gap.last
