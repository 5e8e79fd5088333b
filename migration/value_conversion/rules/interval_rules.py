"""Rules that make durations of what libraries without an interval write: texts which the server then casts.

Each becomes what PostgreSQL itself writes of the interval (IntervalStyle postgres), so that its cast changes nothing.
A duration has no months: they would not be had back. https://www.postgresql.org/docs/current/datatype-datetime.html
"""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.named_losses import FRACTION_ROUNDED
from migration.value_conversion.number_epochs import EPOCHS, INTERVAL_UNITS, interval_rule_name
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Loss,
    Misfit,
    Rule,
    by_rows,
    merge_bad,
)
from migration.value_conversion.rules.text_rules import columnar_text, scalar_text
from migration.value_conversion.rules.time_text_parsing import read_moment, rounded_fraction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BEGINNING: Final = read_moment("1970-01-01").at
_MOMENT: Final = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?$"
_SPAN: Final = r"^-?(\d+[.])?\d\d:\d\d:\d\d(\.\d+)?$"
_SPAN_PARTS: Final = re.compile(r"(-?)(?:(\d+)[.])?(\d\d):(\d\d):(\d\d)(?:\.(\d+))?", re.ASCII)
_FINER: Final = r"\.\d{6}\d*[1-9]"
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_MOST: Final = 2**63 // _DAY  # days; PostgreSQL keeps them in 32 bits and the rest in 64


def written(microseconds: int) -> str:
    """Return a duration as PostgreSQL writes it.

    >>> written(90_000_005), written(86_400_000_000), written(-3_600_000_000), written(-90_000_000_000)
    ('00:01:30.000005', '1 day', '-01:00:00', '-1 days -01:00:00')
    """
    sign = "-" if microseconds < 0 else ""
    days, rest = divmod(abs(microseconds), _DAY)
    if not days:
        return sign + _clock(rest)
    if days > _MOST:
        raise Misfit("duration is longer than an interval can be")
    words = f"{sign}{days} day{'' if days == 1 and not sign else 's'}"
    return f"{words} {sign}{_clock(rest)}" if rest else words


def _clock(microseconds: int) -> str:
    hours, rest = divmod(microseconds, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    seconds, micros = divmod(rest, _SECOND)
    fraction = f".{micros:06}".rstrip("0") if micros else ""
    return f"{hours:02}:{minutes:02}:{seconds:02}{fraction}"


def _duration(text: str, context: Context) -> str:
    if re.match(_MOMENT, text, re.ASCII):
        moment = read_moment(text).at
        return written((moment - _BEGINNING) // timedelta(microseconds=1))
    span = _SPAN_PARTS.fullmatch(text)
    if span is None:
        return scalar_text(text, context)  # the server has the word
    sign, days, hours, minutes, seconds, fraction = span.groups()
    micros, _ = rounded_fraction(fraction)
    clock = int(hours) * _HOUR + int(minutes) * _MINUTE + int(seconds) * _SECOND + micros
    if days is None:  # PostgreSQL, too, keeps 26 hours apart from a day and 2 hours
        return f"{sign if clock else ''}{_clock(clock)}"
    total = int(days) * _DAY + clock
    return written(-total if sign else total)


def _has_form(values: pa.Array) -> pa.BooleanArray:
    return pc.or_(pc.match_substring_regex(values, _MOMENT), pc.match_substring_regex(values, _SPAN))


def _columnar_duration(values: pa.Array, context: Context) -> Converted:
    texts, bad = columnar_text(values, context)
    bad = merge_bad(bad, _has_form(texts))
    return texts, bad


def _changed(values: pa.Array, _context: Context) -> pa.BooleanArray:
    is_clock = pc.match_substring_regex(values, r"^\d\d:\d\d:\d\d(\.\d{1,6})?$")
    return pc.and_(_has_form(values), pc.invert(is_clock))


def _lost_digits(values: pa.Array, _converted: pa.Array, _context: Context) -> pa.BooleanArray | None:
    return merge_bad(pc.and_(_has_form(values), pc.match_substring_regex(values, _FINER)))


def _count(size: Fraction) -> Callable[[float, Context], str]:
    def convert(value: float, _context: Context) -> str:
        try:
            return written(round(Fraction(value) * size))
        except OverflowError:  # infinity
            raise Misfit("duration is longer than an interval can be") from None

    return convert


def _lost_rest(size: Fraction) -> Callable[[pa.Array, pa.Array, Context], pa.BooleanArray | None]:
    """Return what marks the numbers that the microsecond nearest to them does not tell."""

    def lost(values: pa.Array, _converted: pa.Array, _context: Context) -> pa.BooleanArray | None:
        marks = []
        for value in values.to_pylist():
            if value is None or abs(value) == float("inf"):
                marks.append(False)
                continue
            back = round(Fraction(value) * size) / size
            marks.append((float(back) if isinstance(value, float) else back) != value)
        return merge_bad(pa.array(marks, pa.bool_()))

    return lost


def _number_rules() -> Iterator[Rule]:
    for unit in INTERVAL_UNITS:
        size = EPOCHS[unit].size
        for storage_class in (StorageClass.INTEGER, StorageClass.REAL)[: 1 + EPOCHS[unit].reals]:
            name = interval_rule_name(unit, storage_class)
            exact = storage_class is StorageClass.INTEGER and not EPOCHS[unit].is_finer
            losses = () if exact else (Loss(FRACTION_ROUNDED, _lost_rest(size)),)
            convert = _count(size)
            yield Rule(
                name, storage_class, ValueKind.TEXT, by_rows(ValueKind.TEXT), convert, name, losses=losses
            )


INTERVAL_RULES: Final = (
    Rule(
        "text_to_interval",
        StorageClass.TEXT,
        ValueKind.TEXT,
        _columnar_duration,
        _duration,
        "duration_to_interval",
        changes=_changed,
        losses=(Loss(FRACTION_ROUNDED, _lost_digits),),
    ),
    *_number_rules(),
)
