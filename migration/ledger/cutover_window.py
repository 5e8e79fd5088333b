"""The times of day between which a cutover may begin: ``22:00-05:00 Europe/Vienna``. Pure.

Rules: 24-hour clock, from the first minute to before the second; a window may go past midnight; without a zone it is
UTC, never that of some machine. What counts is what a clock on a wall of that zone shows, so a window keeps its hours
through a change of summer time. A cutover that has begun inside the window is not stopped by its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_FORM: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-\u2013]\s*(\d{1,2}):(\d{2})(?:\s+(\S+))?")
_DAYS_AHEAD: Final = 3
"""A day may lack the hour at which a window opens, but no two days in a row do."""


@dataclass(frozen=True, slots=True)
class CutoverWindow:
    """Two times of day in a zone; `begin` may be later than `end`."""

    begin: time
    end: time
    zone: str

    def __str__(self) -> str:
        """As it is written and stored."""
        return f"{self.begin:%H:%M}-{self.end:%H:%M} {self.zone}"

    def is_open(self, moment: datetime) -> bool:
        """Whether a cutover may begin at a moment (with a zone of its own)."""
        shown = moment.astimezone(ZoneInfo(self.zone)).time()
        if self.begin < self.end:
            return self.begin <= shown < self.end
        return shown >= self.begin or shown < self.end

    def opens_at(self, moment: datetime) -> datetime:
        """Return when it opens next, in its own zone; the moment itself where it is open."""
        here = moment.astimezone(ZoneInfo(self.zone))
        if self.is_open(here):
            return here
        for day in range(_DAYS_AHEAD):
            date = here.date() + timedelta(days=day)
            # By way of UTC: an hour that a clock leaps over becomes the one after it.
            opening = datetime.combine(date, self.begin, ZoneInfo(self.zone)).astimezone(UTC)
            if opening > moment and self.is_open(opening):
                return opening.astimezone(ZoneInfo(self.zone))
        return here + timedelta(minutes=1)


def parse_window(text: str) -> CutoverWindow:
    """Read a window.

    Raises:
        ValueError: says what is wrong with it, as words that can follow `it`.
    """
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be written as in 22:00-05:00 or 22:00-05:00 Europe/Vienna")
    try:
        begin = time(int(found[1]), int(found[2]))
        end = time(0) if (found[3], found[4]) == ("24", "00") else time(int(found[3]), int(found[4]))
    except ValueError:
        raise ValueError("names a time that no clock shows") from None
    if begin == end:
        raise ValueError("is empty: it begins when it ends")
    zone = found[5] or "UTC"
    if zone not in available_timezones():
        raise ValueError(f"names a time zone that does not exist: {zone}")
    return CutoverWindow(begin, end, zone)
