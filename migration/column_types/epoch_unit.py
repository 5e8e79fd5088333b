"""Tells what the numbers of a column count where they may be moments (`number_epochs`).

A wrong guess puts dates into the year 54191 without an error, so whatever is not plainly an epoch stays a number.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from migration.mapping_file_model import EpochUnit
from migration.value_conversion.number_epochs import EPOCHS, NumberEpoch

if TYPE_CHECKING:
    from migration.source_schema import SourceTable

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SECONDS_1900 = -2_208_988_800
_SECONDS_2200 = 7_289_654_400
_SECONDS_1973 = 100_000_000
"""The largest value must be past this: below, a number may as well count days, or spell 20240115."""

_SINCE_1970 = ((EpochUnit.SECONDS, 1), (EpochUnit.MILLISECONDS, 1_000), (EpochUnit.MICROSECONDS, 1_000_000))
_OTHERS = (EpochUnit.NANOSECONDS, EpochUnit.MICROSECONDS_1601, EpochUnit.FILETIME, EpochUnit.TICKS)
_PROPOSED = (*(unit for unit, _ in _SINCE_1970), *_OTHERS)
_PROPOSED_YEARS: Final = (1990, 2060)
_SINCE_2001_YEARS: Final = (2001, 2040)
_JULIAN_YEARS: Final = (2_447_892.5, 2_473_459.5)
"""1990 and 2060 as Julian days."""
_TIME_WORDS: Final = re.compile(
    r"(?:^|_)(?:at|on|ts|t|date|time|datetime|timestamp|stamp|when|since|until|utc|created|updated|modified|expires?|expiry|"
    r"expiration|deleted|started|ended|finished|completed|visited|accessed|seen|added|changed|published|sent|received|[a-z]*"
    r"(?:date|time|timestamp))(?:_|$)"
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def find_unit(smallest: int, largest: int) -> EpochUnit | None:
    """Return the unit of integers that are plainly moments; None where they are something else.

    All values must lie between 1900 and 2200 in one unit since 1970. Zero counts for any. Where the smallest positive
    value would fall into the first weeks of 1970 in the largest value's unit, units are mixed and none is right.
    """
    for unit, factor in _SINCE_1970:
        if not _SECONDS_1973 * factor <= largest <= _SECONDS_2200 * factor:
            continue
        if smallest < _SECONDS_1900 * factor:
            return None
        if factor > 1 and 0 < smallest <= _SECONDS_2200 * factor // 1_000:
            return None
        return unit
    return None


def find_declared_unit(smallest: int, largest: int) -> EpochUnit | None:
    """Return the unit of integers in a column that is declared, or stands, as one of times; None where it is not plain.

    Beside those of `find_unit`, numbers may be so large that they are moments of plausible years in one unit only
    (`NumberEpoch.years`); all must be, zeros aside.
    """
    unit = find_unit(smallest, largest)
    if unit is not None:
        return unit
    for unit in _OTHERS:
        low, high = _bounds(EPOCHS[unit], EPOCHS[unit].years or _PROPOSED_YEARS)
        if low <= largest < high and (smallest == 0 or smallest >= low):
            return unit
    return None


def _bounds(epoch: NumberEpoch, years: tuple[int, int]) -> tuple[Fraction, Fraction]:
    first, last = (epoch.count((datetime(year, 1, 1, tzinfo=UTC) - _UNIX) // _MICROSECOND) for year in years)
    return first, last


def is_core_data(table: SourceTable) -> bool:
    """Tell whether a table is one of Core Data's, known by its key: its times are seconds since 2001."""
    return any(column.name == "Z_PK" for column in table.columns)


def propose_integer_unit(name: str, smallest: int, largest: int) -> EpochUnit | None:
    """Return the unit that a column's name and all its integers suggest, where there is exactly one; zeros aside.

    >>> propose_integer_unit("createdAt", 1_700_000_000_000, 1_710_000_000_000)
    <EpochUnit.MILLISECONDS: 'ms'>
    >>> propose_integer_unit("post_id", 1_700_000_000_000, 1_710_000_000_000)
    """
    if not has_time_word(name):
        return None
    fitting = [unit for unit in _PROPOSED if _fits(EPOCHS[unit], smallest, largest)]
    return fitting[0] if len(fitting) == 1 and not _could_be_apples(largest) else None


def propose_real_unit(name: str, smallest: float, largest: float) -> EpochUnit | None:
    """Return the unit that a column's name and all its reals suggest, where there is exactly one; zeros aside."""
    if not has_time_word(name) or not (math.isfinite(smallest) and math.isfinite(largest)):
        return None
    units = (EpochUnit.SECONDS, EpochUnit.MILLISECONDS)
    fitting = [unit for unit in units if _fits(EPOCHS[unit], Fraction(smallest), Fraction(largest))]
    if _JULIAN_YEARS[0] <= smallest and largest < _JULIAN_YEARS[1]:
        fitting.append(EpochUnit.JULIAN)
    return fitting[0] if len(fitting) == 1 and not _could_be_apples(largest) else None


def has_time_word(name: str) -> bool:
    """Tell whether a column's name says that it holds times.

    >>> [has_time_word(name) for name in ("created_at", "lastVisitDate", "expires_utc", "category", "status")]
    [True, True, True, False, False]
    """
    return _TIME_WORDS.search(_HUMP.sub("_", name).lower()) is not None


def _could_be_apples(largest: float) -> bool:
    """Tell whether a number of seconds may count from 2001 as well: in 2024 it would be one of 1993."""
    low, high = _bounds(EPOCHS[EpochUnit.SECONDS_2001], _SINCE_2001_YEARS)
    return _bounds(EPOCHS[EpochUnit.SECONDS], _PROPOSED_YEARS)[0] <= largest and low <= largest < high


def _fits(epoch: NumberEpoch, smallest: int | Fraction, largest: int | Fraction) -> bool:
    low, high = _bounds(epoch, _PROPOSED_YEARS)
    if epoch.years is not None:
        own_low, own_high = _bounds(epoch, epoch.years)
        low, high = max(low, own_low), min(high, own_high)
    return low <= largest < high and (smallest == 0 or smallest >= low)
