"""Rules that end in numbers and booleans. Each one is exact or does not convert."""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.declared_meaning import Meaning
from migration.value_conversion.named_losses import (
    BOOLEAN_RESPELLED,
    CLASS_DROPPED,
    NEGATIVE_ZERO,
    NUMBER_RESPELLED,
    ROUNDED_TO_REAL,
)
from migration.value_conversion.rules.conversion_rule import (
    Context,
    Converted,
    Loss,
    Misfit,
    Rule,
    all_bad,
    by_rows,
    drop,
    merge_bad,
)
from migration.value_conversion.rules.double_spellings import are_amounts, is_negative_zero
from migration.value_conversion.rules.numeric_limits import check_limits, is_unusual
from migration.value_conversion.rules.packed_numbers import packed_integer_to_numeric, packed_real_to_numeric
from migration.value_conversion.value_kinds import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

_INT_BITS = {ValueKind.INT16: 16, ValueKind.INT32: 32, ValueKind.INT64: 64}
EXACT_DOUBLE = 2**53
"""Above this, neighbouring integers share a double."""
_EXACT_FLOAT = 2**24

# PostgreSQL's limits: https://www.postgresql.org/docs/current/datatype-numeric.html
_NUMERIC_WHOLE_DIGITS = 131_072
_NUMERIC_FRACTION_DIGITS = 16_383

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,6})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)
_PLAIN_NUMBER = r"^(0|-?[1-9]\d*(\.\d+)?|-?0\.\d*[1-9]\d*)$"  # stands in PostgreSQL as it is written
_PLAIN_CHARACTERS = 1_000
# How a number is spelled from which a text was made that can be had back: no sign, zero or exponent more than needed.
_OWN_INTEGER = r"^(0|-?[1-9]\d*)$"
_OWN_DOUBLE = r"^(-?0|-?[1-9]\d*(\.\d*[1-9])?|-?0\.\d*[1-9])$"
# All that boolin() takes, in any case (https://www.postgresql.org/docs/current/datatype-boolean.html): unique prefixes.
_TRUE = frozenset({"t", "tr", "tru", "true", "y", "ye", "yes", "on", "1"})
_FALSE = frozenset({"f", "fa", "fal", "fals", "false", "n", "no", "of", "off", "0"})
_BLANKS = " \t\n\v\f\r"


def _checked_cast(target: pa.DataType, low: int, high: int) -> Callable[[pa.Array, Context], Converted]:
    """Cast integers, leaving those outside `low`..`high` to the row path."""

    def convert(values: pa.Array, _context: Context) -> Converted:
        try:
            return values.cast(target), None
        except pa.ArrowInvalid:
            bad = merge_bad(pc.or_(pc.less(values, low), pc.greater(values, high)))
            return (drop(values, bad) if bad is not None else values).cast(target), bad

    return convert


def _in_range(kind: ValueKind, value: int) -> int:
    limit = 1 << (_INT_BITS[kind] - 1)
    if not -limit <= value < limit:
        raise Misfit(f"number does not fit {_INT_BITS[kind]} bits")
    return value


def _scalar_integer(kind: ValueKind) -> Callable[[int, Context], int]:
    return lambda value, _context: _in_range(kind, value)


def _columnar_bool(values: pa.Array, _context: Context) -> Converted:
    bounds = pc.min_max(values)
    if (bounds["min"].as_py() or 0) >= 0 and (bounds["max"].as_py() or 0) <= 1:
        return values.cast(pa.bool_()), None
    bad = merge_bad(pc.or_(pc.less(values, 0), pc.greater(values, 1)))
    return (drop(values, bad) if bad is not None else values).cast(pa.bool_()), bad


def _scalar_bool(value: int, _context: Context) -> bool:
    if value not in {0, 1}:
        raise Misfit("number is neither 0 nor 1")
    return bool(value)


def plain(number: Decimal) -> str:
    """Return a finite decimal as PostgreSQL prints a numeric: no exponent, no sign on zero."""
    if not number:
        return format(Decimal(0).scaleb(min(0, int(number.as_tuple().exponent))), "f")
    return format(number, "f")


def fit_numeric(number: Decimal, context: Context) -> str:
    """Return the plain notation of a number that a numeric of the context's limits holds exactly.

    Raises:
        Misfit: rounding or overflow would be needed.
    """
    if number and not -_NUMERIC_FRACTION_DIGITS <= number.adjusted() < _NUMERIC_WHOLE_DIGITS:
        raise Misfit("number is beyond the range of numeric")
    text = plain(number)
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(fraction) > _NUMERIC_FRACTION_DIGITS:
        raise Misfit("number has more digits than numeric can hold")
    if context.precision is not None and context.scale is not None:
        check_limits(whole.lstrip("0"), fraction.rstrip("0"), context.precision, context.scale)
    return text


