"""What a date or time of PostgreSQL does not keep of a text: offset, digits below the microsecond, spelling.

A column that is declared a date or time means moments, so only an offset and digits are information. In a column of
texts a text is what it spells. There a moment can be had back if it is spelled as the column spells its moments: the
first text of the column tells how (`Context.time_example`). Zeros at the end of a fraction of seconds are never
counted, nor is the reading of a process's own clock that Go prints behind a time.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import ValueKind
from migration.value_conversion.declared_meaning import Meaning
from migration.value_conversion.named_losses import (
    FRACTION_ROUNDED,
    OFFSET_DROPPED,
    OFFSET_TO_UTC,
    TIME_RESPELLED,
)
from migration.value_conversion.rules.conversion_rule import Context, Loss, merge_bad
from migration.value_conversion.rules.time_text_parsing import CLOCK_READING, OFFSET, ZONE_NAME
from migration.value_conversion.rules.utf8_check import payload

if TYPE_CHECKING:
    from collections.abc import Mapping

_OFFSET: Final = rf"\d ?{OFFSET}{ZONE_NAME}?{CLOCK_READING}?$"
_UTC_NAME: Final = r"(?: (?:UTC|GMT|[+-]0000)|\[(?:Z|UTC|GMT|Etc/UTC)\])"
_UTC_OFFSET: Final = rf"\d ?(?:Z|UTC|GMT|[+-]00(?::?00){{0,2}}){_UTC_NAME}?{CLOCK_READING}?$"
_UTC_WORDS: Final = (b"Z", b"UTC", b"GMT")
_FINER: Final = r"(:|T\d{4}|^\d{12})\d\d[.,]\d{6}\d*[1-9]"
_PLAIN_CLOCK: Final = len("00:00:00.123456")
_PLAIN_MOMENT: Final = len("20001010000000.123456")
_MICROSECONDS: Final = "2000-10-10 00:00:00.123456"
_PARTS: Final = re.compile(
    r"(?:(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?P<gap>[ T])?)?"
    r"(?P<clock>\d\d(?::\d\d(?P<seconds>:\d\d(?:[.,]\d+)?)?)?)?(?P<offset> ?" + OFFSET + r")?",
    re.ASCII,
)
_RUN_TOGETHER: Final = re.compile(r"\d{8}(T?)(\d{4})(\d\d([.,]\d+)?)?(Z?)", re.ASCII)
_OWN_SPELLING: Final[Mapping[ValueKind, str]] = MappingProxyType(
    {
        ValueKind.DATE: "2000-10-10",
        ValueKind.TIME: "00:00:00",
        ValueKind.TIMESTAMP: "2000-10-10 00:00:00",
        ValueKind.TIMESTAMPTZ: "2000-10-10 00:00:00",
    }
)
"""How a column spells times whose first text is none."""


def spelling_form(example: str, kind: ValueKind) -> str:
    """Return the pattern of the texts that spell a time as an example does.

    >>> import re
    >>> bool(re.fullmatch(spelling_form("2024-05-01T10:00:00.5Z", ValueKind.TIMESTAMPTZ), "1999-12-31T23:59:59Z"))
    True
    """
    together = _RUN_TOGETHER.fullmatch(example)
    if together is not None and kind is not ValueKind.TIME:
        return _form_of_digits(together)
    match = _PARTS.fullmatch(example)
    if not example or match is None or (match["year"] is None) != (kind is ValueKind.TIME):
        match = _PARTS.fullmatch(_OWN_SPELLING[kind])
        assert match is not None  # noqa: S101 - tells the type checker what the table holds
    form = ""
    if match["year"] is not None:
        is_padded = len(match["month"]) == len(match["day"]) == 2  # noqa: PLR2004 - digits
        form += r"\d{4}-\d\d-\d\d" if is_padded else r"\d{4}-[1-9]\d?-[1-9]\d?"
        form += match["gap"] or ""
    if match["clock"] is not None:
        fraction = "" if not match["seconds"] else r"(,\d+)?" if "," in match["seconds"] else r"(\.\d+)?"
        form += r"\d\d" + r":\d\d" * match["clock"].count(":") + fraction
    return form + re.escape(match["offset"] or "")


def _form_of_digits(example: re.Match[str]) -> str:
    """Return the pattern of the texts whose digits run together as those of an example do."""
    gap, _, seconds, fraction, offset = example.groups()
    mark = "," if fraction and fraction.startswith(",") else r"\."
    return rf"\d{{8}}{gap}\d{{4}}" + (rf"\d\d({mark}\d+)?" if seconds else "") + offset


def _lost_spelling(kind: ValueKind) -> Loss:
    def lost(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
        if context.meaning is Meaning.TIME:
            return None
        form = f"^{spelling_form(context.time_example, kind)}$"
        return merge_bad(pc.invert(pc.match_substring_regex(values, form)))

    return Loss(TIME_RESPELLED, lost)


def _lost_offset(values: pa.Array, converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    """Mark offsets, which a column of texts has counted by their spelling.

    UTC is no offset where moments are kept; where a clock of the source's time zone is kept, it is one as any other.
    """
    if context.meaning is not Meaning.TIME:
        return None
    data = payload(values)
    keeps_moments = converted.type != pa.timestamp("us") or context.source_timezone == "UTC"
    # Where all are times, each has the two hyphens of its day: with no other, and no plus, there is no offset.
    fits = converted.null_count == values.null_count
    hyphens = 2 * (len(values) - values.null_count)
    if (
        fits
        and b"+" not in data
        and data.count(b"-") == hyphens
        and (keeps_moments or not any(word in data for word in _UTC_WORDS))
    ):
        return None
    with_offset = pc.match_substring_regex(values, _OFFSET)
    is_day = pc.match_substring_regex(values, r"^\d{4}-\d{1,2}-\d{1,2}$")
    lost = pc.and_(with_offset, pc.invert(is_day))
    if keeps_moments:
        lost = pc.and_(lost, pc.invert(pc.match_substring_regex(values, _UTC_OFFSET)))
    return merge_bad(lost)


def _have_six_digits(values: pa.Array, longest: int) -> bool:
    """Tell whether every text has its point where the usual spelling of microseconds has it, and is as long."""
    if longest != len(_MICROSECONDS) or pc.min(pc.binary_length(values)).as_py() != longest:
        return False
    points = payload(values)[_MICROSECONDS.index(".") :: longest]
    return len(points) == len(values) - values.null_count and points == b"." * len(points)


def _lost_fraction(values: pa.Array, converted: pa.Array, _context: Context) -> pa.BooleanArray | None:
    """Mark what says more than microseconds: digits other than zeros behind the sixth."""
    longest = pc.max(pc.binary_length(values)).as_py()
    # A day and a time without them has so many bytes at most, whatever else a text says.
    plain = _PLAIN_CLOCK if pa.types.is_time(converted.type) else _PLAIN_MOMENT
    if longest is None or longest <= plain or _have_six_digits(values, longest):
        return None
    return merge_bad(pc.match_substring_regex(values, _FINER))


_OFFSET_LOSS: Final = Loss(OFFSET_DROPPED, _lost_offset)
# A column that is declared to hold moments says nothing of the clock on whose wall they were read.
_OFFSET_TOLD: Final = Loss(OFFSET_TO_UTC, _lost_offset)
_FRACTION_LOSS: Final = Loss(FRACTION_ROUNDED, _lost_fraction)

TIME_LOSSES: Final[Mapping[ValueKind, tuple[Loss, ...]]] = MappingProxyType(
    {
        ValueKind.DATE: (_lost_spelling(ValueKind.DATE),),
        ValueKind.TIME: (_lost_spelling(ValueKind.TIME), _FRACTION_LOSS),
        ValueKind.TIMESTAMP: (_lost_spelling(ValueKind.TIMESTAMP), _OFFSET_LOSS, _FRACTION_LOSS),
        ValueKind.TIMESTAMPTZ: (_lost_spelling(ValueKind.TIMESTAMPTZ), _OFFSET_TOLD, _FRACTION_LOSS),
    }
)
"""Kind of time → what a text may lose in it."""
