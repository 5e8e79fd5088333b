"""Decimals, as texts or packed, as the bytes of PostgreSQL's numeric, a batch at a time.

A numeric travels as four numbers of 16 bits (how many digits, the weight of the first, sign, digits after the point
that are shown) and its digits in base 10,000 (numeric_recv() in src/backend/utils/adt/numeric.c; zeros at either end
are taken off there). What fits into four such digits, as prices and amounts do, is computed for whole columns: header
and digits are then two words of 64 bits, put side by side.
"""

from __future__ import annotations

import struct
import sys
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from psycopg.adapt import PyFormat, Transformer

from migration.errors import InternalError
from migration.value_conversion.packed_values import units_of

if TYPE_CHECKING:
    from collections.abc import Callable

_BASE: Final = 10_000
_DIGITS: Final = 4
"""Of base 10,000, in a word."""
_LIMIT: Final = _BASE**_DIGITS
_LONGEST: Final = 18
"""Decimal digits that 64 bits hold whatever they are."""
_WORD: Final = 8
_NEGATIVE: Final = 0x4000
_LOW_BYTES: Final = pa.scalar(0x00FF00FF00FF00FF, pa.int64())
_FACTORS: Final = tuple(
    pa.scalar(((1 << 16 * place) - (_BASE << 16 * (place + 1))) % 2**64 - 2**64, pa.int64())
    for place in range(_DIGITS - 1)
)
"""By the place of a digit in the word: one there, less 10,000 at the next; modulo 2**64, which makes all negative."""
_BATCH_SIZES: Final = 4
"""Numbers of rows for which what depends on nothing else is kept: batches of a table have one, but for the last."""

# psycopg's own encoder (in C where its binary package is installed).
_dump_decimal: Callable[[Decimal], Any] = Transformer().get_dumper(Decimal(0), PyFormat.BINARY).dump


def encode_numerics(values: pa.Array[Any]) -> pa.Array[Any]:
    """Encode decimals as PostgreSQL's numeric: array of texts, or of decimal64, to binary array of the same length.

    The scale of each text is kept: ``5.00`` stays 5.00. Packed numbers all have that of their type.

    Raises:
        InternalError: a text is not a number.
    """
    wire = None
    if sys.byteorder == "little":  # words are written as memory holds them
        wire = _columnar(values) if pa.types.is_string(values.type) else _of_packed(values)
    if wire is not None:
        return wire
    return _by_value(values if pa.types.is_string(values.type) else values.cast(pa.string()))


def _by_value(values: pa.Array[Any]) -> pa.Array[Any]:
    """Encode each distinct value of the batch once."""
    distinct = values.dictionary_encode()
    try:
        wire = [
            None if text is None else bytes(_dump_decimal(Decimal(text)))
            for text in distinct.dictionary.to_pylist()
        ]
    except ArithmeticError as error:
        raise InternalError(f"A value planned as numeric is not a number: {error}") from error
    return pc.take(pa.array(wire, pa.binary()), distinct.indices)


def _columnar(values: pa.Array[Any]) -> pa.Array[Any] | None:
    """Encode a batch at once; None where a value is not of at most four digits in base 10,000."""
    lengths = pc.binary_length(values)
    if (pc.max(lengths).as_py() or 0) > _LONGEST:
        return None
    point = pc.find_substring(values, ".")
    scale = pc.if_else(pc.less(point, 0), 0, pc.subtract(pc.subtract(lengths, point), 1))
    try:
        # Without its point, a text is the number in units of its last digit.
        units = pc.cast(pc.replace_substring(values, ".", "", max_replacements=1), pa.int64())
        raised = pc.multiply_checked(units, _padding().take(scale))
    except pa.ArrowInvalid:
        return None
    digits = _digits(raised)
    if digits is None:
        return None
    is_negative = pc.cast(pc.less(units, 0), pa.int32())
    header = _headers().take(pc.add(pc.multiply(scale, 2), is_negative))
    return _side_by_side(header, digits, values)


def _of_packed(values: pa.Array[Any]) -> pa.Array[Any] | None:
    """Encode packed numbers at once; None where one is not of at most four digits in base 10,000."""
    scale = values.type.scale
    units = units_of(values)
    try:
        digits = _digits(pc.multiply_checked(units, _padding()[scale]))
    except pa.ArrowInvalid:
        return None
    if digits is None:
        return None
    positive, negative = _headers()[2 * scale], _headers()[2 * scale + 1]
    return _side_by_side(pc.if_else(pc.less(units, 0), negative, positive), digits, values)


def _digits(numbers: pa.Array[Any]) -> pa.Array[Any] | None:
    """Return the four digits in base 10,000 of each number as a word, each in the order of the network.

    With numbers n, and n1, n2, n3 what is left of them without their last one, two and three digits, the digits are
    n3, n2 - 10,000 n3, n1 - 10,000 n2 and n - 10,000 n1. Put at their places in the word, sixteen bits further each,
    what belongs to one number is one factor. The factors are beyond 64 bits, as steps on the way to the sum may be;
    the sum is not, and multiplying and adding wrap around.

    Returns:
        None where a number has more than four such digits.
    """
    size = pc.abs(numbers)
    largest = pc.max(size).as_py() or 0
    if not 0 <= largest < _LIMIT:
        return None
    word = pc.shift_left(size, 16 * (_DIGITS - 1))
    for place in reversed(range(_DIGITS - 1)):
        largest //= _BASE
        if not largest:
            break
        size = pc.divide(size, _BASE)
        word = pc.add(word, pc.multiply(size, _FACTORS[place]))
    low = pc.bit_wise_and(word, _LOW_BYTES)
    return pc.bit_wise_or(pc.shift_left(low, 8), pc.bit_wise_and(pc.shift_right(word, 8), _LOW_BYTES))


def _side_by_side(first: pa.Array[Any], second: pa.Array[Any], values: pa.Array[Any]) -> pa.Array[Any]:
    """Return two words for each value as one binary value of 16 bytes, null where the value is."""
    rows = len(values)
    words = pa.concat_arrays([pc.fill_null(first, 0), pc.fill_null(second, 0)]).take(_in_turn(rows))
    wire = pa.Array.from_buffers(
        pa.binary(), rows, [None, fixed_offsets(rows, 2 * _WORD), words.buffers()[1]]
    )
    return pc.if_else(values.is_valid(), wire, None) if values.null_count else wire


@lru_cache(_BATCH_SIZES)
def fixed_offsets(rows: int, width: int) -> pa.Buffer:
    """Return the offsets of a binary array whose values all have the same width in bytes."""
    return pa.array(range(0, rows * width + 1, width), pa.int32()).buffers()[1]


@lru_cache(_BATCH_SIZES)
def _in_turn(rows: int) -> pa.Array[Any]:
    return pa.array([place for row in range(rows) for place in (row, rows + row)], pa.int32())


@cache
def _padding() -> pa.Array[Any]:
    """Return, by scale, what fills the last digit in base 10,000."""
    return pa.array([10 ** (-scale % 4) for scale in range(_LONGEST + 1)], pa.int64())


@cache
def _headers() -> pa.Array[Any]:
    """Return the first word by scale and sign: of scale 2, positive at place 4, negative at place 5."""
    words = [
        struct.pack(">hhHh", _DIGITS, _DIGITS - 1 - -(-scale // 4), sign, scale)
        for scale in range(_LONGEST + 1)
        for sign in (0, _NEGATIVE)
    ]
    return pa.array([struct.unpack("<q", word)[0] for word in words], pa.int64())
