"""The row path: one value at a time, for what the columnar path leaves over. It has the last word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from migration.model import StorageClass, ValueKind
from migration.value_conversion.declared_meaning import meaning_of, tells_reals
from migration.value_conversion.rules import Context, Misfit
from migration.value_conversion.rules.text_rules import NOT_UTF8_REASON

if TYPE_CHECKING:
    from migration.model import ColumnPlan
    from migration.value_conversion.rules import Rule

NULL_REASON = "NULL in a column that is NOT NULL"


def column_context(column: ColumnPlan, context: Context) -> Context:
    """Return what conversions of one column depend on: its own time zone, the limits of its type."""
    declared = replace(
        context,
        source_timezone=column.source_timezone or context.source_timezone,
        meaning=meaning_of(column.declared_type),
        time_example=column.time_example,
        tells_reals=tells_reals(column),
    )
    return declared.for_type("text" if column.cast_to else column.target_type)


def stored_value(values: pa.Array, index: int) -> Any:
    """Return one value of a slot: int, float or bytes. Texts come as bytes, which need not be UTF-8."""
    value = values[index]
    if not value.is_valid:
        return None
    if pa.types.is_string(value.type):
        return value.as_buffer().to_pybytes()
    return value.as_py()


def original_bytes(value: float | bytes | None) -> bytes:
    """Return what the quarantine keeps of a value; numbers as their shortest exact text."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else repr(value).encode()


def convert_value(rule: Rule, value: float | bytes, context: Context) -> Any:
    """Convert one stored value by the scalar form of a rule.

    Raises:
        Misfit: the type cannot hold the value.
    """
    if rule.storage_class is not StorageClass.TEXT or not isinstance(value, bytes):
        return rule.scalar(value, context)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        if rule.kind is ValueKind.BYTES:
            return value  # bytes that are not UTF-8 are as welcome in bytea as any
        raise Misfit(NOT_UTF8_REASON) from None
    return rule.scalar(text, context)


def reason_without_rule(storage_class: StorageClass, target_type: str) -> str:
    """Return why a value is rejected whose storage class the plan of its column does not take."""
    return f"{storage_class} value in a column of type {target_type}"


def fraction_reason(digits: int) -> str:
    """Return why a time is rejected that its type would round, such as timestamp(3)."""
    return f"seconds have more than {digits} decimal places"


def key_value(values: pa.Array, index: int) -> int | float | str | None:
    """Return one part of a row's key as reports show it: blobs in hexadecimal, bad bytes of a text escaped."""
    value = stored_value(values, index)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace") if pa.types.is_string(values.type) else value.hex()
    if value is None or isinstance(value, int | float):
        return value
    return str(value)
