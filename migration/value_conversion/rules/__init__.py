"""Every way from a SQLite value to a PostgreSQL value, by name: the registry that plans refer to."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from migration.model import StorageClass, ValueKind
from migration.value_conversion.rules.conversion_rule import Context, Misfit, Rule
from migration.value_conversion.rules.empty_text_rules import empty_rules, or_null_name
from migration.value_conversion.rules.epoch_rules import EPOCH_RULES
from migration.value_conversion.rules.interval_rules import INTERVAL_RULES
from migration.value_conversion.rules.json_rules import DOCUMENT_RULES
from migration.value_conversion.rules.list_rules import LIST_RULES
from migration.value_conversion.rules.number_rules import NUMBER_RULES
from migration.value_conversion.rules.text_rules import TEXT_RULES
from migration.value_conversion.rules.time_rules import TIME_RULES
from migration.value_conversion.rules.uuid_rules import UUID_RULES
from migration.value_conversion.value_kinds import kind_of, split_type

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BLANK_PADDED", "RULES", "Context", "Misfit", "Rule", "or_null_name", "rules_for"]

_PLAIN_RULES = TEXT_RULES + NUMBER_RULES + TIME_RULES + EPOCH_RULES + DOCUMENT_RULES + UUID_RULES + LIST_RULES

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.name: rule for rule in _PLAIN_RULES + empty_rules(_PLAIN_RULES) + INTERVAL_RULES}
)

_I, _R, _T, _B = StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT, StorageClass.BLOB


def _numbers(kind: ValueKind) -> dict[StorageClass, str]:
    return {_I: f"integer_to_{kind}", _R: f"real_to_{kind}", _T: f"text_to_{kind}"}


_RULES_BY_KIND: Final[Mapping[ValueKind, Mapping[StorageClass, str]]] = MappingProxyType(
    {
        ValueKind.INT16: _numbers(ValueKind.INT16),
        ValueKind.INT32: _numbers(ValueKind.INT32),
        ValueKind.INT64: _numbers(ValueKind.INT64),
        ValueKind.FLOAT32: {_I: "integer_to_float32", _R: "real_to_float32"},
        ValueKind.FLOAT64: _numbers(ValueKind.FLOAT64),
        ValueKind.NUMERIC: _numbers(ValueKind.NUMERIC),
        ValueKind.TEXT: {_I: "integer_to_text", _R: "real_to_text", _T: "text_to_text", _B: "blob_to_text"},
        ValueKind.BYTES: {
            _I: "integer_to_bytes",
            _R: "real_to_bytes",
            _T: "text_to_bytes",
            _B: "blob_to_bytes",
        },
        ValueKind.BOOL: {_I: "integer_to_bool", _T: "text_to_bool"},
        ValueKind.DATE: {_I: "epoch_s_to_date", _R: "julian_to_date", _T: "text_to_date"},
        ValueKind.TIME: {_T: "text_to_time"},
        ValueKind.TIMESTAMP: {
            _I: "epoch_s_to_timestamp",
            _R: "julian_to_timestamp",
            _T: "text_to_timestamp",
        },
        ValueKind.TIMESTAMPTZ: {
            _I: "epoch_s_to_timestamptz",
            _R: "julian_to_timestamptz",
            _T: "text_to_timestamptz",
        },
        ValueKind.UUID: {_T: "text_to_uuid", _B: "blob_to_uuid"},
        ValueKind.JSON: {_I: "integer_to_json", _R: "real_to_json", _T: "text_to_json", _B: "blob_to_json"},
    }
)
BLANK_PADDED: Final = frozenset({"char", "character", "bpchar"})
"""Names of the type that fills texts up with blanks."""


def rules_for(target_type: str) -> dict[StorageClass, str]:
    """Return the rule for each storage class that a PostgreSQL type can take in.

    Integers that go into dates are read as seconds; a profile may know better (`epoch_unit.find_unit`).

    Raises:
        PermanentError: Convoy has no way to move values into this type.
    """
    rules = dict(_RULES_BY_KIND[kind_of(target_type)])
    base, _ = split_type(target_type)
    if base in BLANK_PADDED:
        return {_T: "text_to_char"}  # PostgreSQL pads to the full length, so both sides must
    return rules