def _columnar_integer_to_numeric(values: pa.Array, context: Context) -> Converted:
    text = values.cast(pa.string())
    if context.precision is None or context.scale is None:
        return text, None
    if is_unusual(context):
        return all_bad(values, pa.string())
    digits = context.precision - context.scale
    limit = 10 ** max(
        0, min(digits, 18)
    )  # 10**18 is the last power in 64 bits; the row path decides above it
    bad = merge_bad(pc.or_(pc.less_equal(values, -limit), pc.greater_equal(values, limit)))
    return (text, None) if bad is None else (drop(text, bad), bad)


def _columnar_real_to_numeric(values: pa.Array, context: Context) -> Converted:
    if is_unusual(context):
        return all_bad(values, pa.string())
    # Arrow prints the shortest digits that give the same double, as repr() does, with other exponents.
    text = values.cast(pa.string())
    if are_amounts(values, context):
        return text, None
    odd = pc.or_(pc.match_substring_regex(text, "[en]"), pc.equal(text, "-0"))
    misfit: pa.BooleanArray | None = None
    if context.precision is not None and context.scale is not None:
        whole = context.precision - context.scale
        fits = f"^-?0*\\d{{0,{max(0, min(whole, 900))}}}(\\.\\d{{0,{max(0, min(context.scale, 900))}}})?$"
        misfit = pc.invert(pc.match_substring_regex(text, fits))
    bad = merge_bad(odd, misfit)
    return (text, None) if bad is None else (drop(text, bad), bad)


def _scalar_real_to_numeric(value: float, context: Context) -> str:
    if math.isinf(value) and context.infinite_numerics and context.precision is None:
        return "Infinity" if value > 0 else "-Infinity"
    if not math.isfinite(value):
        raise Misfit("number is not finite")
    return fit_numeric(Decimal(repr(value).removesuffix(".0")), context)


def _scalar_real_to_integer(kind: ValueKind) -> Callable[[float, Context], int]:
    def convert(value: float, _context: Context) -> int:
        if not math.isfinite(value) or value != int(value) or abs(value) > EXACT_DOUBLE:
            raise Misfit("number is not a whole number that a double holds exactly")
        return _in_range(kind, int(value))

    return convert


def _scalar_integer_to_double(value: int, _context: Context) -> float:
    if abs(value) > EXACT_DOUBLE:
        raise Misfit("number is too large to be exact as a double")
    return float(value)


def _scalar_integer_to_float(value: int, _context: Context) -> float:
    if abs(value) > _EXACT_FLOAT:
        raise Misfit("number is too large to be exact as a real")
    return float(value)


def _columnar_real_to_float(values: pa.Array, _context: Context) -> Converted:
    return values.cast(pa.float32(), safe=False), None


def _scalar_real_to_float(value: float, _context: Context) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _rounded(values: pa.Array, _context: Context) -> pa.BooleanArray:
    """Tell which doubles the shortest digits of the real nearest to them do not give back: 0.1 they do."""
    reals = values.cast(pa.float32(), safe=False)
    written = reals.cast(pa.string()).cast(pa.float64())  # the shortest digits, as PostgreSQL writes them
    return pc.and_(pc.not_equal(reals.cast(pa.float64()), values), pc.not_equal(written, values))


def _columnar_text_to_numeric(values: pa.Array, context: Context) -> Converted:
    if context.precision is not None:
        return all_bad(values, pa.string())
    odd = pc.invert(pc.match_substring_regex(values, _PLAIN_NUMBER))
    bad = merge_bad(odd, pc.greater(pc.binary_length(values), _PLAIN_CHARACTERS))
    return (values, None) if bad is None else (drop(values, bad), bad)


def _scalar_text_to_numeric(value: str, context: Context) -> str:
    if not _NUMBER.fullmatch(value):
        raise Misfit("text is not a number")
    return fit_numeric(Decimal(value), context)


def _scalar_text_to_integer(kind: ValueKind) -> Callable[[str, Context], int]:
    def convert(value: str, _context: Context) -> int:
        if not _INTEGER.fullmatch(value):
            raise Misfit("text is not a whole number")
        return _in_range(kind, int(value))

    return convert


def _scalar_text_to_double(value: str, _context: Context) -> float:
    if not _NUMBER.fullmatch(value):
        raise Misfit("text is not a number")
    number = float(value)
    if not math.isfinite(number) or Decimal(repr(number)) != Decimal(value):
        raise Misfit("number is not exact as a double")
    return number


def _scalar_text_to_bool(value: str, _context: Context) -> bool:
    word = value.strip(_BLANKS).lower()
    if word not in _TRUE | _FALSE:
        raise Misfit("text is neither true nor false")
    return word in _TRUE


def _not_spelled(values: pa.Array, form: str, context: Context, meaning: Meaning) -> pa.BooleanArray | None:
    """Mark the texts that have another form, where the column's declaration does not say that it means nothing."""
    if context.meaning is meaning:
        return None
    return merge_bad(pc.invert(pc.match_substring_regex(values, form)))


