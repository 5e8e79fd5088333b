"""How a value travels: the Arrow type of each kind, and the kind of each PostgreSQL type.

Both sides of a migration meet in these types: what `convert` makes of SQLite's values and what the target's
read-back gives must be the same Arrow array, or the rows differ.
"""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from migration.errors import UnsupportedTypeError
from migration.model import ValueKind

if TYPE_CHECKING:
    from collections.abc import Mapping

ARROW_TYPES: Final[Mapping[ValueKind, pa.DataType]] = MappingProxyType(
    {
        ValueKind.INT16: pa.int16(),
        ValueKind.INT32: pa.int32(),
        ValueKind.INT64: pa.int64(),
        ValueKind.FLOAT32: pa.float32(),
        ValueKind.FLOAT64: pa.float64(),
        ValueKind.NUMERIC: pa.string(),  # plain decimal notation: each value keeps its own scale
        ValueKind.TEXT: pa.string(),
        ValueKind.BYTES: pa.binary(),
        ValueKind.BOOL: pa.bool_(),
        ValueKind.DATE: pa.date32(),
        ValueKind.TIME: pa.time64("us"),
        ValueKind.TIMESTAMP: pa.timestamp("us"),
        ValueKind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
        ValueKind.JSON: pa.string(),
        ValueKind.UUID: pa.string(),
    }
)

# Names as people write them and as format_type() prints them, without their modifier.
# https://www.postgresql.org/docs/current/datatype.html#DATATYPE-TABLE
_KINDS: Final[Mapping[str, ValueKind]] = MappingProxyType(
    {
        "smallint": ValueKind.INT16,
        "int2": ValueKind.INT16,
        "integer": ValueKind.INT32,
        "int": ValueKind.INT32,
        "int4": ValueKind.INT32,
        "bigint": ValueKind.INT64,
        "int8": ValueKind.INT64,
        "real": ValueKind.FLOAT32,
        "float4": ValueKind.FLOAT32,
        "double precision": ValueKind.FLOAT64,
        "float8": ValueKind.FLOAT64,
        "numeric": ValueKind.NUMERIC,
        "decimal": ValueKind.NUMERIC,
        "text": ValueKind.TEXT,
        "varchar": ValueKind.TEXT,
        "character varying": ValueKind.TEXT,
        "char": ValueKind.TEXT,
        "character": ValueKind.TEXT,
        "bpchar": ValueKind.TEXT,
        "bytea": ValueKind.BYTES,
        "boolean": ValueKind.BOOL,
        "bool": ValueKind.BOOL,
        "date": ValueKind.DATE,
        "time": ValueKind.TIME,
        "time without time zone": ValueKind.TIME,
        "timestamp": ValueKind.TIMESTAMP,
        "timestamp without time zone": ValueKind.TIMESTAMP,
        "timestamptz": ValueKind.TIMESTAMPTZ,
        "timestamp with time zone": ValueKind.TIMESTAMPTZ,
        "jsonb": ValueKind.JSON,
        "json": ValueKind.JSON,
        "uuid": ValueKind.UUID,
    }
)

_TYPES_AT_ONCE: Final = 1_024
"""Names of types that are split once for all columns that have them; what users write is without number."""
_MODIFIER = re.compile(r"\(([^)]*)\)")


@lru_cache(_TYPES_AT_ONCE)
def split_type(target_type: str) -> tuple[str, tuple[int, ...]]:
    """Split a PostgreSQL type into its lower-case base name and its modifier's numbers.

    >>> split_type("numeric(10,2)")
    ('numeric', (10, 2))
    >>> split_type("timestamp(3) with time zone")
    ('timestamp with time zone', (3,))
    """
    modifier = _MODIFIER.search(target_type)
    base = " ".join(_MODIFIER.sub(" ", target_type).lower().split())
    if modifier is None:
        return base, ()
    return base, tuple(int(part) for part in modifier.group(1).split(","))


def is_known(target_type: str) -> bool:
    """Tell whether Convoy can move values into a PostgreSQL type.

    >>> is_known("character varying(40)"), is_known("inet")
    (True, False)
    """
    base, _ = split_type(target_type) if "[" not in target_type else (target_type, ())
    return base in _KINDS


def is_interval(target_type: str) -> bool:
    """Tell whether a type is PostgreSQL's interval, whatever its fields and precision.

    >>> is_interval("interval day to second(3)"), is_interval("interval[]")
    (True, False)
    """
    return target_type.partition("(")[0].split()[0] == "interval" and "[" not in target_type


def kind_of(target_type: str) -> ValueKind:
    """Return how values of a PostgreSQL type travel.

    Accepts DDL spellings (``varchar(40)``) and those of format_type() (``character varying(40)``).

    Raises:
        PermanentError: Convoy has no way to move values into this type.
    """
    base, _ = split_type(target_type) if "[" not in target_type else (target_type, ())
    try:
        return _KINDS[base]
    except KeyError:
        raise UnsupportedTypeError(
            f"Convoy cannot move values into the PostgreSQL type {target_type!r}",
            remedy=f"Change the column to one of: {', '.join(sorted(_KINDS))}",
        ) from None
