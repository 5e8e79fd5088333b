"""What a column's declaration alone says about its type.

Names that PostgreSQL shares are taken literally; all others fall back to SQLite's own rules of affinity:
https://sqlite.org/datatype3.html#determination_of_column_affinity
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "INTEGER": "integer",
        "INT": "integer",
        "INT4": "integer",
        "MEDIUMINT": "integer",
        "BIGINT": "bigint",
        "INT8": "bigint",
        "UNSIGNED BIG INT": "bigint",
        "SMALLINT": "smallint",
        "INT2": "smallint",
        "TINYINT": "smallint",
        "TEXT": "text",
        "CLOB": "text",
        "UUID": "text",
        "GUID": "text",
        "REAL": "double precision",
        "DOUBLE": "double precision",
        "DOUBLE PRECISION": "double precision",
        "FLOAT": "double precision",
        "FLOAT8": "double precision",
        "BLOB": "bytea",
        "BYTEA": "bytea",
        "BINARY": "bytea",
        "VARBINARY": "bytea",
        "BOOLEAN": "boolean",
        "BOOL": "boolean",
        "DATE": "date",
        "TIME": "time",
        "TIMESTAMP": "timestamp with time zone",
        "TIMESTAMPTZ": "timestamp with time zone",
        "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
        "DATETIME": "timestamp with time zone",
        "TIMESTAMP WITHOUT TIME ZONE": "timestamp",
        "TIME WITHOUT TIME ZONE": "time",
        # SeaORM's names, which keep texts from becoming numbers.
        "DATETIME_TEXT": "timestamp with time zone",
        "TIMESTAMP_TEXT": "timestamp with time zone",
        "TIMESTAMP_WITH_TIMEZONE_TEXT": "timestamp with time zone",
        "DATE_TEXT": "date",
        "TIME_TEXT": "time",
        "JSON_TEXT": "jsonb",
        "JSONB_TEXT": "jsonb",
        "NUMERIC": "numeric",
        "DECIMAL": "numeric",
        "DEC": "numeric",
        "JSON": "jsonb",
        "JSONB": "jsonb",
    }
)

_VARCHARS = frozenset(
    {"VARCHAR", "NVARCHAR", "CHARACTER VARYING", "CHAR VARYING", "VARYING CHARACTER", "VARCHAR2"}
)
_CHARS = frozenset({"CHAR", "CHARACTER", "NCHAR", "NATIVE CHARACTER"})
_NUMERICS = frozenset({"NUMERIC", "DECIMAL", "DEC"})

# Limits: https://www.postgresql.org/docs/current/datatype-character.html and datatype-numeric.html
_MOST_CHARACTERS = 10_485_760
_MOST_DIGITS = 1_000

# The order matters: the first word found decides.
_AFFINITIES: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("INT",), "integer"),
    (("CHAR", "CLOB", "TEXT"), "text"),
    (("BLOB",), "bytea"),
    (("REAL", "FLOA", "DOUB"), "double precision"),
)

_ARGUMENTS = re.compile(r"\(\s*([^)]*)\)")


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """`target_type` is empty where the declaration names no type at all; `by_affinity` tells an unknown name."""

    target_type: str
    by_affinity: bool = False


def _arguments(declared: str) -> tuple[int, ...]:
    found = _ARGUMENTS.search(declared)
    if found is None:
        return ()
    parts = [part.strip() for part in found.group(1).split(",")]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _limited(name: str, arguments: tuple[int, ...]) -> str | None:
    """Return the type of a name whose arguments matter; None where it has none that PostgreSQL takes."""
    match arguments:
        case (length,) if name in _VARCHARS | _CHARS and 1 <= length <= _MOST_CHARACTERS:
            return f"varchar({length})" if name in _VARCHARS else f"char({length})"
        case (precision,) if name in _NUMERICS and 1 <= precision <= _MOST_DIGITS:
            return f"numeric({precision},0)"
        case (precision, scale) if (
            name in _NUMERICS and 1 <= precision <= _MOST_DIGITS and scale <= precision
        ):
            return f"numeric({precision},{scale})"
        case _:
            return None


def read_declared(declared_type: str) -> DeclaredType:
    """Return the PostgreSQL type that a declaration asks for.

    >>> read_declared("nvarchar(160)").target_type
    'varchar(160)'
    >>> read_declared("FLOATING POINT")  # SQLite finds INT in it
    DeclaredType(target_type='integer', by_affinity=True)
    """
    name = " ".join(_ARGUMENTS.sub(" ", declared_type).upper().split())
    if not name:
        return DeclaredType("")
    limited = _limited(name, _arguments(declared_type))
    if limited is not None:
        return DeclaredType(limited)
    if name in _TYPES:
        return DeclaredType(_TYPES[name])
    for words, target_type in _AFFINITIES:
        if any(word in name for word in words):
            known = name in _VARCHARS | _CHARS
            return DeclaredType(target_type, by_affinity=not known)
    return DeclaredType("numeric", by_affinity=True)
