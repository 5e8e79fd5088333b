"""What a SQLite value should have become, written down once more from docs/mapping.md."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.support.independent_epochs import EPOCH, find_unit, moment_of, on_the_clock

JULIAN_EPOCH = Fraction(4881175, 2)
JULIAN_DAYS = (1721425.5, 5373484.5)
_INTEGERS = {"smallint": 16, "integer": 32, "bigint": 64}
TEXTS = frozenset({"text", "varchar", "character varying", "char"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d)(?::(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d){0,2})"
    r"(?:\[[A-Za-z][\w/+-]*\]| [A-Z]{2,5}| [+-]\d\d(?:\d\d)?)?)?(?: m=[+-]\d+\.\d+)?)?",
    re.ASCII,
)
_BASIC = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(?:(\d\d)(?:[.,](\d+))?)?(Z)?", re.ASCII)
_TOGETHER = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:[.,](\d+))?(Z)?", re.ASCII)
_TIME = re.compile(r"(?:(?:2000|1970|0000|0001)-01-01[ T])?(\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?", re.ASCII)


_UUID_BYTES = 16
_VERSIONS = frozenset(range(1, 9))
_TRUTHS = {
    "true": True,
    "false": False,
    "yes": True,
    "no": False,
    "on": True,
    "off": False,
    "1": True,
    "0": False,
}


class Text(bytes):
    """Text as its bytes in UTF-8, told apart from a blob."""

    surrogates: bytes = b""
    """The text with its half surrogates in the form of UTF-8, which has none."""
    is_broken = False
    """Whether a UTF-16 database holds bytes that are no UTF-16."""

    @classmethod
    def wide(cls, value: Text, raw: bytes, encoding: str) -> Text:
        """Return a text of a UTF-16 database."""
        text = cls(value)
        text.surrogates = raw.decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
        try:
            text.is_broken = raw.decode(encoding).encode() != value
        except UnicodeDecodeError:
            text.is_broken = True
        return text


@dataclass(frozen=True)
class Facts:
    """What the meaning of a column's numbers and times depends on."""

    unit: str | None
    """Of integers that count since 1970."""
    julian: bool
    """Whether all reals are Julian days."""
    zone: str = "UTC"
    """Where the clocks hang that texts without an offset were read from."""
    turned_uuids: bool = False
    """Whether blobs of 16 bytes are those of .NET's Guid."""

    @classmethod
    def of(cls, values: Iterable[Any], zone: str = "UTC") -> Facts:
        """Look at all values of a column."""
        known = list(values)
        integers = [value for value in known if isinstance(value, int)]
        reals = [value for value in known if isinstance(value, float)]
        julian = all(JULIAN_DAYS[0] <= value <= JULIAN_DAYS[1] for value in reals)
        return cls(find_unit(integers, zone), julian, zone, _are_turned(known))


def _are_turned(values: list[Any]) -> bool:
    """Tell whether 16 bytes say a version in .NET's order, and not, or fewer of them, in the order they are written."""
    blobs = [v for v in values if isinstance(v, bytes) and not isinstance(v, Text) and len(v) == _UUID_BYTES]
    written, turned = ({UUID(**{name: v}).version for v in blobs} for name in ("bytes", "bytes_le"))
    if not blobs or not turned <= _VERSIONS:
        return False
    return not written <= _VERSIONS or len(turned) < len(written)


def stored(value: Any, kind: str) -> Any:
    """Return a PostgreSQL value in comparable form."""
    del kind
    if isinstance(value, float):
        return ("float", struct.pack(">d", value))
    if isinstance(value, Decimal):
        return ("numeric", exact(value))
    if isinstance(value, memoryview | bytes | bytearray):
        return ("bytes", bytes(value))
    if isinstance(value, datetime):
        return ("instant", value.astimezone(UTC)) if value.tzinfo else ("clock", value)
    if isinstance(value, bool):
        return ("bool", value)
    return value


