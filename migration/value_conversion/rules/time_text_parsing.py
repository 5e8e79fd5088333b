"""Reads one date, time or timestamp: the scalar side of the rules for times.

The forms are those that libraries write into SQLite and that can mean one moment only; docs/libraries.md says who
writes which. Seconds may have any number of digits: PostgreSQL keeps the microsecond, so what is finer is rounded to
the nearest one, and to the even one from the middle, as PostgreSQL's own input does (rint() in its datetime.c). What
would be rounded out of the day (of a time) or of the calendar (of a moment) keeps its last microsecond.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from migration.value_conversion.rules.conversion_rule import Misfit

OFFSET: Final = r"(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)"
"""An offset from UTC. Sequelize, Dart and Ruby write a blank before it; Python writes seconds where a zone has some."""
ZONE_NAME: Final = r"(?:\[[A-Za-z][\w/+-]*\]| (?:[A-Z]{2,5}|[+-]\d\d(?:\d\d)?))"
"""What says the offset once more: Java's `[Europe/Berlin]`, Go's `CEST` and `+0330`."""
CLOCK_READING: Final = r"(?: m=[+-]\d+\.\d+)"
"""Of Go's time.String: the process's monotonic clock, which says nothing about the moment."""

_DAY: Final = r"(\d{4})-(\d{1,2})-(\d{1,2})"
_TIMESTAMP: Final = re.compile(
    rf"{_DAY}(?:[ T](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?(?: ?({OFFSET}){ZONE_NAME}?)?{CLOCK_READING}?)?",
    re.ASCII,
)
_COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(?:(\d\d)(?:[.,](\d+))?)?(Z)?", re.ASCII)
"""ISO 8601's basic format, as in calendars."""
_RUN_TOGETHER: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,](\d+))?(Z)?", re.ASCII)
"""The same without its T, as MediaWiki writes it. Only 14 digits: with fewer, a text may be a number as well."""
_TIME: Final = re.compile(r"(?:([012]\d{3}-01-01)[ T])?(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?", re.ASCII)
FILLER_DAYS: Final = ("2000-01-01", "1970-01-01", "0000-01-01", "0001-01-01")
"""Days that stand before a mere time of day: in Rails, in Java, in Go's drivers, in .NET."""
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MICROSECOND: Final = timedelta(microseconds=1)
_DAY_MILLISECONDS = 86_400_000
_UNIX_EPOCH_JULIAN_MILLISECONDS = 210_866_760_000_000  # Julian day 2440587.5
_MICROSECOND_DIGITS: Final = 6
_SECOND: Final = 1_000_000


class Moment(NamedTuple):
    """What a text says: a date and time, naive without an offset; `is_exact` unless it was rounded."""

    at: datetime
    is_exact: bool


