"""What integers of a column of times mean, written down once more from docs/mapping.md."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1}  # microseconds
_YEAR_1601 = datetime(1601, 1, 1, tzinfo=UTC)
_YEAR_1 = datetime(1, 1, 1, tzinfo=UTC)
_LARGE = {
    "ns": (EPOCH, 1_000, datetime(2000, 1, 1, tzinfo=UTC)),
    "us1601": (_YEAR_1601, 1, datetime(1973, 1, 1, tzinfo=UTC)),
    "filetime": (_YEAR_1601, 10, datetime(1980, 1, 1, tzinfo=UTC)),
    "ticks": (_YEAR_1, 10, datetime(1973, 1, 1, tzinfo=UTC)),
}
_FAR = datetime(2100, 1, 1, tzinfo=UTC)


def moment_of(value: int, unit: str) -> datetime:
    """Return the moment that an integer of a unit means."""
    if unit in _LARGE:
        start, per, _ = _LARGE[unit]
        return start + timedelta(microseconds=round(Fraction(value, per)))
    return EPOCH + timedelta(microseconds=value * _UNITS[unit])


def find_unit(integers: list[int], zone: str) -> str | None:
    """Return what all integers of a column count, as midnights or by their years; None where that is open."""
    by_years = _unit_by_years(integers)
    units = [unit for unit, factor in _UNITS.items() if _are_midnights(integers, factor, zone)]
    if by_years in units or not any(integers):
        return by_years
    finest = min(units, key=_UNITS.__getitem__, default=by_years)
    is_open = len(units) > 1 and 0 in (min(integers), max(integers), max(integers) - min(integers))
    return by_years if is_open else finest


def _are_midnights(integers: list[int], factor: int, zone: str) -> bool:
    try:
        moments = [EPOCH + timedelta(microseconds=value * factor) for value in integers]
        return all(on_the_clock(moment, zone).time() == time() for moment in moments)
    except OverflowError:
        return False


def _unit_by_years(integers: list[int]) -> str | None:
    low, high = datetime(1900, 1, 1, tzinfo=UTC) - EPOCH, datetime(2201, 1, 1, tzinfo=UTC) - EPOCH
    march_1973 = timedelta(seconds=100_000_000)
    for unit, factor in _UNITS.items():
        micro = timedelta(microseconds=1)
        inside = all(low // micro <= value * factor <= high // micro for value in integers)
        if integers and inside and max(integers) * factor >= march_1973 // micro:
            return unit
    for unit, (start, per, first) in _LARGE.items():
        low, high = (((moment - start) // timedelta(microseconds=1)) * per for moment in (first, _FAR))
        if integers and low <= max(integers) < high and (min(integers) == 0 or min(integers) >= low):
            return unit
    return None


def on_the_clock(moment: datetime, zone: str) -> datetime:
    """Return what a clock in the zone shows at a moment."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
