"""Rules that make moments and days of numbers: epochs (`number_epochs`) and Julian days.

A count of days names a day of a calendar, wherever its clock hangs; all other counts name moments.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.mapping_file_model import EpochUnit
from migration.model import StorageClass, ValueKind
from migration.value_conversion.named_losses import AMBIGUOUS_HOUR, FRACTION_ROUNDED
from migration.value_conversion.number_epochs import CALENDAR_KINDS, EPOCHS, WRITTEN, rule_name
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Loss,
    Misfit,
    Rule,
    by_rows,
    drop,
    merge_bad,
)
from migration.value_conversion.rules.time_text_parsing import (
    from_microseconds,
    julian_microseconds,
    to_utc,
    to_wall_clock,
)
from migration.value_conversion.value_kinds import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from migration.value_conversion.number_epochs import NumberEpoch

_AWARE: Final = ARROW_TYPES[ValueKind.TIMESTAMPTZ]
_FIRST_MOMENT: Final = -62_135_596_800_000_000  # 0001-01-01 in microseconds
_LAST_MOMENT: Final = 253_402_300_799_999_999  # 9999-12-31 23:59:59.999999

JULIAN_DAYS: Final = (1_721_425.5, 5_373_484.5)
"""Years 1 to 9999 as Julian days: https://sqlite.org/lang_datefunc.html"""
EPOCH_REALS: Final = (1e8, 7_289_654_400.0)
"""Reals that are taken for seconds since 1970: 1973 to 2200. Smaller ones may be day numbers."""


def to_microseconds(values: pa.Array, per: int) -> pa.Array:
    """Divide whole numbers by so many to a microsecond, to the nearest one, from the middle to the even one."""
    micros = pc.divide(values, per)  # towards zero
    rest = pc.subtract(values, pc.multiply(micros, per))
    twice = pc.multiply(pc.abs(rest), 2)
    is_odd = pc.equal(pc.bit_wise_and(micros, 1), 1)
    away = pc.or_(pc.greater(twice, per), pc.and_(pc.equal(twice, per), is_odd))
    return pc.add(micros, pc.if_else(away, pc.sign(rest).cast(pa.int64()), 0))


def _within(value: float, bounds: tuple[float, float], reason: str) -> float:
    if not bounds[0] <= value <= bounds[1]:
        raise Misfit(reason)
    return value


def _julian(value: float) -> datetime:
    day = _within(value, JULIAN_DAYS, "number is not a Julian day of the years 1 to 9999")
    return from_microseconds(julian_microseconds(day))


def _seconds(value: float) -> datetime:
    seconds = _within(value, EPOCH_REALS, "number is not a plausible count of seconds since 1970")
    return from_microseconds(round(Fraction(seconds) * 1_000_000))


def _counted(epoch: NumberEpoch) -> Callable[[float], datetime]:
    def moment(value: float) -> datetime:
        try:
            micros = round(Fraction(value) * epoch.size)
        except OverflowError:  # infinity
            raise Misfit("date is outside the years 1 to 9999") from None
        return from_microseconds(epoch.start + micros)

    return moment


def _aware(moment: Callable[[Any], datetime], *, is_day: bool) -> Callable[[Any, Context], datetime]:
    if is_day:
        return lambda value, context: to_utc(moment(value).replace(tzinfo=None), context.source_timezone)
    return lambda value, _context: moment(value)


def _wall_clock(moment: Callable[[Any], datetime], *, is_day: bool) -> Callable[[Any, Context], datetime]:
    if is_day:
        return lambda value, _context: moment(value).replace(tzinfo=None)
    return lambda value, context: to_wall_clock(moment(value), context.source_timezone)


def _day(moment: Callable[[Any], datetime], *, is_day: bool) -> Callable[[Any, Context], date]:
    clock = _wall_clock(moment, is_day=is_day)

    def convert(value: float, context: Context) -> date:
        shown = clock(value, context)
        if shown.time() != time():
            raise Misfit("number has a time of day, which a date cannot hold")
        return shown.date()

    return convert