@lru_cache(maxsize=8)
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name."""
    return ZoneInfo(name)


def rounded_fraction(digits: str | None) -> tuple[int, bool]:
    """Return the digits of a fraction of seconds as microseconds, 0 to 1,000,000, and whether that is exact.

    >>> rounded_fraction("5"), rounded_fraction("1234565"), rounded_fraction("9999999"), rounded_fraction("1200000")
    ((500000, True), (123456, False), (1000000, False), (120000, True))
    """
    digits = digits or ""
    micros = int(digits[:_MICROSECOND_DIGITS].ljust(_MICROSECOND_DIGITS, "0"))
    rest = digits[_MICROSECOND_DIGITS:].rstrip("0")
    if not rest:
        return micros, True
    up = rest > "5" or (rest == "5" and micros % 2 == 1)
    return micros + up, False


def _offset(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(6, "0")
    minutes, seconds = int(digits[2:4]), int(digits[4:])
    if minutes > 59 or seconds > 59:  # noqa: PLR2004 - minutes of an hour
        raise Misfit("text is not a date and time")
    distance = timedelta(hours=int(digits[:2]), minutes=minutes, seconds=seconds)
    return timezone(-distance if text[0] == "-" else distance)


def read_moment(text: str) -> Moment:
    """Return the date and time that a text says, to the microsecond.

    Raises:
        Misfit: the text has another form, or there is no such day or time.
    """
    match = _TIMESTAMP.fullmatch(text) or _COMPACT.fullmatch(text) or _RUN_TOGETHER.fullmatch(text)
    if match is None:
        raise Misfit("text is not an ISO 8601 date and time")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    micros, is_exact = rounded_fraction(fraction)
    try:
        at = datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_offset(offset) if offset else None,
        )
    except ValueError:
        raise Misfit("there is no such date and time") from None
    if micros < _SECOND:
        return Moment(at.replace(microsecond=micros), is_exact)
    try:
        return Moment(at + timedelta(seconds=1), is_exact)
    except OverflowError:  # .NET's DateTime.MaxValue, 9999-12-31 23:59:59.9999999
        return Moment(at.replace(microsecond=_SECOND - 1), is_exact)


def read_timestamp(text: str) -> datetime:
    """Return the date and time that a text says: naive without an offset, aware with one.

    Raises:
        Misfit: as read_moment.
    """
    return read_moment(text).at


def read_date(text: str) -> date:
    """Return the day that a text says; a time part must be midnight, without an offset or in UTC (Go, JavaScript).

    Raises:
        Misfit: as read_moment, or the text says more than a day.
    """
    moment, is_exact = read_moment(text)
    if moment.utcoffset() or moment.time() != time() or not is_exact:
        raise Misfit("text has a time of day, which a date cannot hold")
    return moment.date()


def read_time(text: str) -> time:
    """Return the time of day that a text says; raises Misfit for another form or no such time.

    A day that only fills a place (`FILLER_DAYS`) may stand before it.
    """
    match = _TIME.fullmatch(text)
    if match is None or match[1] not in (None, *FILLER_DAYS):
        raise Misfit("text is not a time of day")
    _, hour, minute, second, fraction = match.groups()
    micros, _ = rounded_fraction(fraction)
    try:
        at = datetime(2000, 1, 1, int(hour), int(minute), int(second or 0))  # noqa: DTZ001 - a clock, no moment
    except ValueError:
        raise Misfit("there is no such time of day") from None
    rounded = at + timedelta(microseconds=micros)
    if rounded.day != at.day:
        rounded -= _LAST_MICROSECOND
    return rounded.time()


def to_utc(moment: datetime, source_timezone: str) -> datetime:
    """Return a moment in UTC; one without an offset is read in the source's time zone.

    A wall-clock time that occurs twice means the first occurrence; one that the clock skipped does not exist.

    Raises:
        Misfit: the moment does not exist there, or leaves the years 1 to 9999.
    """
    try:
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        if source_timezone == "UTC":
            return moment.replace(tzinfo=UTC)
        local = moment.replace(tzinfo=zone(source_timezone))
        instant = local.astimezone(UTC)
        if instant.astimezone(local.tzinfo).replace(tzinfo=None) != moment:
            raise Misfit(f"the clock skipped this time in {source_timezone}")
    except OverflowError:
        raise Misfit("date is outside the years 1 to 9999") from None
    return instant


def to_wall_clock(moment: datetime, source_timezone: str) -> datetime:
    """Return a moment without an offset, as a clock in the source's time zone shows it."""
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone(zone(source_timezone)).replace(tzinfo=None)
    except OverflowError:
        raise Misfit("date is outside the years 1 to 9999") from None


def from_microseconds(value: int) -> datetime:
    """Return the moment so many microseconds after 1970 began in UTC.

    Raises:
        Misfit: outside the years 1 to 9999.
    """
    try:
        return _UNIX_EPOCH + timedelta(microseconds=value)
    except OverflowError:
        raise Misfit("date is outside the years 1 to 9999") from None


def julian_microseconds(day: float) -> int:
    """Return a Julian day as microseconds since 1970.

    SQLite's own date functions count milliseconds (https://sqlite.org/lang_datefunc.html), so that is the precision
    of a day that they have made; any other double is taken to the microsecond, which is finer than the double.
    """
    milliseconds = round(day * _DAY_MILLISECONDS)
    if milliseconds / _DAY_MILLISECONDS == day:
        return (milliseconds - _UNIX_EPOCH_JULIAN_MILLISECONDS) * 1_000
    numerator, denominator = day.as_integer_ratio()
    twice = 2 * numerator * _DAY_MILLISECONDS * 1_000 + denominator
    return twice // (2 * denominator) - _UNIX_EPOCH_JULIAN_MILLISECONDS * 1_000
