"""The PostgreSQL types that a mapping file may name: those in which a value stays as Convoy has sent it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from migration.errors import PermanentError
from migration.model import ValueKind
from migration.sqlite_names import folded
from migration.value_conversion.value_kinds import kind_of, split_type

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTHS: Final = frozenset({"varchar", "character varying", "char", "character"})
_DIGITS: Final = frozenset({"numeric", "decimal"})
_MOST_CHARACTERS = 10_485_760
_MOST_DIGITS = 1_000
_PADDED_WITHOUT_LENGTH: Final = frozenset({"char", "character"})

TYPE_OF_KIND: Final[Mapping[ValueKind, str]] = MappingProxyType(
    {
        ValueKind.INT16: "smallint",
        ValueKind.INT32: "integer",
        ValueKind.INT64: "bigint",
        ValueKind.FLOAT32: "real",
        ValueKind.FLOAT64: "double precision",
        ValueKind.NUMERIC: "numeric",
        ValueKind.TEXT: "text",
        ValueKind.BYTES: "bytea",
        ValueKind.BOOL: "boolean",
        ValueKind.DATE: "date",
        ValueKind.TIME: "time",
        ValueKind.TIMESTAMP: "timestamp",
        ValueKind.TIMESTAMPTZ: "timestamp with time zone",
        ValueKind.JSON: "jsonb",
        ValueKind.UUID: "uuid",
    }
)
"""The type for each kind where nothing says more."""


class UnusableTypeError(ValueError):
    """Convoy cannot fill a column of this type; the message is a sentence without a full stop."""


def known_types() -> list[str]:
    """Return types to suggest."""
    return [*TYPE_OF_KIND.values(), "varchar", "char", "json", "timestamptz"]


def check_type(target_type: str) -> str:
    """Return a type as it goes into DDL: lower case, single spaces.

    Raises:
        UnusableTypeError: PostgreSQL has no such type, or would change values in it on its own.

    >>> check_type("VARCHAR( 40 )")
    'varchar(40)'
    """
    try:
        kind_of(target_type)
        base, modifier = split_type(target_type)
    except (PermanentError, ValueError):
        raise UnusableTypeError(f"Convoy has no way to fill a column of type {target_type!r}") from None
    if base == "bpchar":
        raise UnusableTypeError("bpchar without a length loses trailing blanks")
    if not modifier:
        # PostgreSQL reads char as char(1): https://www.postgresql.org/docs/current/datatype-character.html
        return f"{base}(1)" if base in _PADDED_WITHOUT_LENGTH else base
    written = f"{base}({','.join(map(str, modifier))})"
    if base in _LENGTHS and len(modifier) == 1 and 1 <= modifier[0] <= _MOST_CHARACTERS:
        return written
    if base in _DIGITS and len(modifier) <= 2 and 1 <= modifier[0] <= _MOST_DIGITS:  # noqa: PLR2004
        scale = modifier[1] if len(modifier) > 1 else 0
        # Servers before 15 take none below zero or above the precision, and say so when the table is made.
        if abs(scale) <= _MOST_DIGITS:
            return f"{base}({modifier[0]},{scale})"
    if base.startswith("time"):
        named = " ".join(folded(target_type).split())
        raise UnusableTypeError(f"{named} rounds; Convoy keeps times to the microsecond")
    raise UnusableTypeError(f"{written} is no type of PostgreSQL")
