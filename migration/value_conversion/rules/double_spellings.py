"""What the digits of whole columns of doubles look like, told without printing them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from migration.value_conversion.rules.conversion_rule import Context

SURE_DIGITS = 15
"""Decimal digits that a double always keeps."""
_MOST_DECIMALS = 4
"""Of amounts of money; Arrow prints what is smaller with an exponent."""
_PRINTED_PLAIN = 10**10
"""From here on, Arrow prints doubles with an exponent."""
_NEGATIVE_ZERO_BITS = -(2**63)


def are_amounts(values: pa.Array, context: Context) -> bool:
    """Tell whether every double is an amount that Arrow prints as a numeric of the context's limits is written."""
    if context.scale is None or context.scale > _MOST_DECIMALS:
        return False
    counted = count_units(values, context)
    return counted is not None and (pc.max(pc.abs(counted)).as_py() or 0) < _PRINTED_PLAIN * 10**context.scale


def count_units(values: pa.Array, context: Context) -> pa.Array | None:
    """Return doubles as numbers of the last digit of a numeric of the context's limits (cents): int64.

    A double is what its shortest digits are read as. So where a number of cents, divided by 100, gives the same double,
    the shortest digits are these cents, as long as 15 digits tell all doubles apart.

    Returns:
        None where one is no such number, does not fit, or is -0.0.
    """
    if context.precision is None or context.scale is None or not 0 <= context.scale <= SURE_DIGITS:
        return None
    unit = float(10**context.scale)
    counted = pc.round(pc.multiply(values, unit))
    largest = pc.max(pc.abs(counted)).as_py()
    if largest is None or not largest < 10 ** min(context.precision, SURE_DIGITS):
        return None
    if not pc.all(pc.equal(pc.divide(counted, unit), values)).as_py():
        return None
    if pc.any(is_negative_zero(values, context)).as_py():
        return None
    return counted.cast(pa.int64())


def is_negative_zero(values: pa.Array, _context: Context) -> pa.BooleanArray:
    """Mark the doubles that are -0.0, by their bits: in comparisons they are equal to 0.0."""
    return pc.equal(values.view(pa.int64()), _NEGATIVE_ZERO_BITS)
