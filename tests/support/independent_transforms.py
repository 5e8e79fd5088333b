"""Which transform a value needs to stand in a column, written down once more from docs/mapping.md."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

from tests.support.independent_values import TEXTS, Facts, Text, base_of


def transform(value: Any, kind: str, facts: Facts) -> str | None:
    """Return the name of the transform that a value needs to stand in a column of this type."""
    base = base_of(kind)
    if isinstance(value, Text):
        return _transform_of_text(value, base, kind)
    if isinstance(value, bytes):
        if base == "uuid":
            return "guid_blob_to_uuid" if facts.turned_uuids else "blob_to_uuid"
        return None if base == "bytea" else "blob_to_text"
    if value is None:
        return None
    name = "integer" if isinstance(value, int) else "real"
    if base in TEXTS or base == "bytea":
        return f"{name}_to_{'bytes' if base == 'bytea' else 'text'}"
    if name == "integer" and base == "double precision":
        return "integer_to_double"
    if base == "timestamp with time zone":
        if name == "integer":
            return f"epoch_{facts.unit}_to_timestamptz"
        return "julian_to_timestamptz" if facts.julian else "epoch_fraction_to_timestamptz"
    if base in ("numeric", "jsonb") and repr(value) == "-0.0":
        return "negative_zero_to_zero"
    return None


def _transform_of_text(value: Text, base: str, kind: str) -> str | None:
    if base == "bytea":
        return "text_to_bytes"
    if base == "char":
        short = len(value.decode("utf-8", "replace")) < int(kind.partition("(")[2].rstrip(")"))
        return "blank_padded" if short else None
    if base in TEXTS:
        return "nul_stripped" if b"\0" in value else None
    if value == b"":
        return "empty_to_null"
    if base == "boolean":
        return "text_to_boolean"
    if base == "jsonb":
        return "negative_zero_to_zero" if _says_negative_zero(value) else None
    if base == "time" and re.match(rb"\d{4}-", value):
        return "filler_day_dropped"
    return "text_to_number" if base in ("double precision", "smallint", "integer", "bigint") else None


def _says_negative_zero(document: bytes) -> bool:
    zeros: list[str] = []

    def look(digits: str) -> None:
        if digits.startswith("-") and Decimal(digits) == 0:
            zeros.append(digits)

    try:
        json.loads(document, parse_int=look, parse_float=look)
    except ValueError:
        return False
    return bool(zeros)
