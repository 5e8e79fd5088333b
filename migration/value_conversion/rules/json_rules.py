"""Rules that end in jsonb (https://www.postgresql.org/docs/current/datatype-json.html).

A document travels as its original text; these rules only make sure that PostgreSQL will take it and keep it. They look
at numbers, never at what looks like one inside a string, and ask the server where they doubt.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.named_losses import NEGATIVE_ZERO
from migration.value_conversion.repeated_values import find_repeats
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Misfit,
    Rule,
    all_bad,
    drop,
    merge_bad,
)
from migration.value_conversion.rules.document_losses import DOCUMENT_LOSSES, keeps_members, may_keep_all
from migration.value_conversion.rules.double_spellings import is_negative_zero
from migration.value_conversion.rules.json_number_tokens import NumberReader, is_odd, numbers_in
from migration.value_conversion.rules.text_rules import decode
from migration.value_conversion.rules.utf8_check import payload

if TYPE_CHECKING:
    from collections.abc import Callable

_MALFORMED = (msgspec.DecodeError, ValueError, RecursionError)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NUL_ESCAPE = b"\\u0000"
_LONG_DIGITS = re.compile(rb"[0-9.]{16000}")
_SHORT = 16_000  # bytes of a document that has no room for a long number
_MOST_BYTES = 200_000_000  # jsonb ends at 256 MB of its own form
_TOO_LONG = "JSON holds a number that is too long for jsonb"
_NOT_JSON = "text is not JSON that PostgreSQL accepts"


def _check(document: bytes, context: Context) -> None:
    """Raise Misfit unless the type holds the document faithfully. Where there is doubt, the server has the word."""
    doubt = _doubt(document, context)
    if not doubt:
        return
    if context.ask_server is not None:
        doubt = context.ask_server(document.decode(), "json" if context.keeps_document else "jsonb")
    if doubt:
        raise Misfit(doubt)


def _doubt(document: bytes, context: Context) -> str:
    """Return why the server may not take a document; empty where it does. Raises Misfit where it does not.

    The type `json` keeps a document as it is written, so its numbers and escapes are of any size and kind.
    """
    reader = NumberReader()
    try:
        reader.decoder.decode(document)
    except RecursionError:
        raise Misfit("JSON is nested too deeply to be compared") from None
    except msgspec.ValidationError:
        return _TOO_LONG  # of an integer, which Python's own parser does not take either
    except _MALFORMED:
        if not _is_json_to_others(document):
            raise Misfit(_NOT_JSON) from None
        return _NOT_JSON
    if len(document) > _MOST_BYTES:
        raise Misfit("JSON holds a number or text that is too long for jsonb")
    if context.keeps_document:
        return ""
    if _NUL_ESCAPE in document and _NUL.search(document):
        raise Misfit("JSON holds the character NUL, which jsonb cannot store")
    if reader.found_odd():
        return "JSON holds a number that is too large or too small for jsonb"
    if len(document) > _SHORT and _LONG_DIGITS.search(document) and _has_long_number(document):
        return _TOO_LONG
    return ""


def _is_json_to_others(document: bytes) -> bool:
    """Tell whether another parser takes a document that the fast one refuses: half a surrogate pair, for one."""
    try:
        json.loads(document.decode(), parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def _has_long_number(document: bytes) -> bool:
    return any(len(number) >= _SHORT and is_odd(number.decode()) for number in numbers_in(document))


def _columnar_text(values: pa.Array, context: Context) -> Converted:
    repeated = find_repeats(values)
    if _are_plain(repeated.values, context, lambda _document, _value: True):
        return values, None
    bad = repeated.spread(_misfits(repeated.values, context)).fill_null(False)
    return (drop(values, bad), bad) if bad.true_count else (values, None)


def are_kept_whole(values: pa.Array) -> bool:
    """Tell whether all documents of an array are JSON of which jsonb loses nothing; False where in doubt."""
    return may_keep_all(payload(values)) and _are_plain(values, Context(), keeps_members)


def _are_plain(values: pa.Array, context: Context, look: Callable[[bytes, Any], bool]) -> bool:
    """Tell whether all documents are JSON without odd numbers, and `look` finds nothing in any; False where in doubt.

    Its arguments are a document and its value, in which numbers with a point or an exponent are None.
    """
    data = payload(values)
    if (_NUL_ESCAPE in data and not context.keeps_document) or not _are_short(values, data):
        return False
    reader = NumberReader()
    read = reader.decoder.decode
    documents = values.cast(pa.binary()).drop_null().to_pylist()
    try:
        return all(look(document, read(document)) for document in documents) and not reader.found_odd()
    except _MALFORMED:
        return False


def _are_short(values: pa.Array, data: bytes) -> bool:
    return len(data) <= _SHORT or (pc.max(pc.binary_length(values)).as_py() or 0) <= _SHORT


def _misfits(values: pa.Array, context: Context) -> pa.BooleanArray:
    """Mark what is left to the row path: all that is doubtful, so that the server is asked once for each."""
    documents = values.cast(pa.binary()).to_pylist()
    return pa.array(
        [document is not None and not _is_sure(document, context) for document in documents], pa.bool_()
    )


def _is_sure(document: bytes, context: Context) -> bool:
    try:
        return not _doubt(document, context)
    except Misfit:
        return False


def _scalar_text(value: str, context: Context) -> str:
    _check(value.encode(), context)
    return value


def _columnar_blob(values: pa.Array, _context: Context) -> Converted:
    return all_bad(values, pa.string())


def _scalar_blob(value: bytes, context: Context) -> str:
    return _scalar_text(decode(value), context)


def _columnar_real(values: pa.Array, _context: Context) -> Converted:
    numbers = values.to_pylist()
    texts = pa.array([repr(v) if v is not None and math.isfinite(v) else None for v in numbers], pa.string())
    return texts, merge_bad(pc.and_(values.is_valid(), texts.is_null()))


def _scalar_real(value: float, _context: Context) -> str:
    if not math.isfinite(value):
        raise Misfit("number is not finite, and JSON has no such number")
    return repr(value)


_JSON = ValueKind.JSON

DOCUMENT_RULES = (
    Rule(
        "text_to_json",
        StorageClass.TEXT,
        _JSON,
        _columnar_text,
        _scalar_text,
        only_checks=True,
        losses=DOCUMENT_LOSSES,
    ),
    Rule(
        "blob_to_json",
        StorageClass.BLOB,
        _JSON,
        _columnar_blob,
        _scalar_blob,
        "blob_to_text",
        losses=DOCUMENT_LOSSES,
    ),
    # A column declared JSON has numeric affinity, so SQLite itself turns the document 5 into an integer.
    Rule(
        "integer_to_json",
        StorageClass.INTEGER,
        _JSON,
        lambda values, _context: (values.cast(pa.string()), None),
        lambda value, _context: str(value),
    ),
    Rule(
        "real_to_json",
        StorageClass.REAL,
        _JSON,
        _columnar_real,
        _scalar_real,
        transform=NEGATIVE_ZERO,
        lossy=True,
        changes=is_negative_zero,
    ),
)