def _columnar_integers(epoch: NumberEpoch) -> Callable[[pa.Array, Context], Converted]:
    low = -((epoch.start - _FIRST_MOMENT) * epoch.size.denominator // epoch.size.numerator)
    high = (_LAST_MOMENT - epoch.start) * epoch.size.denominator // epoch.size.numerator
    low, high = max(low, -(2**63) + 1), min(high, 2**63 - 1)

    def convert(values: pa.Array, _context: Context) -> Converted:
        bounds = pc.min_max(values)
        bad = None
        if (bounds["min"].as_py() or 0) < low or (bounds["max"].as_py() or 0) > high:
            bad = merge_bad(pc.or_(pc.less(values, low), pc.greater(values, high)))
        clean = values if bad is None else drop(values, bad)
        if epoch.is_finer:
            micros = to_microseconds(clean, epoch.size.denominator)
        else:
            micros = pc.multiply(clean, epoch.size.numerator)
        return (pc.add(micros, epoch.start) if epoch.start else micros).cast(_AWARE), bad

    return convert


def _columnar_reals(scalar: Callable[[float, Context], datetime]) -> Callable[[pa.Array, Context], Converted]:
    """Convert by Python's rounding, which Arrow does not have; dates as reals are rare."""

    def convert(values: pa.Array, context: Context) -> Converted:
        moments: list[datetime | None] = []
        bad = []
        for value in values.to_pylist():
            try:
                moments.append(None if value is None else scalar(value, context))
                bad.append(False)
            except Misfit:
                moments.append(None)
                bad.append(True)
        return pa.array(moments, _AWARE), merge_bad(pa.array(bad, pa.bool_()))

    return convert


def _lost_rest(epoch: NumberEpoch) -> Callable[[pa.Array, pa.Array, Context], pa.BooleanArray | None]:
    """Return what marks the integers that are no whole number of microseconds."""
    per = epoch.size.denominator

    def lost(values: pa.Array, _converted: pa.Array, _context: Context) -> pa.BooleanArray | None:
        return merge_bad(pc.not_equal(pc.multiply(pc.divide(values, per), per), values))

    return lost


def _lost_fraction(epoch: NumberEpoch) -> Callable[[pa.Array, pa.Array, Context], pa.BooleanArray | None]:
    """Return what marks the reals that the microsecond nearest to them does not tell."""

    def lost(values: pa.Array, _converted: pa.Array, _context: Context) -> pa.BooleanArray | None:
        marks = [
            value is not None
            and abs(value) < float("inf")
            and float(epoch.count(epoch.start + round(Fraction(value) * epoch.size))) != value
            for value in values.to_pylist()
        ]
        return merge_bad(pa.array(marks, pa.bool_()))

    return lost


def _lost_hour(
    moment: Callable[[Any], datetime],
) -> Callable[[pa.Array, pa.Array, Context], pa.BooleanArray | None]:
    """Return what marks the counts whose clock time comes twice, of which it is the second."""

    def lost(values: pa.Array, converted: pa.Array, context: Context) -> pa.BooleanArray | None:
        if context.source_timezone == "UTC":
            return None
        marks = [
            clock is not None and to_utc(clock, context.source_timezone) != moment(value)
            for value, clock in zip(values.to_pylist(), converted.to_pylist(), strict=True)
        ]
        return merge_bad(pa.array(marks, pa.bool_()))

    return lost


def _rules(
    unit: EpochUnit,
    storage_class: StorageClass,
    moment: Callable[[Any], datetime],
    columnar: Callable[[pa.Array, Context], Converted] | None,
    losses: tuple[Loss, ...],
    *,
    is_day: bool,
) -> Iterator[Rule]:
    """Yield the rules of one unit and class, one for each kind; `columnar` (None: row by row) gives moments."""
    for kind, scalars in zip(CALENDAR_KINDS, (_aware, _wall_clock, _day), strict=True):
        scalar: Callable[[Any, Context], Any] = scalars(moment, is_day=is_day)
        name = rule_name(unit, storage_class, kind)
        is_moment = kind is ValueKind.TIMESTAMPTZ
        hour = (
            ()
            if is_moment or is_day or kind is ValueKind.DATE
            else (Loss(AMBIGUOUS_HOUR, _lost_hour(moment)),)
        )
        own = columnar if is_moment and columnar is not None else None
        if own is None:
            own = _columnar_reals(scalar) if is_moment else by_rows(kind)
        yield Rule(name, storage_class, kind, own, scalar, name, losses=(*losses, *hour))


def _epoch_rules(unit: EpochUnit, storage_class: StorageClass) -> Iterator[Rule]:
    epoch = EPOCHS[unit]
    moment = _counted(epoch)
    if storage_class is StorageClass.INTEGER:
        losses = (Loss(FRACTION_ROUNDED, _lost_rest(epoch)),) if epoch.is_finer else ()
        columnar = None if epoch.is_day else _columnar_integers(epoch)
    else:
        # A double near today's date counts in steps of 0.24 microseconds, which the microsecond cannot tell apart.
        losses = (Loss(FRACTION_ROUNDED, _lost_fraction(epoch)),)
        columnar = None
        if unit is EpochUnit.SECONDS:
            moment = _seconds
    yield from _rules(unit, storage_class, moment, columnar, losses, is_day=epoch.is_day)


def _julian_rules() -> Iterator[Rule]:
    reals = tuple(_rules(EpochUnit.JULIAN, StorageClass.REAL, _julian, None, (), is_day=False))
    yield from reals
    # A column of affinity NUMERIC stores the noon of a day, which is a whole number, as an integer.
    for rule in reals:
        name = rule_name(EpochUnit.JULIAN, StorageClass.INTEGER, rule.kind)
        yield replace(rule, name=name, storage_class=StorageClass.INTEGER)


EPOCH_RULES: Final = (
    *(rule for unit, storage_class in WRITTEN for rule in _epoch_rules(unit, storage_class)),
    *_julian_rules(),
)