def exact(number: Decimal) -> tuple[int, str, int] | str:
    """Return sign, digits and exponent of a number without the zeros at either end; nothing is rounded."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    text = "".join(map(str, digits)).lstrip("0")
    short = text.rstrip("0")
    return (sign, short, exponent + len(text) - len(short)) if short else (0, "0", 0)


def original(value: Any) -> list[tuple[str, bytes]]:
    """Return what the quarantine may hold of a value: storage class and bytes."""
    if value is None:
        return [("null", b"")]
    if isinstance(value, Text):
        return [("text", value.surrogates if value.is_broken else bytes(value))]
    if isinstance(value, bytes):
        return [("blob", value)]
    return [("integer" if isinstance(value, int) else "real", repr(value).encode())]


class UnexpectedError(Exception):
    """A value that should not be in a column of its type."""


def base_of(kind: str) -> str:
    """Return the name of a type without its limits, in the spelling of this module."""
    name = kind.partition("(")[0].strip().lower()
    return {"character": "char", "time without time zone": "time"}.get(name, name)


def expected(value: Any, kind: str, facts: Facts) -> Any:
    """Return what a SQLite value should have become in a column of this type, in comparable form.

    A value that the type should not have taken gives a tuple that no PostgreSQL value is equal to.
    """
    base = base_of(kind)
    try:
        if value is None:
            return None
        if isinstance(value, Text):
            return _expected_text(value, base, kind, facts.zone)
        if isinstance(value, bytes):
            return _expected_blob(value, base, kind, facts)
        return _expected_number(value, base, kind, facts)
    except (UnexpectedError, ValueError, ArithmeticError) as problem:
        return ("unexpected", repr(value), kind, str(problem))


def _expected_number(value: float, base: str, kind: str, facts: Facts) -> Any:  # noqa: PLR0912 - one for each type
    if base in _INTEGERS:
        if value != int(value) or (isinstance(value, float) and abs(value) > 2**53):
            raise UnexpectedError("no whole number")
        return _fitting(int(value), base)
    if base == "real":
        if isinstance(value, int) and abs(value) > 2**24:
            raise UnexpectedError("not exact")
        return ("float", struct.pack(">d", _single(value)))
    if base == "boolean" and value in (0, 1) and isinstance(value, int):
        return ("bool", bool(value))
    if base == "double precision":
        if isinstance(value, int) and int(float(value)) != value:
            raise UnexpectedError("not exact")
        return ("float", struct.pack(">d", float(value)))
    if base == "numeric":
        return ("numeric", _limited(Decimal(repr(value)), kind))
    if base in TEXTS:
        return _padded(repr(value), base, kind)
    if base == "bytea":
        return ("bytes", repr(value).encode())
    if base == "jsonb":
        return ("json", canonical_json(repr(value)))
    if base == "timestamp with time zone":
        return ("instant", _instant(value, facts))
    if base == "timestamp without time zone" and isinstance(value, int):
        return ("clock", on_the_clock(_instant(value, facts), facts.zone))
    if base == "date" and isinstance(value, int):
        moment = on_the_clock(_instant(value, facts), facts.zone)
        if moment.time() != time():
            raise UnexpectedError("more than a day")
        return moment.date()
    raise UnexpectedError(base)


def _instant(value: float, facts: Facts) -> datetime:
    if isinstance(value, int):
        if facts.unit is None:
            raise UnexpectedError("not plainly an epoch")
        return moment_of(value, facts.unit)
    if facts.julian:
        days = Fraction(value)
        milliseconds = round(value * 86_400_000)
        if milliseconds / 86_400_000 == value:  # as SQLite counts
            return EPOCH + timedelta(milliseconds=int(milliseconds - JULIAN_EPOCH * 86_400_000))
        micros = (days - JULIAN_EPOCH) * 86_400_000_000
        return EPOCH + timedelta(microseconds=math.floor(micros + Fraction(1, 2)))
    if value < 1e8:
        raise UnexpectedError("neither a Julian day nor seconds")
    return EPOCH + timedelta(microseconds=round(Fraction(value) * 1_000_000))


def _expected_blob(value: bytes, base: str, kind: str, facts: Facts) -> Any:
    if base == "bytea":
        return ("bytes", value)
    if base == "uuid" and len(value) == _UUID_BYTES:
        return UUID(bytes_le=value) if facts.turned_uuids else UUID(bytes=value)
    text = value.decode()
    if "\0" in text:
        raise UnexpectedError("NUL in a blob that became text")
    if base in TEXTS:
        return _padded(text, base, kind)
    if base == "jsonb":
        return ("json", canonical_json(text))
    if base == "uuid":
        return UUID(text)
    raise UnexpectedError(base)


def _truth(word: str) -> bool:
    """Return what PostgreSQL takes a word for: any beginning that is no other word's, too."""
    found = {truth for whole, truth in _TRUTHS.items() if word and whole.startswith(word)}
    if len(found) != 1:
        raise UnexpectedError("no truth value")
    return found.pop()


