"""SQLite's numbers as counts of the last digit of a numeric: a whole slot at once, or not at all."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from migration.value_conversion.rules.conversion_rule import Context
from migration.value_conversion.rules.double_spellings import count_units
from migration.value_conversion.rules.numeric_limits import is_unusual

_DIGITS_OF_A_WORD = 18


def _packed(units: pa.Array, context: Context) -> pa.Array:
    return units.view(pa.decimal64(_DIGITS_OF_A_WORD, context.scale))


def packed_integer_to_numeric(values: pa.Array, context: Context) -> pa.Array | None:
    """Return integers as packed numerics; None where one does not fit."""
    if context.precision is None or context.scale is None or is_unusual(context):
        return None
    limit = 10 ** max(0, min(context.precision, _DIGITS_OF_A_WORD) - context.scale)
    bounds = pc.min_max(values)
    if not -limit < (bounds["min"].as_py() or 0) <= (bounds["max"].as_py() or 0) < limit:
        return None
    return _packed(pc.multiply(values, 10**context.scale), context)


def packed_real_to_numeric(values: pa.Array, context: Context) -> pa.Array | None:
    """Return doubles as packed numerics; None where one does not fit, is not sure to be exact, or is -0.0."""
    if is_unusual(context):
        return None
    units = count_units(values, context)
    return None if units is None else _packed(units, context)
