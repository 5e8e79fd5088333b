"""The one form of each value in which two sides are compared.

A value may be written in several ways that mean the same (``1.50`` and ``1.5`` of a numeric, the order of keys in
JSON, the padding of ``char(n)``). Here each becomes one integer, text or byte string, so that equal rows are equal
bit for bit and nothing else is. What differs in SQLite's or PostgreSQL's eyes stays different: -0.0 and 0.0 of a
double, NULL and the empty text.
"""

from __future__ import annotations

import json
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from migration.model import ColumnPlan, ValueKind
from migration.validation.alike_documents import decoder_like
from migration.value_conversion.declared_meaning import keeps_scale
from migration.value_conversion.repeated_values import find_repeats
from migration.value_conversion.rules.document_losses import says_a_key_twice
from migration.value_conversion.rules.utf8_check import payload
from migration.value_conversion.value_kinds import split_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migration.validation.alike_documents import Decode

Values: TypeAlias = "pa.Array[Any]"

# jsonb keeps numbers as numeric, which has up to 131072 digits before and 16383 after the point
# (https://www.postgresql.org/docs/current/datatype-numeric.html).
_JSON_NUMBERS = Context(prec=150_000, Emin=-999_999, Emax=999_999)
_LARGEST_WHOLE_DIGITS = 4_000  # Python refuses to print longer integers
_SMALL = "0.000000"  # below it, a decimal has an exponent
_DOCUMENTS_AT_ONCE = 1_024
_FEW_DOCUMENTS = 256
"""Fewer are read before a decoder that knows their members is made."""
_LARGE_DOCUMENT = 16_384
_MOST_STRANGERS = 32
"""So many documents of a piece may have other members than its first; an error costs as much as a document."""
_PADDED_TYPES = frozenset({"char", "character", "bpchar"})
_NAN_BITS = 0x7FF8000000000000


def canonical_table(table: pa.Table, columns: Sequence[ColumnPlan]) -> pa.Table:
    """Return the table's columns in canonical form, named c0, c1, ... in the order of `columns`.

    Args:
        table: logical values (value_kinds.ARROW_TYPES); holds a column `ColumnPlan.name` for each of `columns`.
        columns: the columns to keep.

    Returns:
        Columns of type int64, string or binary; a column `none` of NULLs where `columns` is empty.
    """
    if not columns:
        return pa.table({"none": pa.nulls(table.num_rows, pa.int64())})
    # By position where it can be: SQLite's names may repeat once their case is ignored, and positions are cheaper.
    names = table.schema.names
    arrays = [canonical_array(flat(table.column(names.index(column.name))), column) for column in columns]
    return pa.Table.from_arrays(arrays, names=[f"c{position}" for position in range(len(columns))])


def canonical_array(array: Values, column: ColumnPlan) -> Values:
    """Return one column's values in canonical form."""
    if column.kind is ValueKind.TEXT and split_type(column.target_type)[0] in _PADDED_TYPES:
        return pc.utf8_rtrim(pc.cast(array, pa.string()), characters=" ")
    if keeps_scale(column):
        return pc.cast(array, pa.string())
    if column.kind is ValueKind.JSON and split_type(column.target_type)[0] == "json":
        return _json_as_written(array)
    return _CANONICAL[column.kind](array)


def canonical_json(document: str) -> str:
    """Return a JSON document with sorted keys, the last of duplicate keys, and each number in one form.

    A document that does not parse is returned as it is.

    >>> canonical_json('{"b": 1.50, "a": 1e2, "a": 2.0}')
    '{"a":2,"b":1.5}'
    """
    try:
        return _json_encoder.encode(_exact_decoder.decode(document)).decode()
    except msgspec.ValidationError:
        return _canonical_with_long_integers(document)
    except _MALFORMED:
        return document


def _canonical_with_long_integers(document: str) -> str:
    """Return the canonical form of a document with an integer of more digits than the fast parser takes."""
    try:
        value = json.loads(document, parse_int=_exact_number, parse_float=_exact_number)
        return _json_encoder.encode(value).decode()
    except _MALFORMED:
        return document


_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)


def _exact_number(text: str) -> int | Decimal | msgspec.Raw:
    """Return a JSON number with a point or exponent as the integer or the shortest decimal of its value."""
    if len(text) < _LARGEST_WHOLE_DIGITS and _has_no_exponent(text):
        shorter = text.rstrip("0")
        return int(shorter[:-1]) if shorter.endswith(".") else msgspec.Raw(shorter.encode())
    number = _JSON_NUMBERS.create_decimal(text).normalize(_JSON_NUMBERS)
    _, digits, exponent = number.as_tuple()
    if isinstance(exponent, int) and exponent >= 0 and exponent + len(digits) < _LARGEST_WHOLE_DIGITS:
        return int(number)
    return number


def _has_no_exponent(text: str) -> bool:
    """Tell whether a number has none as it is written, and none as a decimal is printed."""
    return "e" not in text and "E" not in text and not text.lstrip("-").startswith(_SMALL)


_exact_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=_exact_number)
# Numbers with a point stay the bytes that they are, and cost no number of Python's.
_as_written_decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=msgspec.Raw)
_MAY_BE_WRITTEN_OTHERWISE = r"[0-9][eE]|\.[0-9]*0(?:[^0-9]|$)|\.000000"
"""What a number holds that is not the shortest of its value, as `_exact_number` spells it; or a string, by chance."""
_json_encoder = msgspec.json.Encoder(order="deterministic", decimal_format="number")


def flat(column: pa.ChunkedArray[Any]) -> Values:
    """Return a column of a table as one array."""
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def _whole(array: Values) -> Values:
    return pc.cast(array, pa.int64())


