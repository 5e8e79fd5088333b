"""Reads one date, time or timestamp: the scalar side of the rules for times."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

from migration.value_conversion.rules.conversion_rule import Misfit

# Exactly what Arrow's parser takes, and one-digit months and days, and zeros beyond the microsecond.
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[ T](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6})0*)?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})0*)?)?", re.ASCII)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MILLISECONDS = 86_400_000
_UNIX_EPOCH_JULIAN_MILLISECONDS = 210_866_760_000_000  # Julian day 2440587.5


@lru_cache(maxsize=8)
def zone(name: str) -> ZoneInfo:
    """Return a time zone by its IANA name."""
    return ZoneInfo(name)


def _microseconds(digits: str | None) -> int:
    return int((digits or "0").ljust(6, "0"))


def _offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    minutes = int(digits[2:])
    if minutes > 59:  # noqa: PLR2004 - minutes of an hour
        raise Misfit("text is not a date and time")
    distance = timedelta(hours=int(digits[:2]), minutes=minutes)
    return timezone(-distance if text[0] == "-" else distance)


def read_timestamp(text: str) -> datetime:
    """Return the date and time that a text says: naive without an offset, aware with one.

    Raises:
        Misfit: the text has another form, or there is no such day or time.
    """
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise Misfit("text is not an ISO 8601 date and time")
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            _microseconds(fraction),
            tzinfo=_offset(offset) if offset else None,
        )
    except ValueError:
        raise Misfit("there is no such date and time") from None


def read_date(text: str) -> date:
    """Return the day that a text says; a time part must be midnight and have no offset.

    Raises:
        Misfit: as read_timestamp, or the text says more than a day.
    """
    moment = read_timestamp(text)
    if moment.tzinfo is not None or moment.time() != time():
        raise Misfit("text has a time of day, which a date cannot hold")
    return moment.date()


def read_time(text: str) -> time:
    """Return the time of day that a text says; raises Misfit for another form or no such time."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Misfit("text is not a time of day")
    hour, minute, second, fraction = match.groups()
    try:
        return time(int(hour), int(minute), int(second or 0), _microseconds(fraction))
    except ValueError:
        raise Misfit("there is no such time of day") from None


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
