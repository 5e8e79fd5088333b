"""Rules that end in text or bytes.

PostgreSQL's text cannot hold the character NUL: https://www.postgresql.org/docs/current/datatype-character.html
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.declared_meaning import Meaning
from migration.value_conversion.named_losses import CLASS_DROPPED, NUL_STRIPPED
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Loss,
    Misfit,
    Rule,
    drop,
    merge_bad,
)
from migration.value_conversion.rules.utf8_check import bad_utf8, is_clean, payload

NUL_REASON = "text contains the character NUL, which PostgreSQL cannot store"
NOT_UTF8_REASON = "text is not valid UTF-8"


def _too_long(values: pa.Array, data: bytes, context: Context) -> pa.BooleanArray | None:
    if context.length is None or not len(values):
        return None
    lengths = pc.binary_length(values) if data.isascii() else pc.utf8_length(values)
    if (pc.max(lengths).as_py() or 0) <= context.length:
        return None
    return merge_bad(pc.greater(lengths, context.length))


def columnar_text(values: pa.Array, context: Context) -> Converted:
    """Let texts through as they are; leave those that do not fit, or are not UTF-8, to the row path."""
    data = payload(values)
    if is_clean(values, data):
        bad = _too_long(values, data, context)
        return values, bad
    unreadable = bad_utf8(values)
    readable = drop(values, unreadable)
    with_nul = pc.match_substring(readable, "\0")
    bad = merge_bad(unreadable, with_nul, _too_long(readable, data, context))
    return (values, None) if bad is None else (drop(values, bad), bad)


def _fit(value: str, context: Context) -> str:
    if context.length is not None and len(value) > context.length:
        raise Misfit(f"text is longer than {context.length} characters")
    return value


def scalar_text(value: str, context: Context) -> str:
    """Return a text as it is; raises Misfit for the character NUL, or where it is too long."""
    if "\0" in value:
        raise Misfit(NUL_REASON)
    return _fit(value, context)


def _columnar_strip(values: pa.Array, context: Context) -> Converted:
    if b"\0" in payload(values):
        unreadable = bad_utf8(values)
        stripped = pc.replace_substring(drop(values, unreadable), "\0", "")
        converted, bad = columnar_text(stripped, context)
        return converted, merge_bad(bad, unreadable)
    return columnar_text(values, context)


def _scalar_strip(value: str, context: Context) -> str:
    return _fit(value.replace("\0", ""), context)


def _has_nul(values: pa.Array, _context: Context) -> pa.BooleanArray:
    return pc.match_substring(values.cast(pa.binary()), b"\0")


def _columnar_char(values: pa.Array, context: Context) -> Converted:
    converted, bad = columnar_text(values, context)
    blank = merge_bad(pc.ends_with(converted, " "))
    bad = merge_bad(bad, blank)
    if context.length is None:
        return (converted, None) if bad is None else (drop(converted, bad), bad)
    return pc.utf8_rpad(converted, context.length, " "), bad


def _scalar_char(value: str, context: Context) -> str:
    text = scalar_text(value, context)
    if text.endswith(" "):  # to PostgreSQL they are never more than padding, however many there are
        raise Misfit(f"trailing blanks are lost in char({context.length or 'any'})")
    return text.ljust(context.length or 0)


def _lost_infinity(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    """Mark infinities where SQLite makes numbers of texts that spell them: no text spells infinity to it."""
    return None if context.meaning is Meaning.SPELLING else merge_bad(pc.invert(pc.is_finite(values)))


def _is_short(values: pa.Array, context: Context) -> pa.BooleanArray:
    return pc.less(pc.utf8_length(values), context.length or 0)


def _columnar_blob_to_text(values: pa.Array, context: Context) -> Converted:
    # The same bytes under another type: a cast would raise for those that are not UTF-8.
    view = pa.Array.from_buffers(pa.string(), len(values), values.buffers(), offset=values.offset)
    return columnar_text(view, context)


def decode(value: bytes) -> str:
    """Return the text that bytes hold; raises Misfit where they are not UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Misfit("blob is not valid UTF-8 text") from None


def _scalar_blob_to_text(value: bytes, context: Context) -> str:
    return scalar_text(decode(value), context)


def _columnar_number_to_text(values: pa.Array, context: Context) -> Converted:
    converted = values.cast(pa.string())
    return converted, _too_long(converted, b"", context)


def _columnar_real_to_text(values: pa.Array, context: Context) -> Converted:
    # Arrow prints 5.0 as 5 and chooses other exponents than repr(), which is what scripts and JSON show.
    texts = [None if value is None else repr(value) for value in values.to_pylist()]
    converted = pa.array(texts, pa.string())
    return converted, _too_long(converted, b"", context)


def _columnar_real_to_bytes(values: pa.Array, context: Context) -> Converted:
    converted, bad = _columnar_real_to_text(values, context)
    return converted.cast(pa.binary()), bad


def _columnar_text_to_bytes(values: pa.Array, _context: Context) -> Converted:
    return values.cast(pa.binary()), None  # bytes that are not UTF-8 are as welcome in bytea as any


def _same(values: pa.Array, _context: Context) -> Converted:
    return values, None


TEXT_RULES = (
    Rule("text_to_text", StorageClass.TEXT, ValueKind.TEXT, columnar_text, scalar_text, only_checks=True),
    Rule(
        "text_strip_nul",
        StorageClass.TEXT,
        ValueKind.TEXT,
        _columnar_strip,
        _scalar_strip,
        transform=NUL_STRIPPED,
        lossy=True,
        changes=_has_nul,
    ),
    Rule(
        "text_to_char",
        StorageClass.TEXT,
        ValueKind.TEXT,
        _columnar_char,
        _scalar_char,
        transform="blank_padded",
        changes=_is_short,
    ),
    Rule(
        "integer_to_text",
        StorageClass.INTEGER,
        ValueKind.TEXT,
        _columnar_number_to_text,
        lambda value, context: _fit(str(value), context),
        transform="integer_to_text",
    ),
    Rule(
        "real_to_text",
        StorageClass.REAL,
        ValueKind.TEXT,
        _columnar_real_to_text,
        lambda value, context: _fit(repr(value), context),
        transform="real_to_text",
        losses=(Loss(CLASS_DROPPED, _lost_infinity),),
    ),
    Rule(
        "blob_to_text",
        StorageClass.BLOB,
        ValueKind.TEXT,
        _columnar_blob_to_text,
        _scalar_blob_to_text,
        transform="blob_to_text",
    ),
    Rule("blob_to_bytes", StorageClass.BLOB, ValueKind.BYTES, _same, lambda value, _context: value),
    Rule(
        "text_to_bytes",
        StorageClass.TEXT,
        ValueKind.BYTES,
        _columnar_text_to_bytes,
        lambda value, _context: value.encode(),
        transform="text_to_bytes",
    ),
    # What CAST(x AS BLOB) gives in SQLite: https://sqlite.org/lang_expr.html#castexpr
    Rule(
        "integer_to_bytes",
        StorageClass.INTEGER,
        ValueKind.BYTES,
        lambda values, _context: (values.cast(pa.string()).cast(pa.binary()), None),
        lambda value, _context: str(value).encode(),
        transform="integer_to_bytes",
    ),
    Rule(
        "real_to_bytes",
        StorageClass.REAL,
        ValueKind.BYTES,
        _columnar_real_to_bytes,
        lambda value, _context: repr(value).encode(),
        transform="real_to_bytes",
    ),
)
