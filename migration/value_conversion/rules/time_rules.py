"""Rules that end in dates, times and timestamps.

Texts without an offset are read in the source's time zone (`Context.source_timezone`). Arrow's parser is strict, so
where it takes a whole array, nothing else needs to be looked at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Rule,
    all_bad,
    drop,
    merge_bad,
)
from migration.value_conversion.rules.epoch_rules import to_microseconds
from migration.value_conversion.rules.time_spelling_losses import TIME_LOSSES
from migration.value_conversion.rules.time_text_parsing import (
    CLOCK_READING,
    ZONE_NAME,
    read_date,
    read_time,
    read_timestamp,
    to_utc,
    to_wall_clock,
)
from migration.value_conversion.value_kinds import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, time
    from typing import Any

# Where only the meaning of a number changes, arrays are viewed: a cast costs ten times as much a batch.
_NAIVE = ARROW_TYPES[ValueKind.TIMESTAMP]
_AWARE = ARROW_TYPES[ValueKind.TIMESTAMPTZ]
_DATE = ARROW_TYPES[ValueKind.DATE]
_TIME = ARROW_TYPES[ValueKind.TIME]

_DAY_FORM = r"^\d{4}-\d\d-\d\d([ T]00(:00(:00(\.0+)?)?)?( ?(Z|[+-]00(:?00)?))?)?$"
_CLOCK = r"([ T]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)"
_NAIVE_FORM = rf"^\d{{4}}-\d\d-\d\d{_CLOCK}?$"
_OFFSET_FORM = rf"^\d{{4}}-\d\d-\d\d{_CLOCK}(Z|[+-]\d\d(:?\d\d)?)$"
_TIME_FORM = r"^\d\d:\d\d(:\d\d(\.\d{1,6})?)?$"

# Nanoseconds since 1970 fill 64 bits in 1677 and 2262.
_LONG_CLOCK = r"(?:1[7-9]|2[01])\d\d-\d\d-\d\d[ T]\d\d(?::\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?"
_LONG_OFFSET = rf"^({_LONG_CLOCK}) ?(Z|[+-]\d\d(?::?\d\d)?){ZONE_NAME}?{CLOCK_READING}?$"
_LONG_WORD = rf"^({_LONG_CLOCK}) ?(?:UTC|GMT){ZONE_NAME}?{CLOCK_READING}?$"
_RUN_TOGETHER = r"^(\d{4})(\d\d)(\d\d)T?(\d\d)(\d\d)(\d\d)((?:[.,]\d+)?Z?)$"

_FIRST_MOMENT = -62_135_596_800_000_000  # 0001-01-01 in microseconds
_ZONE_TABLES_END = 2_114_380_800_000_000  # 2037-01-01
_FIRST_DAY = -719_162
_LAST_MOMENT = 253_402_300_799_999_999  # 9999-12-31 23:59:59.999999


def _outside_calendar(values: pa.Array) -> pa.BooleanArray | None:
    """Mark moments outside the years 1 to 9999. `values` are timestamps in microseconds."""
    micros = values.view(pa.int64())
    bounds = pc.min_max(micros)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    if low is None or (low >= _FIRST_MOMENT and high <= _LAST_MOMENT):
        return None
    return merge_bad(pc.or_(pc.less(micros, _FIRST_MOMENT), pc.greater(micros, _LAST_MOMENT)))


def _within_calendar(moments: pa.Array, *masks: pa.BooleanArray | None) -> Converted:
    """Leave what lies outside the calendar, and what `masks` mark, to the row path."""
    bad = merge_bad(_outside_calendar(moments), *masks)
    return (moments, None) if bad is None else (drop(moments, bad), bad)


def _past_zone_tables(naive: pa.Array) -> pa.BooleanArray | None:
    """Mark times after the last transition in the zone files, where Arrow knows no summer time and Python does."""
    last = pc.max(naive.view(pa.int64())).as_py()
    return (
        None
        if last is None or last < _ZONE_TABLES_END
        else pc.greater_equal(naive.view(pa.int64()), _ZONE_TABLES_END)
    )


def _in_zone(naive: pa.Array, context: Context) -> Converted:
    """Read wall-clock times in the source's time zone."""
    if context.source_timezone == "UTC":
        return _within_calendar(naive.view(_AWARE))
    try:
        options = {"timezone": context.source_timezone, "ambiguous": "earliest"}
        try:
            local = pc.assume_timezone(naive, nonexistent="raise", **options)
            skipped = None
        except pa.ArrowInvalid:
            local = pc.assume_timezone(naive, nonexistent="earliest", **options)
            later = pc.assume_timezone(naive, nonexistent="latest", **options)
            skipped = pc.not_equal(local, later)
    except pa.ArrowException:
        return all_bad(naive, _AWARE)  # no zone files that Arrow finds; Python may have its own
    return _within_calendar(local.view(_AWARE), skipped, _past_zone_tables(naive))