def _expected_text(raw: Text, base: str, kind: str, zone: str) -> Any:  # noqa: PLR0912 - one branch for each type
    if base == "bytea":
        return ("bytes", bytes(raw))
    if raw.is_broken:
        raise UnexpectedError("broken UTF-16")
    text = raw.decode()
    if base in TEXTS:
        return _padded(text.replace("\0", "") if base != "char" else text, base, kind)
    if text == "":
        return None
    if base == "jsonb":
        return ("json", canonical_json(text))
    if base == "boolean":
        return ("bool", _truth(text.strip().lower()))
    if base == "uuid":
        return UUID(text)
    if base == "date":
        moment = _moment(text)
        finer = re.search(r"[.,]\d*[1-9]", text[:40])
        if moment.utcoffset() or moment.time() != time() or finer:
            raise UnexpectedError("more than a day")
        return moment.date()
    if base == "time":
        found = _TIME.fullmatch(text)
        if found is None:
            raise UnexpectedError("no time")
        hour, minute, second, fraction = found.groups()
        whole = time(int(hour), int(minute), int(second or 0))
        micros = (whole.hour * 60 + whole.minute) * 60_000_000 + whole.second * 1_000_000 + _micros(fraction)
        return (EPOCH + timedelta(microseconds=min(micros, 86_399_999_999))).time()
    if base == "timestamp without time zone":
        moment = _moment(text)
        return ("clock", on_the_clock(moment, zone) if moment.tzinfo else moment)
    if base == "timestamp with time zone":
        moment = _moment(text)
        return ("instant", moment.astimezone(UTC) if moment.tzinfo else _when_the_clock_showed(moment, zone))
    if not _NUMBER.fullmatch(text):
        raise UnexpectedError("no number")
    number = Decimal(text)
    if base == "numeric":
        return ("numeric", _limited(number, kind))
    if base == "double precision" and Decimal(repr(float(text))) == number:
        return ("float", struct.pack(">d", float(text)))
    if base in _INTEGERS and re.fullmatch(r"[+-]?\d+", text, re.ASCII):
        return _fitting(int(text), base)
    raise UnexpectedError(base)


def _fitting(value: int, base: str) -> int:
    if not -(2 ** (_INTEGERS[base] - 1)) <= value < 2 ** (_INTEGERS[base] - 1):
        raise UnexpectedError("too large")
    return value


def _single(value: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _limited(number: Decimal, kind: str) -> Any:
    """Return a number that a numeric with limits holds without rounding."""
    limits = [int(part) for part in kind.partition("(")[2].rstrip(")").split(",") if part]
    if limits and number.is_finite():
        precision, scale = (*limits, 0)[:2]
        step = Fraction(number) * 10**scale
        if step.denominator != 1 or abs(step) >= 10**precision:
            raise UnexpectedError("too large or too fine")
    return exact(number)


def _padded(text: str, base: str, kind: str) -> str:
    limit = int(kind.partition("(")[2].rstrip(")") or 0)
    if limit and len(text) > limit:
        raise UnexpectedError("too long")
    if base != "char":
        return text
    if text.endswith(" ") and len(text) < limit:
        raise UnexpectedError("blanks would be lost")
    return text.ljust(limit)


def _micros(fraction: str | None) -> int:
    """Return a fraction of a second to the nearest microsecond; from the middle to the even one."""
    return round(Fraction(f"0.{fraction or 0}") * 1_000_000)


def _moment(text: str) -> datetime:
    found = _MOMENT.fullmatch(text) or _BASIC.fullmatch(text) or _TOGETHER.fullmatch(text)
    if found is None:
        raise UnexpectedError("no date")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    tz: timezone | None = None
    if zone in ("Z", "UTC", "GMT"):
        tz = UTC
    elif zone:
        digits = zone[1:].replace(":", "").ljust(6, "0")
        if digits[2:4] > "59" or digits[4:] > "59":
            raise UnexpectedError("no offset")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:4]), seconds=int(digits[4:]))
        tz = timezone(-offset if zone[0] == "-" else offset)
    parts = (int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0))
    moment = datetime(*parts, tzinfo=tz)
    last = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=tz)
    return moment + min(timedelta(microseconds=_micros(fraction)), last - moment)


def _when_the_clock_showed(shown: datetime, zone: str) -> datetime:
    """Return the first moment at which a clock in the zone showed this: try every offset of the days around it."""
    guess, found = shown.replace(tzinfo=UTC), set()
    for hours in range(-30, 31):
        with suppress(OverflowError):
            offset = (guess + timedelta(hours=hours)).astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
            if on_the_clock(guess - offset, zone) == shown:
                found.add(guess - offset)
    if not found:
        raise UnexpectedError("the clock never showed this")
    return min(found)


def canonical_json(document: str | bytes) -> str:
    """Return JSON with sorted keys, exact numbers, and of each key the last value."""

    def number(digits: str) -> dict[str, Any]:
        return {"#": exact(Decimal(digits))}

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    parsed = json.loads(document, parse_float=number, parse_int=number, parse_constant=refuse)
    return json.dumps(parsed, sort_keys=True)
