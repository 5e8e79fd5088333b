"""Values as the few bytes that they are, where nobody needs them as text: prices as integers, UUIDs as their 16 bytes.

A run's copy hashes and encodes each value once and shows it to nobody. Printed digits would be made only to be parsed
by both. Whoever compares rows or shows them takes the types of `value_kinds.ARROW_TYPES`, in which these are texts.
"""

from __future__ import annotations

from binascii import unhexlify
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from migration.errors import InternalError
from migration.model import StorageClass, ValueKind
from migration.value_conversion.declared_meaning import tells_reals
from migration.value_conversion.rules.double_spellings import SURE_DIGITS
from migration.value_conversion.rules.utf8_check import payload
from migration.value_conversion.value_kinds import split_type

if TYPE_CHECKING:
    from migration.model import ColumnPlan, ColumnProfile

    Values: TypeAlias = "pa.Array[Any]"

UUID_BYTES: Final = 16
UUID_TYPE: Final = pa.binary(UUID_BYTES)
MOST_DECIMALS: Final = 6
"""Of packed numbers; what is smaller than a millionth, Arrow prints with an exponent."""
_DIGITS_OF_A_WORD: Final = 18
"""Decimal digits that 64 bits hold whatever they are."""
_DIGITS_OF_TWO_WORDS: Final = 38
_SURE_IN_A_WORD: Final = 13
_SURE_IN_TWO_WORDS: Final = 30
"""Characters of a text that, brought to six decimals, is less than twice what so many words hold."""
_NUMBERS: Final = frozenset({StorageClass.INTEGER, StorageClass.REAL})
_BATCH_SIZES: Final = 4
"""Numbers of rows for which what depends on nothing else is kept: batches of a table have one, but for the last."""


def packed_type(column: ColumnPlan) -> pa.DataType | None:
    """Return the type in which a column's values may travel beside that of its kind; None where there is no other.

    That is the case of a numeric whose type says where its last digit stands, and that comes from SQLite's numbers: a
    text may have more zeros at its end than the type keeps, and the report counts those.
    """
    if column.kind is ValueKind.UUID:
        return UUID_TYPE
    if column.kind is not ValueKind.NUMERIC or not _NUMBERS.issuperset(column.rules) or tells_reals(column):
        return None
    _, modifier = split_type(column.target_type)
    precision, scale = (*modifier, 0, 0)[:2] if modifier else (0, 0)
    if (
        column.cast_to
        or not 0 < precision <= _DIGITS_OF_A_WORD
        or not 0 <= scale <= min(precision, MOST_DECIMALS)
    ):
        return None
    return pa.decimal64(_DIGITS_OF_A_WORD, scale)


def classes_to_read(column: ColumnPlan, profile: ColumnProfile) -> tuple[StorageClass, ...]:
    """Return the storage classes of a column by which a chunk's values have to be told apart as they are read.

    SQLite keeps a whole price as an integer beside the other prices, which are doubles: as doubles both are read at
    once, by less than half of the work, where no integer has more digits than a double keeps. Each of them fits the
    target, so that none has to be shown as the integer that it was.
    """
    classes = profile.classes
    type_ = packed_type(column)
    if (
        column.kind is not ValueKind.NUMERIC
        or type_ is None
        or not _NUMBERS == set(classes) <= set(column.rules)
    ):
        return classes
    precision = split_type(column.target_type)[1][0]
    limit = 10 ** (min(precision, SURE_DIGITS) - type_.scale)
    if (
        profile.int_min is None
        or profile.int_max is None
        or not -limit < profile.int_min <= profile.int_max < limit
    ):
        return classes
    return (StorageClass.REAL,)


def pack(values: Values, type_: pa.DataType) -> Values:
    """Return texts of a column in its packed type; arrays that have it already as they are.

    Raises:
        InternalError: a text is not what its column was planned as.
    """
    if values.type == type_:
        return values
    if type_ == UUID_TYPE:
        return pack_uuids(values)
    packed = parse_decimals(values, type_)
    if packed is None:
        raise InternalError(f"A value does not fit the numeric that was planned for it: {type_}")
    return packed


def parse_decimals(texts: Values, type_: pa.DataType) -> Values | None:
    """Return decimals in plain notation in a packed type; None where one has more digits than the type, zeros aside.

    Arrow sees that a number grows beyond 64 bits on its way to the type's scale by its result being smaller, which it
    is not after a few times around. So a text that is long enough for that goes by way of 128 bits, if these suffice.
    """
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest > _SURE_IN_TWO_WORDS:
        return None
    try:
        if longest > _SURE_IN_A_WORD:
            texts = texts.cast(pa.decimal128(_DIGITS_OF_TWO_WORDS, type_.scale))
        return texts.cast(type_)
    except pa.ArrowInvalid:
        return None


def pack_uuids(values: Values) -> Values:
    """Return UUIDs as 16 bytes each: from their texts of 36 characters, or from the bytes that a server sends.

    Raises:
        InternalError: a value is not a UUID.
    """
    if values.type == UUID_TYPE:
        return values
    known = values.drop_null() if values.null_count else values
    data = payload(known)
    if not pa.types.is_binary(values.type):
        try:
            data = unhexlify(data.translate(None, b"-"))
        except ValueError as error:
            raise InternalError(f"A value planned as uuid is none: {error}") from error
    if len(data) != UUID_BYTES * len(known):
        raise InternalError("A value planned as uuid has not its 32 digits")
    packed = pa.Array.from_buffers(UUID_TYPE, len(known), [None, pa.py_buffer(data)])
    if not values.null_count:
        return packed
    places = pc.subtract(pc.cumulative_sum(values.is_valid().cast(pa.int32())), 1)
    return packed.take(pc.if_else(values.is_valid(), places, None))


def units_of(values: Values) -> Values:
    """Return a packed numeric as the integers that count its last digit, which is no work: int64, nulls as they are."""
    return values.view(pa.int64())


def words_of(values: Values) -> tuple[Values, Values]:
    """Return packed UUIDs as two columns of 64 bits each: the first half and the second one, null where a UUID is."""
    rows = len(values)
    data = values.buffers()[1]
    if data is None:
        return pa.nulls(rows, pa.int64()), pa.nulls(rows, pa.int64())
    words = pa.Array.from_buffers(pa.int64(), 2 * rows, [None, data], offset=2 * values.offset)
    first, second = (words.take(places) for places in _every_second(rows))
    if values.null_count:
        first, second = (pc.if_else(values.is_valid(), half, None) for half in (first, second))
    return first, second


@lru_cache(_BATCH_SIZES)
def _every_second(rows: int) -> tuple[Values, Values]:
    places = tuple(pa.array(range(first, 2 * rows, 2), pa.int32()) for first in (0, 1))
    return places[0], places[1]
