"""Counts, while a column is profiled, how many of its values a planned type would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from migration.mapping.rows import column_context, convert_value, stored_value
from migration.mapping.rules import RULES, Context, Misfit

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.model import ColumnPlan, StorageClass


def accepted(column: ColumnPlan, storage_class: StorageClass, values: pa.Array, context: Context) -> int:
    """Return how many non-null values of a slot the rule of a column's plan converts."""
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
        try:
            convert_value(rule, stored_value(values, row), limits)
        except Misfit:
            count -= 1
    return count
