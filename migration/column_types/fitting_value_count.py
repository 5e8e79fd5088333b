"""Counts, while a column is profiled, how many of its values a planned type would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from migration.model import StorageClass
from migration.value_conversion.row_conversion import column_context, convert_value, stored_value
from migration.value_conversion.rules import RULES, Context, Misfit
from migration.value_conversion.rules.utf8_check import is_utf8

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.model import ColumnPlan


def accepted(column: ColumnPlan, storage_class: StorageClass, values: pa.Array, context: Context) -> int:
    """Return how many non-null values of a slot the rule of a column's plan converts.

    Exact where all are converted but texts that are empty or not UTF-8, which speak against no type. The first other
    value that does not fit has spoken against this one: then no further value is tried, and the answer is 0.
    """
    name = column.rules.get(storage_class)
    if name is None:
        return 0
    rule = RULES[name]
    limits = column_context(column, context)
    _, bad = rule.columnar(values, limits)
    count: int = len(values) - values.null_count
    if bad is None:
        return count
    for row in pc.indices_nonzero(bad).to_pylist():
        value = stored_value(values, row)
        try:
            convert_value(rule, value, limits)
        except Misfit:
            if storage_class is not StorageClass.TEXT or (value and is_utf8(value)):
                return 0
            count -= 1
    return count
