"""Small builders for the records that mapping works on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from migration.column_types.column_decision import candidate, wider
from migration.column_types.fitting_value_count import accepted
from migration.column_types.whole_days import WholeDays
from migration.model import ColumnPlan, ColumnProfile, StorageClass
from migration.source_schema import SourceColumn, SourceTable, TableKind
from migration.value_conversion.batch_conversion import Context
from migration.value_conversion.raw_batch import RawBatch
from migration.value_conversion.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

ARRAYS = {
    StorageClass.INTEGER: pa.int64(),
    StorageClass.REAL: pa.float64(),
    StorageClass.TEXT: pa.string(),
    StorageClass.BLOB: pa.binary(),
}


def column(name: str = "c", declared: str = "", **more: Any) -> SourceColumn:
    return SourceColumn(name, declared, more.pop("position", 0), **more)


def table(*columns: SourceColumn, name: str = "t", **more: Any) -> SourceTable:
    return SourceTable(name, TableKind.ORDINARY, columns, **more)


def slot(storage_class: StorageClass, values: Sequence[Any]) -> pa.Array:
    """A slot as the reader gives it; texts may be given as bytes, which need not be UTF-8."""
    if storage_class is not StorageClass.TEXT:
        return pa.array(values, ARRAYS[storage_class])
    raw = [value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value for value in values]
    binary = pa.array(raw, pa.binary())
    return pa.Array.from_buffers(pa.string(), len(values), binary.buffers())


def class_of(value: Any) -> StorageClass:
    match value:
        case None:
            return StorageClass.NULL
        case int():
            return StorageClass.INTEGER
        case float():
            return StorageClass.REAL
        case str():
            return StorageClass.TEXT
        case _:
            return StorageClass.BLOB


def slots(values: Sequence[Any]) -> dict[StorageClass, pa.Array]:
    """Spread SQLite values over the slots of their classes."""
    return {
        storage_class: slot(storage_class, [v if class_of(v) is storage_class else None for v in values])
        for storage_class in ARRAYS
        if any(class_of(v) is storage_class for v in values)
    }


def raw(**columns: Sequence[Any]) -> RawBatch:
    rows = len(next(iter(columns.values())))
    keys = (pa.array(range(1, rows + 1), pa.int64()),)
    return RawBatch(keys, {name: slots(values) for name, values in columns.items()}, rows)


def profile(
    values: Sequence[Any], of: SourceColumn, owner: SourceTable | None = None, context: Context | None = None
) -> ColumnProfile:
    """What a full read of a column with these values finds, as the source's profile counts it."""
    owner, context = owner or table(of), context or Context()
    natural = candidate(of, owner)
    wide = wider(natural)
    by_class: dict[StorageClass, list[Any]] = {}
    for value in values:
        by_class.setdefault(class_of(value), []).append(value)
    integers = by_class.get(StorageClass.INTEGER, [])
    texts = by_class.get(StorageClass.TEXT, [])
    finite = [value for value in by_class.get(StorageClass.REAL, []) if abs(value) != float("inf")]
    days = WholeDays(natural)
    if integers:
        days.add(slot(StorageClass.INTEGER, integers), context)
    arrays = {c: slot(c, found) for c, found in by_class.items() if c is not StorageClass.NULL}
    return ColumnProfile(
        counts={c: len(found) for c, found in by_class.items()},
        int_min=min(integers, default=None),
        int_max=max(integers, default=None),
        real_nonfinite=sum(abs(v) == float("inf") for v in by_class.get(StorageClass.REAL, [])),
        real_min=min(finite, default=None),
        real_max=max(finite, default=None),
        longest_chars=max(map(len, texts), default=0),
        empty_texts=texts.count(""),
        nul_texts=sum("\0" in text for text in texts),
        accepted={c: accepted(natural, c, array, context) for c, array in arrays.items()},
        accepted_wider={c: accepted(wide, c, array, context) for c, array in arrays.items()} if wide else {},
        whole_days=dict(days.counts),
        examples={c: found[0] if c is StorageClass.TEXT else repr(found[0]) for c, found in by_class.items()},
    )


def plan(rule: str, target_type: str, name: str = "c", **more: Any) -> ColumnPlan:
    """A column plan with one rule."""
    known = RULES[rule]
    return ColumnPlan(name, name, "", target_type, known.kind, {known.storage_class: rule}, "", **more)
