"""Records of `migration.model` to and from the JSON columns of the ledger."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from migration.known_record_types import known

Record = TypeVar("Record")


def to_json(record: object) -> Any:
    """Return the record as plain dicts, lists, strings and numbers."""
    return msgspec.to_builtins(record, str_keys=True)


def from_json(record_type: type[Record], value: object) -> Record:
    """Return the record that `to_json` encoded.

    Raises:
        msgspec.ValidationError: the JSON does not have the shape of `record_type`.
    """
    return msgspec.convert(value, type=known(record_type), str_keys=True)
