"""Rules that end in jsonb (https://www.postgresql.org/docs/current/datatype-json.html).

A document travels as its original text; these rules only make sure that PostgreSQL will take it and keep it.
"""

from __future__ import annotations

import math
import re

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
from migration.value_conversion.rules.document_losses import DOCUMENT_LOSSES
from migration.value_conversion.rules.number_rules import is_negative_zero
from migration.value_conversion.rules.text_rules import decode
from migration.value_conversion.rules.utf8_check import payload

_decode = msgspec.json.Decoder().decode

_MALFORMED = (msgspec.DecodeError, ValueError, RecursionError)
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
# numeric keeps 16,383 digits after the point; jsonb would round what is smaller, without a word.
_TINY = re.compile(rb"[eE]-0*\d{4}")
_LONG_NUMBER = re.compile(rb"[0-9.]{16000}")
_SHORT = 16_000  # bytes of a document that has no room for such a number
_MOST_BYTES = 200_000_000  # jsonb ends at 256 MB of its own form


def _check(document: bytes) -> None:
    """Raise Misfit unless jsonb holds the document faithfully."""
    try:
        _decode(document)
    except _MALFORMED:
        raise Misfit("text is not JSON that PostgreSQL accepts") from None
    if _needs_a_look(document):
        if _NUL.search(document):
            raise Misfit("JSON holds the character NUL, which jsonb cannot store")
        if _TINY.search(document):
            raise Misfit("JSON holds a number that is too small for jsonb")
    if len(document) > _SHORT and (len(document) > _MOST_BYTES or _LONG_NUMBER.search(document)):
        raise Misfit("JSON holds a number or text that is too long for jsonb")


def _needs_a_look(data: bytes) -> bool:
    """Tell whether bytes may hold what is JSON to the parser and not to jsonb."""
    return b"\\u0000" in data or b"e-" in data or b"E-" in data


def _columnar_text(values: pa.Array, _context: Context) -> Converted:
    repeated = find_repeats(values)
    documents = repeated.values.cast(pa.binary()).drop_null().to_pylist()
    if not _needs_a_look(payload(repeated.values)):
        try:
            for document in documents:
                _decode(document)
        except _MALFORMED:
            pass
        else:
            if (pc.max(pc.binary_length(repeated.values)).as_py() or 0) <= _SHORT:
                return values, None
    bad = repeated.spread(_misfits(repeated.values)).fill_null(False)
    return (drop(values, bad), bad) if bad.true_count else (values, None)


def _misfits(values: pa.Array) -> pa.BooleanArray:
    documents = values.cast(pa.binary()).to_pylist()
    return pa.array([document is not None and not _fits(document) for document in documents], pa.bool_())


def _fits(document: bytes) -> bool:
    try:
        _check(document)
    except Misfit:
        return False
    return True


def _scalar_text(value: str, _context: Context) -> str:
    _check(value.encode())
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