def _finer(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Read what the plain forms leave over: up to nine digits, other offsets, digits that run together.

    The offsets are those that Sequelize, Ruby, Java and Go write.

    Returns:
        Clock times without an offset, and moments of those with one; null for texts of another form.
        Raises ArrowInvalid where there is no such day.
    """
    plain = pc.replace_substring_regex(values, _RUN_TOGETHER, r"\1-\2-\3 \4:\5:\6\7")
    plain = pc.replace_substring_regex(plain, _LONG_OFFSET, r"\1\2")
    plain = pc.replace_substring_regex(plain, _LONG_WORD, r"\1Z")
    plain = pc.replace_substring(plain, ",", ".")
    naive = _matching(plain, rf"^{_LONG_CLOCK}$", pa.timestamp("ns"))
    aware = _matching(plain, rf"^{_LONG_CLOCK}(Z|[+-]\d\d(:?\d\d)?)$", pa.timestamp("ns", tz="UTC"))
    clocks, moments = (to_microseconds(found.view(pa.int64()), 1_000) for found in (naive, aware))
    return clocks.view(_NAIVE), moments.view(_AWARE)


def _matching(values: pa.Array, form: str, target: pa.DataType) -> pa.Array:
    """Cast the values that have a form; null elsewhere. Raises ArrowInvalid where there is no such day."""
    return drop(values, pc.invert(pc.match_substring_regex(values, form))).cast(target)


def _columnar_timestamptz(values: pa.Array, context: Context) -> Converted:
    try:
        return _in_zone(values.cast(_NAIVE), context)
    except pa.ArrowInvalid:
        pass
    try:
        local, bad = _in_zone(_matching(values, _NAIVE_FORM, _NAIVE), context)
        offset = _matching(values, _OFFSET_FORM, _AWARE)
    except pa.ArrowInvalid:
        return all_bad(values, _AWARE)
    moments = pc.coalesce(local, offset)
    left = pc.and_(values.is_valid(), moments.is_null())
    if bad is not None:
        left = pc.and_(left, pc.invert(bad))
    if left.true_count:
        try:
            clocks, aware = _finer(drop(values, pc.invert(left)))
        except pa.ArrowInvalid:
            return _within_calendar(moments, bad, left)
        local, odd = _in_zone(clocks, context)
        moments = pc.coalesce(moments, local, aware)
        bad = merge_bad(bad, odd)
    return _within_calendar(moments, bad, pc.and_(values.is_valid(), moments.is_null()))


def _columnar_timestamp(values: pa.Array, _context: Context) -> Converted:
    try:
        return _within_calendar(values.cast(_NAIVE))
    except pa.ArrowInvalid:
        pass
    try:
        moments = _matching(values, _NAIVE_FORM, _NAIVE)
        left = pc.and_(values.is_valid(), moments.is_null())
        if left.true_count:
            moments = pc.coalesce(moments, _finer(drop(values, pc.invert(left)))[0])
    except pa.ArrowInvalid:
        return all_bad(values, _NAIVE)
    return _within_calendar(moments, pc.and_(values.is_valid(), moments.is_null()))


def _days(days: pa.Array, *masks: pa.BooleanArray | None) -> Converted:
    """Leave the year 0, which Arrow reads, to the row path, which knows that there was none."""
    first = pc.min(days.view(pa.int32())).as_py()
    year_zero = (
        pc.less(days.view(pa.int32()), _FIRST_DAY) if first is not None and first < _FIRST_DAY else None
    )
    bad = merge_bad(year_zero, *masks)
    return (days, None) if bad is None else (drop(days, bad), bad)


def _columnar_date(values: pa.Array, _context: Context) -> Converted:
    try:
        return _days(values.cast(_DATE))
    except pa.ArrowInvalid:
        pass
    bad = merge_bad(pc.invert(pc.match_substring_regex(values, _DAY_FORM)))
    days = values.cast(pa.binary()) if bad is None else drop(values, bad).cast(pa.binary())
    try:
        return _days(pc.binary_slice(days, 0, 10).cast(pa.string()).cast(_DATE), bad)
    except pa.ArrowInvalid:
        return all_bad(values, _DATE)


def _columnar_time(values: pa.Array, _context: Context) -> Converted:
    bad = merge_bad(pc.invert(pc.match_substring_regex(values, _TIME_FORM)))
    clean = values if bad is None else drop(values, bad)
    try:
        moments = pc.binary_join_element_wise("1970-01-01", clean, " ").cast(_NAIVE)
    except pa.ArrowInvalid:
        return all_bad(values, _TIME)
    return moments.cast(_TIME), bad


def _text_rule(
    kind: ValueKind,
    columnar: Callable[[pa.Array, Context], Converted],
    scalar: Callable[[Any, Context], date | time],
) -> Rule:
    return Rule(f"text_to_{kind}", StorageClass.TEXT, kind, columnar, scalar, losses=TIME_LOSSES[kind])


def _with_filler_day(values: pa.Array, _context: Context) -> pa.BooleanArray:
    return pc.match_substring_regex(values, r"^\d{4}-")


TIME_RULES = (
    _text_rule(ValueKind.DATE, _columnar_date, lambda value, _context: read_date(value)),
    replace(
        _text_rule(ValueKind.TIME, _columnar_time, lambda value, _context: read_time(value)),
        transform="filler_day_dropped",
        changes=_with_filler_day,
    ),
    _text_rule(
        ValueKind.TIMESTAMP,
        _columnar_timestamp,
        lambda value, context: to_wall_clock(read_timestamp(value), context.source_timezone),
    ),
    _text_rule(
        ValueKind.TIMESTAMPTZ,
        _columnar_timestamptz,
        lambda value, context: to_utc(read_timestamp(value), context.source_timezone),
    ),
)
