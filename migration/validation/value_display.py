"""Values as a person reads them in a finding: short, and never an error."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from migration.model import ColumnPlan, ValueKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LONGEST: Final = 60
_MOST_COLUMNS: Final = 8
_QUOTED: Final = frozenset({ValueKind.TEXT, ValueKind.JSON, ValueKind.UUID})
_NO_NUMBERS: Final = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
"""Python's words for them → the server's."""
_WINDOW: Final = 12
_EPOCH: Final = date(1970, 1, 1)
_CYCLE_YEARS: Final = 400
_CYCLE_DAYS: Final = 146_097
_DAY_MICROSECONDS: Final = 86_400_000_000
# PostgreSQL counts from 2000 and has its ends of time at the ends of its integers; ADBC adds 30 years and wraps.
_DAYS_TO_2000: Final = 10_957
_INFINITE_DATES: Final = {
    -(2**31) + _DAYS_TO_2000 - 1: "infinity",
    -(2**31) + _DAYS_TO_2000: "-infinity",
}
_INFINITE_MOMENTS: Final = {
    -(2**63) + _DAYS_TO_2000 * _DAY_MICROSECONDS - 1: "infinity",
    -(2**63) + _DAYS_TO_2000 * _DAY_MICROSECONDS: "-infinity",
}
_FIRST_MOMENT: Final = -210_866_803_200_000_000
"""4713 BC, before which PostgreSQL has no time: less is what the last 30 years of its calendar have wrapped to."""


def show_values(array: pa.Array[Any], column: ColumnPlan) -> list[str]:
    """Return each value as short text: quoted if it is text, hexadecimal if bytes, or NULL."""
    if column.kind is ValueKind.BYTES:
        return [
            "NULL" if value is None else f"\\x{_short(value.hex(), len(value), 'bytes')}"
            for value in array.to_pylist()
        ]
    if column.kind in _QUOTED:
        return [
            "NULL" if value is None else f"'{_short(value, len(value), 'characters')}'"
            for value in array.to_pylist()
        ]
    if column.kind in _TEMPORAL:
        numbers = array.view(pa.int32() if pa.types.is_date32(array.type) else pa.int64()).to_pylist()
        return ["NULL" if number is None else _TEMPORAL[column.kind](number) for number in numbers]
    floats = pa.types.is_floating(array.type)
    values = (array if floats else array.cast(pa.string())).to_pylist()
    return ["NULL" if value is None else _NO_NUMBERS.get(str(value), str(value)) for value in values]


def show_row(columns: Sequence[ColumnPlan], values: Sequence[str]) -> str:
    """Return ``a = 1, b = 'x'`` for the first columns of a row."""
    pairs = [f"{column.name} = {value}" for column, value in zip(columns, values, strict=True)]
    more = f", and {len(pairs) - _MOST_COLUMNS} more columns" if len(pairs) > _MOST_COLUMNS else ""
    return ", ".join(pairs[:_MOST_COLUMNS]) + more


def show_difference(left: object, right: object, left_shown: str, right_shown: str) -> str:
    """Return where two texts or byte strings differ, if a reader of both as they are shown could not see it; or "".

    They look alike that are cut off before they differ, that differ in blanks, or in characters which only their code
    points tell apart: compositions, letters of other alphabets, what takes no room.
    """
    if not (isinstance(left, str) and isinstance(right, str)) and not (
        isinstance(left, bytes) and isinstance(right, bytes)
    ):
        return ""
    pairs = zip(left, right, strict=False)
    first = next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))
    is_shown = first < (_LONGEST if isinstance(left, str) else _LONGEST // 2)
    is_plain = left_shown != right_shown and not _is_subtle(left[first : first + 1], right[first : first + 1])
    if is_shown and is_plain:
        return ""
    windows = (side[first : first + _WINDOW] for side in (left, right))
    what = "character" if isinstance(left, str) else "byte"
    return f" (from {what} {first + 1:,} on {' and '.join(_coded(window) for window in windows)})"


def _is_subtle(left: str | bytes, right: str | bytes) -> bool:
    if isinstance(left, bytes) or isinstance(right, bytes):
        return False
    return not all(one.isascii() and one.isprintable() and not one.isspace() for one in left + right)


def _coded(window: str | bytes) -> str:
    return ascii(window) if isinstance(window, str) else f"\\x{window.hex()}"


def _day(days: int) -> tuple[str, str]:
    """Return a day of the proleptic Gregorian calendar as PostgreSQL writes it, and what follows the time of day."""
    cycles, rest = divmod(days, _CYCLE_DAYS)
    day = _EPOCH + timedelta(days=rest)
    year = day.year + _CYCLE_YEARS * cycles
    return f"{year if year > 0 else 1 - year:04}-{day:%m-%d}", "" if year > 0 else " BC"


def _date(days: int) -> str:
    return _INFINITE_DATES.get(days) or "".join(_day(days))


def _moment(microseconds: int) -> str:
    if microseconds in _INFINITE_MOMENTS:
        return _INFINITE_MOMENTS[microseconds]
    if microseconds < _FIRST_MOMENT:
        microseconds += 2**64
    days, rest = divmod(microseconds, _DAY_MICROSECONDS)
    day, era = _day(days)
    return f"{day} {_time(rest)}{era}"


def _time(microseconds: int) -> str:
    seconds, fraction = divmod(microseconds, 1_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:06}"


def _moment_utc(microseconds: int) -> str:
    said = _moment(microseconds)
    return (
        said
        if microseconds in _INFINITE_MOMENTS
        else f"{said.removesuffix(' BC')}Z{' BC' * said.endswith(' BC')}"
    )


_TEMPORAL: Final[dict[ValueKind, Callable[[int], str]]] = {
    ValueKind.DATE: _date,
    ValueKind.TIME: _time,
    ValueKind.TIMESTAMP: _moment,
    ValueKind.TIMESTAMPTZ: _moment_utc,
}


def _short(text: str, size: int, unit: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}... ({size:,} {unit})"
