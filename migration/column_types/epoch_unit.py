"""Tells what unit the integers of a date column are in.

A wrong guess puts dates into the year 54191 without an error, so whatever is not plainly an epoch stays a number.
"""

from __future__ import annotations

_SECONDS_1900 = -2_208_988_800
_SECONDS_2200 = 7_289_654_400
_SECONDS_1973 = 100_000_000
"""The largest value must be past this: below, a number may as well count days, or spell 20240115."""

_UNITS = (("s", 1), ("ms", 1_000), ("us", 1_000_000))


def find_unit(smallest: int, largest: int) -> str | None:
    """Return ``s``, ``ms`` or ``us`` for integers that count from 1970; None where they are plainly something else.

    All values must lie between 1900 and 2200 in one unit. Zero counts for any. Where the smallest positive value
    would fall into the first weeks of 1970 in the largest value's unit, units are mixed and none is right.
    """
    for unit, factor in _UNITS:
        if not _SECONDS_1973 * factor <= largest <= _SECONDS_2200 * factor:
            continue
        if smallest < _SECONDS_1900 * factor:
            return None
        if factor > 1 and 0 < smallest <= _SECONDS_2200 * factor // 1_000:
            return None
        return unit
    return None