def _truth(array: Values) -> Values:
    return pc.cast(pc.cast(array, pa.int8()), pa.int64())


def _ticks(array: Values) -> Values:
    """Days or microseconds since the epoch; a plain view, since a cast would refuse out-of-range dates."""
    if array.type.bit_width == pa.date32().bit_width:
        return pc.cast(array.view(pa.int32()), pa.int64())
    return array.view(pa.int64())


def _bits(array: Values) -> Values:
    """The bit pattern of a double; a real is widened first, which is exact. All NaN are one NaN."""
    wide = pc.cast(array, pa.float64())
    return pc.if_else(pc.is_nan(wide), _NAN_BITS, wide.view(pa.int64()))


def _text(array: Values) -> Values:
    return pc.cast(array, pa.string())


def _bytes(array: Values) -> Values:
    return pc.cast(array, pa.binary())


def _decimal(array: Values) -> Values:
    """Plain decimal notation without zeros at the end of the fraction: 5.00 is 5, -0.0 is 0."""
    text = pc.cast(array, pa.string())
    fraction = pc.match_substring(text, ".")
    if pc.any(fraction).as_py():
        trimmed = pc.utf8_rtrim(pc.utf8_rtrim(text, characters="0"), characters=".")
        text = pc.if_else(fraction, trimmed, text)
    return pc.if_else(pc.equal(text, pa.scalar("-0")), "0", text)


def _json(array: Values) -> Values:
    repeated = find_repeats(array)
    return repeated.spread(_canonical_documents(repeated.values))


def _json_as_written(array: Values) -> Values:
    """Canonical documents of the type `json`, which keeps the keys that a document says twice."""
    repeated = find_repeats(array)
    canonical = _canonical_documents(repeated.values).to_pylist()
    for place, document in enumerate(pc.cast(repeated.values, pa.binary()).to_pylist()):
        if document is not None and says_a_key_twice(document):
            canonical[place] = _with_all_pairs(document)
    return repeated.spread(pa.array(canonical, pa.string()))


def _with_all_pairs(document: bytes) -> str:
    def pairs(found: list[tuple[str, Any]]) -> Any:
        # Members of one name stay in their order: which one is last means something.
        return sorted(([name, value] for name, value in found), key=lambda pair: str(pair[0]))

    value = json.loads(document, object_pairs_hook=pairs, parse_float=_exact_number)
    return "twice " + _json_encoder.encode(value).decode()


def _canonical_documents(array: Values) -> Values:
    # In pieces, so that their documents are still in the processor's cache when they are written.
    pieces = [
        _canonical_piece(array[start : start + _DOCUMENTS_AT_ONCE])
        for start in range(0, len(array), _DOCUMENTS_AT_ONCE)
    ]
    return pa.concat_arrays(pieces) if pieces else array


def _canonical_piece(array: Values) -> Values:
    documents = pc.cast(array, pa.binary()).to_pylist()
    try:
        if b"." in payload(array):
            odd = pc.match_substring_regex(array, _MAY_BE_WRITTEN_OTHERWISE).to_pylist()
            canonical = _written_anew(documents, odd, msgspec.Raw)
        else:
            canonical = _written_anew(documents, [False] * len(documents), _exact_number)
    except _MALFORMED:
        canonical = [
            None if document is None else canonical_json(document.decode()).encode() for document in documents
        ]
    return pa.array(canonical, pa.binary()).view(pa.string())


def _written_anew(
    documents: Sequence[bytes | None], odd: Sequence[bool | None], float_hook: Callable[[str], Any]
) -> list[bytes | None]:
    """Return documents as the encoder writes them.

    Args:
        documents: of one column; None stays None.
        odd: marks those with a number that `float_hook` would not give as it is to be written.
        float_hook: what becomes of numbers with a point or an exponent in the others.

    Raises:
        MsgspecError, ValueError, RecursionError: one of them is not of the kind that the parser takes.
    """
    encode, exact = _json_encoder.encode, _exact_decoder.decode
    general = _as_written_decoder.decode if float_hook is msgspec.Raw else exact
    decode = _decoder_for(documents, general, float_hook) or general
    strangers = 0
    canonical: list[bytes | None] = []
    for document, is_odd in zip(documents, odd, strict=True):
        if document is None:
            canonical.append(None)
            continue
        if is_odd:
            canonical.append(encode(exact(document)))
            continue
        try:
            canonical.append(encode(decode(document)))
        except msgspec.ValidationError:
            canonical.append(encode(general(document)))
            strangers += 1
            if strangers > _MOST_STRANGERS:
                decode = general
    return canonical


def _decoder_for(
    documents: Sequence[bytes | None], general: Decode, float_hook: Callable[[str], Any]
) -> Decode | None:
    """Return what reads most of these documents faster than `general`, or None."""
    if len(documents) < _FEW_DOCUMENTS:
        return None
    first = next((document for document in documents if document is not None), None)
    if first is None or len(first) > _LARGE_DOCUMENT:
        return None
    return decoder_like(general(_json_encoder.encode(general(first))), float_hook)


_CANONICAL: dict[ValueKind, Callable[[Values], Values]] = {
    ValueKind.INT16: _whole,
    ValueKind.INT32: _whole,
    ValueKind.INT64: _whole,
    ValueKind.FLOAT32: _bits,
    ValueKind.FLOAT64: _bits,
    ValueKind.NUMERIC: _decimal,
    ValueKind.TEXT: _text,
    ValueKind.BYTES: _bytes,
    ValueKind.BOOL: _truth,
    ValueKind.DATE: _ticks,
    ValueKind.TIME: _ticks,
    ValueKind.TIMESTAMP: _ticks,
    ValueKind.TIMESTAMPTZ: _ticks,
    ValueKind.JSON: _json,
    ValueKind.UUID: _text,
}