def _lost_of_integer(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    return _not_spelled(values, _OWN_INTEGER, context, Meaning.NUMBER)


def _lost_of_double(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    return _not_spelled(values, _OWN_DOUBLE, context, Meaning.NUMBER)


def _lost_of_numeric(values: pa.Array, converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    """Mark the texts that PostgreSQL would write otherwise: with the type's scale, or with the digits given to it."""
    if context.meaning is Meaning.NUMBER:
        return None
    if context.scale is None:
        return merge_bad(pc.not_equal(values, converted))
    fraction = f"\\.\\d{{{min(context.scale, 900)}}}" if context.scale > 0 else ""
    written = pc.match_substring_regex(values, f"^-?(0|[1-9]\\d*){fraction}$")
    return merge_bad(pc.or_(pc.invert(written), pc.match_substring_regex(values, r"^-0(\.0*)?$")))


def _lost_of_bool(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    return _not_spelled(values, "^(true|false)$", context, Meaning.BOOLEAN)


def _lost_sign(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    return merge_bad(is_negative_zero(values, context))


def _lost_class(values: pa.Array, _converted: pa.Array, context: Context) -> pa.BooleanArray | None:
    """Mark the reals that might have been integers, where integers stand beside them: 5.0 beside 5."""
    if not context.tells_reals:
        return None
    whole = pc.equal(values, pc.floor(values))
    return merge_bad(pc.and_(whole, pc.and_(pc.less(values, 2.0**63), pc.greater_equal(values, -(2.0**63)))))


_CLASS_LOST = Loss(CLASS_DROPPED, _lost_class)
_RESPELLED_INTEGER = (Loss(NUMBER_RESPELLED, _lost_of_integer),)


def _integer_rules() -> list[Rule]:
    rules = []
    for kind, bits in _INT_BITS.items():
        limit = 1 << (bits - 1)
        cast = _checked_cast(ARROW_TYPES[kind], -limit, limit - 1)
        rules += [
            Rule(
                f"integer_to_{kind}",
                StorageClass.INTEGER,
                kind,
                cast,
                _scalar_integer(kind),
            ),
            Rule(
                f"real_to_{kind}",
                StorageClass.REAL,
                kind,
                by_rows(kind),
                _scalar_real_to_integer(kind),
                transform="real_to_integer",
                losses=(Loss(NEGATIVE_ZERO, _lost_sign), _CLASS_LOST),
            ),
            Rule(
                f"text_to_{kind}",
                StorageClass.TEXT,
                kind,
                by_rows(kind),
                _scalar_text_to_integer(kind),
                transform="text_to_number",
                losses=_RESPELLED_INTEGER,
            ),
        ]
    return rules


def _same(values: pa.Array, _context: Context) -> Converted:
    return values, None


def _identity(value: Any, _context: Context) -> Any:
    return value


_I, _R, _T = StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT
_DOUBLE, _FLOAT, _NUMERIC, _BOOL = ValueKind.FLOAT64, ValueKind.FLOAT32, ValueKind.NUMERIC, ValueKind.BOOL
_to_double = _checked_cast(pa.float64(), -EXACT_DOUBLE, EXACT_DOUBLE)
_to_float = _checked_cast(pa.float32(), -_EXACT_FLOAT, _EXACT_FLOAT)

NUMBER_RULES = (
    *_integer_rules(),
    Rule("integer_to_bool", _I, _BOOL, _columnar_bool, _scalar_bool),
    Rule(
        "text_to_bool",
        _T,
        _BOOL,
        by_rows(_BOOL),
        _scalar_text_to_bool,
        "text_to_boolean",
        losses=(Loss(BOOLEAN_RESPELLED, _lost_of_bool),),
    ),
    Rule("real_to_float64", _R, _DOUBLE, _same, _identity, losses=(_CLASS_LOST,)),
    Rule("integer_to_float64", _I, _DOUBLE, _to_double, _scalar_integer_to_double, "integer_to_double"),
    Rule(
        "text_to_float64",
        _T,
        _DOUBLE,
        by_rows(_DOUBLE),
        _scalar_text_to_double,
        "text_to_number",
        losses=(Loss(NUMBER_RESPELLED, _lost_of_double),),
    ),
    Rule(
        "real_to_float32",
        _R,
        _FLOAT,
        _columnar_real_to_float,
        _scalar_real_to_float,
        transform=ROUNDED_TO_REAL,
        lossy=True,
        changes=_rounded,
        losses=(_CLASS_LOST,),
    ),
    Rule("integer_to_float32", _I, _FLOAT, _to_float, _scalar_integer_to_float, "integer_to_double"),
    Rule(
        "integer_to_numeric",
        _I,
        _NUMERIC,
        _columnar_integer_to_numeric,
        lambda value, context: fit_numeric(Decimal(value), context),
        packed=packed_integer_to_numeric,
    ),
    Rule(
        "real_to_numeric",
        _R,
        _NUMERIC,
        _columnar_real_to_numeric,
        _scalar_real_to_numeric,
        transform=NEGATIVE_ZERO,
        lossy=True,
        changes=is_negative_zero,
        losses=(_CLASS_LOST,),
        packed=packed_real_to_numeric,
    ),
    Rule(
        "text_to_numeric",
        _T,
        _NUMERIC,
        _columnar_text_to_numeric,
        _scalar_text_to_numeric,
        losses=(Loss(NUMBER_RESPELLED, _lost_of_numeric),),
    ),
)
