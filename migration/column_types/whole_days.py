"""Tells whether all integers of a column of times are midnights in some unit: a stronger sign than their years.

Of numbers that mean something else, one in 86,400 is a whole number of days when it is read as seconds, and one in 86
million as milliseconds. So a column in which every one is has been told, whatever the years are: a birthday of 1850, a
contract until 9999-12-31.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pyarrow.compute as pc

from migration.column_types.epoch_unit import find_declared_unit
from migration.column_types.fitting_value_count import accepted
from migration.mapping_file_model import EpochUnit
from migration.model import StorageClass, ValueKind
from migration.value_conversion.number_epochs import EPOCHS, rule_name
from migration.value_conversion.row_conversion import column_context

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.model import ColumnPlan, ColumnProfile
    from migration.value_conversion.batch_conversion import Context

CALENDAR_KINDS: Final = frozenset({ValueKind.DATE, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})
_UNITS: Final = (EpochUnit.MICROSECONDS, EpochUnit.MILLISECONDS, EpochUnit.SECONDS)
"""The finest first."""
_DAY: Final = 86_400_000_000  # microseconds
_YEARS: Final = (-62_135_596_800_000_000, 253_402_300_799_999_999)
"""Of 1 to 9999, in microseconds since 1970."""
_QUESTION: Final = re.compile(r"; where they are [^;]+, a mapping file says so: (\{ epoch = [^}]+ \})")


class WholeDays:
    """Counts, unit by unit, the integers of one column that are midnights as a clock in the source's zone shows them.

    As soon as one value is none, no further one is looked at in that unit.
    """

    def __init__(self, column: ColumnPlan) -> None:
        self._plans = (
            {
                unit: replace(
                    column,
                    target_type="date",
                    kind=ValueKind.DATE,
                    rules={StorageClass.INTEGER: rule_name(unit, StorageClass.INTEGER, ValueKind.DATE)},
                )
                for unit in _UNITS
            }
            if column.kind in CALENDAR_KINDS
            else {}
        )
        self.counts: Counter[EpochUnit] = Counter()

    def add(self, values: pa.Array, context: Context) -> None:
        """Add the integers of a batch."""
        for unit, plan in list(self._plans.items()):
            if column_context(plan, context).source_timezone == "UTC":
                fits = _are_multiples(values, int(_DAY / EPOCHS[unit].size))
            else:
                fits = accepted(plan, StorageClass.INTEGER, values, context) > 0
            if fits:
                self.counts[unit] += len(values) - values.null_count
            else:
                del self._plans[unit]
                del self.counts[unit]


def _are_multiples(values: pa.Array, day: int) -> bool:
    rest = pc.subtract(values, pc.multiply(pc.divide(values, day), day))
    ends = pc.min_max(rest)
    return (ends["min"].as_py(), ends["max"].as_py()) == (0, 0)


def midnight_unit(profile: ColumnProfile) -> EpochUnit | None:
    """Return the unit in which all integers of a column are midnights of the years 1 to 9999; None where that is open.

    Where several would do, their years decide, and else the finest: of two numbers of seconds, one in a million pairs
    are multiples of a thousand days.
    """
    low, high = profile.int_min or 0, profile.int_max or 0
    integers = profile.count(StorageClass.INTEGER)
    units = [
        unit
        for unit in _UNITS
        if profile.whole_days.get(unit) == integers
        and _YEARS[0] <= low * EPOCHS[unit].size
        and high * EPOCHS[unit].size <= _YEARS[1]
    ]
    if low == high == 0 or not units:
        return None
    plausible = find_declared_unit(low, high)
    if plausible in units:
        return plausible
    return units[0] if len(units) == 1 or 0 not in {low, high, high - low} else None


def find_integer_unit(profile: ColumnProfile) -> EpochUnit | None:
    """Return what the integers of a column of times count: since all are midnights, or else by their years."""
    return midnight_unit(profile) or find_declared_unit(profile.int_min or 0, profile.int_max or 0)


def question(profile: ColumnProfile, target_type: str = "") -> str:
    """Return what a reason asks about integers that are not plainly moments; empty where nothing suggests any.

    Args:
        profile: of the column.
        target_type: the type that the mapping file would have to give, too; empty: it stands.
    """
    unit = _likely_unit(profile)
    if unit is None:
        return ""
    type_ = f', type = "{target_type}"' if target_type else ""
    return f'; where they are {EPOCHS[unit].words}, a mapping file says so: {{ epoch = "{unit}"{type_} }}'


def answer(reason: str) -> str:
    """Return the entry of a mapping file that a reason asks for; empty where it asks for none.

    >>> answer('no epochs; where they are milliseconds since 1970, a mapping file says so: { epoch = "ms" }')
    '{ epoch = "ms" }'
    """
    found = _QUESTION.search(reason)
    return found.group(1) if found else ""


def _likely_unit(profile: ColumnProfile) -> EpochUnit | None:
    """Return in which unit the largest integer is plausible, where the smallest is only a moment of some year in it.

    No reason to change a type; a reason to ask what the numbers count.
    """
    low, high = profile.int_min or 0, profile.int_max or 0
    unit = find_declared_unit(high, high)
    if unit is None or not _YEARS[0] <= EPOCHS[unit].start + low * EPOCHS[unit].size <= _YEARS[1]:
        return None
    return unit
