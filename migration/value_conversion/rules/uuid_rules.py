"""Rules that end in uuid (https://www.postgresql.org/docs/current/datatype-uuid.html).

A UUID travels as the text that PostgreSQL writes: lower case, four hyphens. In a BLOB its 16 bytes stand in the order
in which they are written (RFC 9562, section 5), but for .NET's `Guid.ToByteArray`, which turns three parts round
(https://learn.microsoft.com/dotnet/api/system.guid.tobytearray).
"""

from __future__ import annotations

import re
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.named_losses import UUID_RESPELLED
from migration.value_conversion.rules.conversion_rule import Context, Converted, Loss, Misfit, Rule, merge_bad
from migration.value_conversion.rules.utf8_check import payload

UUID_BYTES: Final = 16
_LENGTH: Final = 36
_HYPHENS: Final = (8, 13, 18, 23)
CANONICAL: Final = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
# What uuid_in() takes: a hyphen may stand after each four digits, braces around all.
_TAKEN: Final = r"[0-9a-fA-F]{4}(?:-?[0-9a-fA-F]{4}){7}"
_ONE: Final = re.compile(rf"\{{({_TAKEN})\}}|({_TAKEN})", re.ASCII)
_ANY: Final = rf"^(?:\{{{_TAKEN}\}}|{_TAKEN})$"
_PARTS: Final = r"^(.{8})(.{4})(.{4})(.{4})"
_WRITTEN: Final = r"\1-\2-\3-\4-"
# .NET keeps the first three parts as numbers, lowest byte first.
_TURNED: Final = r"^(..)(..)(..)(..)(..)(..)(..)(..)(.{4})"
_TURNED_BACK: Final = r"\4\3\2\1-\6\5-\8\7-\9-"
NOT_A_UUID: Final = "text is not a UUID"
NOT_SIXTEEN_BYTES: Final = "blob is not a UUID: it has not 16 bytes, and is no text of one"


def spelling_form(example: str) -> str:
    """Return the pattern of the texts that spell a UUID as an example does; canonical where that is none.

    >>> spelling_form("A0EEBC999C0B4EF8BB6D6BB9BD380A11")
    '^[0-9A-F]{32}$'
    """
    match = _ONE.fullmatch(example)
    if match is None:
        return CANONICAL
    digit = "[0-9A-F]" if example != example.lower() else "[0-9a-f]"
    form = re.sub(r"[0-9a-fA-F]+", lambda run: f"{digit}{{{len(run[0])}}}", match[1] or match[2])
    return f"^\\{{{form}\\}}$" if match[1] else f"^{form}$"


def is_spelled_as(text: str, example: str) -> bool:
    """Tell whether a text spells a UUID as an example does."""
    return re.fullmatch(spelling_form(example), text) is not None


def read_uuid(text: str) -> str:
    """Return a UUID as PostgreSQL writes it; raises Misfit for a text that PostgreSQL does not take for one."""
    match = _ONE.fullmatch(text)
    if match is None:
        raise Misfit(NOT_A_UUID)
    return _written((match[1] or match[2]).replace("-", "").lower())


def _written(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def are_all_canonical(values: pa.Array) -> bool:
    """Tell whether every text of a slot is a UUID as PostgreSQL writes it, by all of their bytes at once.

    >>> are_all_canonical(pa.array(["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", None]))
    True
    """
    ends = pc.min_max(pc.binary_length(values))
    if (ends["min"].as_py(), ends["max"].as_py()) != (_LENGTH, _LENGTH):
        return False
    data = payload(values)
    count = len(values) - values.null_count
    if len(data) != count * _LENGTH:  # bytes that a null hides
        return False
    if any(data[place::_LENGTH] != b"-" * count for place in _HYPHENS):
        return False
    digits = data.translate(None, b"-")
    return len(digits) == count * 2 * UUID_BYTES and not digits.translate(None, b"0123456789abcdef")


def _columnar_text(values: pa.Array, _context: Context) -> Converted:
    if are_all_canonical(values):
        return values, None
    data = payload(values)
    if not data.isascii():
        # No text beyond ASCII is a UUID, and one that is not UTF-8 may not be looked at by Arrow.
        plain = pa.array(
            [v if v is None or v.isascii() else b"" for v in values.cast(pa.binary()).to_pylist()],
            pa.binary(),
        ).cast(pa.string())
        converted, bad = _columnar_text(plain, _context)
        return converted, bad
    canonical = pc.match_substring_regex(values, CANONICAL)
    if pc.all(canonical).as_py() in {True, None}:
        return values, None
    fits = pc.match_substring_regex(values, _ANY)
    digits = pc.replace_substring_regex(pc.if_else(fits, values, None), "[-{}]", "")
    return _hyphenated(pc.ascii_lower(digits)), merge_bad(pc.invert(fits))


def _hyphenated(digits: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(digits, _PARTS, _WRITTEN)


def hex_digits(values: pa.Array) -> pa.Array:
    """Return each value of a binary array as hexadecimal digits; all of them have 16 bytes."""
    digits = payload(values).hex().encode()
    step = 2 * UUID_BYTES
    offsets = pa.array(range(0, len(digits) + 1, step), pa.int32())
    return pa.Array.from_buffers(pa.string(), len(values), [None, offsets.buffers()[1], pa.py_buffer(digits)])


def _columnar_blob(values: pa.Array, *, turned: bool) -> Converted:
    is_uuid = pc.equal(pc.binary_length(values), UUID_BYTES).fill_null(False)
    digits = hex_digits(values.filter(is_uuid))
    written = pc.replace_substring_regex(digits, _TURNED, _TURNED_BACK) if turned else _hyphenated(digits)
    converted = pc.replace_with_mask(pa.nulls(len(values), pa.string()), is_uuid, written)
    return converted, merge_bad(pc.and_(values.is_valid(), pc.invert(is_uuid)))


def _scalar_blob(value: bytes, *, turned: bool) -> str:
    if len(value) == UUID_BYTES:
        parts = (value[3::-1], value[5:3:-1], value[7:5:-1], value[8:]) if turned else (value,)
        return _written(b"".join(parts).hex())
    try:
        return read_uuid(value.decode("ascii"))
    except (UnicodeDecodeError, Misfit):
        raise Misfit(NOT_SIXTEEN_BYTES) from None


def _lost_spelling(values: pa.Array, converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    form = spelling_form(context.time_example)
    if form == CANONICAL and are_all_canonical(values):
        return None
    seen = pc.if_else(converted.is_valid(), values, None)
    return merge_bad(pc.invert(pc.match_substring_regex(seen, form)))


def _blob_rules(name: str, *, turned: bool) -> tuple[Rule, ...]:
    """Return the rule for a column of type uuid, and that for one to which the server casts texts."""
    return tuple(
        Rule(
            name + ending,
            StorageClass.BLOB,
            kind,
            lambda values, _context: _columnar_blob(values, turned=turned),
            lambda value, _context: _scalar_blob(value, turned=turned),
            transform=name,
        )
        for ending, kind in (("", ValueKind.UUID), ("_text", ValueKind.TEXT))
    )


UUID_RULES = (
    Rule(
        "text_to_uuid",
        StorageClass.TEXT,
        ValueKind.UUID,
        _columnar_text,
        lambda value, _context: read_uuid(value),
        losses=(Loss(UUID_RESPELLED, _lost_spelling),),
    ),
    *_blob_rules("blob_to_uuid", turned=False),
    *_blob_rules("guid_blob_to_uuid", turned=True),
)
