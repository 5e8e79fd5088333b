"""What a number that means a moment may count, and from when: data, not code.

Libraries and programs write moments as numbers of many kinds (docs/libraries.md). Each has a row here: from when it
counts, how large one is, and between which years a value of it is plausible. The years are chosen so that a large
number is plausible in one unit only; small ones (days, seconds since 2001) are never guessed from their size.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from migration.mapping_file_model import EpochUnit
from migration.model import StorageClass, ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECOND: Final = 1_000_000  # microseconds
_DAY: Final = 86_400 * _SECOND
_YEAR_1: Final = -62_135_596_800 * _SECOND
_YEAR_1601: Final = -11_644_473_600 * _SECOND
_YEAR_1899: Final = -2_209_161_600 * _SECOND  # 30 December, day 0 of spreadsheets
_YEAR_1904: Final = -2_082_844_800 * _SECOND
_YEAR_2001: Final = 978_307_200 * _SECOND


@dataclass(frozen=True, slots=True)
class NumberEpoch:
    """One way to count time.

    Args:
        words: what a number counts, in the plural, for reasons and reports.
        start: its beginning, in microseconds since 1970 began in UTC.
        size: microseconds of one.
        years: first and last year for which a column may be taken to count so by its values alone; None: never.
        reals: whether it is also written as a real, with a fraction.
    """

    words: str
    start: int
    size: Fraction
    years: tuple[int, int] | None = None
    reals: bool = False

    @property
    def is_finer(self) -> bool:
        """Whether one may be less than a microsecond, which PostgreSQL rounds."""
        return self.size.denominator > 1

    @property
    def is_day(self) -> bool:
        """Whether it counts days of a calendar, which hang on no zone."""
        return self.size == _DAY

    def count(self, microseconds: int) -> Fraction:
        """Return the number that stands for a moment, so many microseconds since 1970."""
        return (microseconds - self.start) / self.size


EPOCHS: Final[Mapping[EpochUnit, NumberEpoch]] = MappingProxyType(
    {
        EpochUnit.SECONDS: NumberEpoch("seconds since 1970", 0, Fraction(_SECOND), (1973, 2200), reals=True),
        EpochUnit.MILLISECONDS: NumberEpoch(
            "milliseconds since 1970", 0, Fraction(1_000), (1973, 2200), reals=True
        ),
        EpochUnit.MICROSECONDS: NumberEpoch("microseconds since 1970", 0, Fraction(1), (1973, 2200)),
        # Go's UnixNano. Before 2000, such a number may as well be of the two below.
        EpochUnit.NANOSECONDS: NumberEpoch("nanoseconds since 1970", 0, Fraction(1, 1_000), (2000, 2100)),
        # Chrome and all that is built on it.
        EpochUnit.MICROSECONDS_1601: NumberEpoch(
            "microseconds since 1601", _YEAR_1601, Fraction(1), (1973, 2100)
        ),
        # Windows' FILETIME.
        EpochUnit.FILETIME: NumberEpoch(
            "steps of 100 nanoseconds since 1601", _YEAR_1601, Fraction(1, 10), (1980, 2100)
        ),
        # DateTime.Ticks of .NET.
        EpochUnit.TICKS: NumberEpoch(
            "steps of 100 nanoseconds since the year 1", _YEAR_1, Fraction(1, 10), (1973, 2100)
        ),
        # Core Data and Safari; as reals, and as integers where they are whole.
        EpochUnit.SECONDS_2001: NumberEpoch("seconds since 2001", _YEAR_2001, Fraction(_SECOND), reals=True),
        # Apple's Messages.
        EpochUnit.NANOSECONDS_2001: NumberEpoch("nanoseconds since 2001", _YEAR_2001, Fraction(1, 1_000)),
        # QuickTime, HFS+ and older programs of the Macintosh.
        EpochUnit.SECONDS_1904: NumberEpoch("seconds since 1904", _YEAR_1904, Fraction(_SECOND)),
        # R's Date, and what counts as it does.
        EpochUnit.DAYS: NumberEpoch("days since 1970", 0, Fraction(_DAY), reals=True),
        # OLE Automation: Excel, Access, Delphi.
        EpochUnit.DAYS_1899: NumberEpoch(
            "days since 30 December 1899", _YEAR_1899, Fraction(_DAY), reals=True
        ),
    }
)
"""All but Julian days, which SQLite itself has and which have rules of their own."""

WRITTEN: Final = tuple(
    (unit, storage_class)
    for unit, epoch in EPOCHS.items()
    for storage_class in (StorageClass.INTEGER, StorageClass.REAL)[: 1 + epoch.reals]
)
"""Unit and storage class of all numbers that there is a rule for."""
CALENDAR_KINDS: Final = (ValueKind.TIMESTAMPTZ, ValueKind.TIMESTAMP, ValueKind.DATE)


def rule_name(unit: EpochUnit, storage_class: StorageClass, kind: ValueKind) -> str:
    """Return the rule for numbers of a class that count so.

    >>> rule_name(EpochUnit.SECONDS, StorageClass.REAL, ValueKind.TIMESTAMPTZ)
    'epoch_fraction_to_timestamptz'
    >>> rule_name(EpochUnit.SECONDS_2001, StorageClass.INTEGER, ValueKind.DATE)
    'epoch_s2001_to_date'
    """
    is_real = storage_class is StorageClass.REAL
    if unit is EpochUnit.JULIAN:
        return f"julian_to_{kind}" if is_real else f"julian_day_to_{kind}"
    if unit is EpochUnit.SECONDS and is_real:
        return f"epoch_fraction_to_{kind}"
    return f"epoch_{unit}{'_fraction' if is_real else ''}_to_{kind}"


INTERVAL_UNITS: Final = (
    EpochUnit.SECONDS,
    EpochUnit.MILLISECONDS,
    EpochUnit.MICROSECONDS,
    EpochUnit.NANOSECONDS,
    EpochUnit.TICKS,
    EpochUnit.DAYS,
)
"""Of numbers that are durations."""


def interval_rule_name(unit: EpochUnit, storage_class: StorageClass) -> str:
    """Return the rule for numbers of a class that are durations.

    >>> interval_rule_name(EpochUnit.MICROSECONDS, StorageClass.INTEGER)
    'duration_us_to_interval'
    """
    return f"duration_{unit}{'_fraction' if storage_class is StorageClass.REAL else ''}_to_interval"


def words_of(rule: str) -> str:
    """Return what the numbers of a rule count; empty for a rule that takes none.

    >>> words_of("epoch_us1601_to_timestamptz")
    'microseconds since 1601'
    """
    return _WORDS.get(rule, "")


_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        rule_name(unit, storage_class, kind): EPOCHS[unit].words if unit in EPOCHS else "Julian days"
        for unit in EpochUnit
        for storage_class in (StorageClass.INTEGER, StorageClass.REAL)
        for kind in CALENDAR_KINDS
    }
)
