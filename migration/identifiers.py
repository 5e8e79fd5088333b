"""Names on their way to PostgreSQL: policies, the 63-byte limit, collisions, reserved system columns.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Final

from migration.model import IdentifierPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACEHOLDER: Final = "{schema}"
"""Stands in planned SQL for the quoted schema that the tables are in when the SQL runs."""

_MOST_BYTES = 63
_HASH_DIGITS = 8
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})

_BEFORE_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"\W+")


def quote_identifier(name: str) -> str:
    """Return a name as SQL.

    A name that contains the placeholder is written with an escape, so that rendering leaves it alone.

    >>> quote_identifier('my "table"')
    '"my ""table""'
    """
    if PLACEHOLDER in name:
        escaped = name.replace("\\", "\\\\").replace("{", "\\007B").replace('"', '""')
        return f'U&"{escaped}"'
    return '"' + name.replace('"', '""') + '"'


def quote_literal(text: str) -> str:
    """Return a text as SQL; the placeholder and backslashes in it mean themselves."""
    if PLACEHOLDER in text:
        escaped = text.replace("\\", "\\\\").replace("{", "\\007B").replace("'", "''")
        return f"U&'{escaped}'"
    return "'" + text.replace("'", "''") + "'"


def fold(name: str, policy: IdentifierPolicy) -> str:
    """Return what a policy makes of a name.

    >>> fold("UserId", IdentifierPolicy.SNAKE)
    'user_id'
    """
    match policy:
        case IdentifierPolicy.PRESERVE:
            return name
        case IdentifierPolicy.LOWER:
            return name.lower()
        case IdentifierPolicy.SNAKE:
            words = _NO_WORD.sub("_", _BEFORE_WORD.sub("_", name)).lower()
            return re.sub("_+", "_", words).strip("_")


def _cut(name: str, most_bytes: int) -> str:
    return name.encode()[:most_bytes].decode(errors="ignore")


def shorten(name: str) -> str:
    """Return a name of at most 63 bytes; a longer one ends in a hash of the whole, so that no two meet."""
    if len(name.encode()) <= _MOST_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_DIGITS]
    return f"{_cut(name, _MOST_BYTES - _HASH_DIGITS - 1)}_{digest}"


class Namespace:
    """Names that must differ from each other: the columns of a table, or the tables and indexes of a schema."""

    def __init__(self, *, reserved: frozenset[str] = frozenset()) -> None:
        self._reserved = reserved
        self._taken: set[str] = set()

    def reserve(self, names: Iterable[str]) -> None:
        """Take names as they are; some may be taken already."""
        self._taken.update(names)

    def claim(self, wanted: str, instead: str | None = None) -> str:
        """Take a name, or the nearest one that is free.

        Names that are too long end in a hash, reserved ones in an underscore, taken ones in a number.
        `instead` is the second choice where the first one is taken.
        """
        base = shorten(f"{wanted}_" if wanted in self._reserved else wanted)
        if instead is not None and base in self._taken:
            base = shorten(instead)
        name, number = base, 1
        while name in self._taken:
            number += 1
            suffix = f"_{number}"
            name = _cut(base, _MOST_BYTES - len(suffix)) + suffix
        self._taken.add(name)
        return name


def column_namespace() -> Namespace:
    """Return the namespace of one table's columns, in which PostgreSQL has names of its own."""
    return Namespace(reserved=_SYSTEM_COLUMNS)


def why_renamed(name: str, target_name: str, policy: IdentifierPolicy) -> str | None:
    """Return why a name differs from what the policy makes of it; None where it does not."""
    folded = fold(name, policy)
    if target_name == folded:
        return None
    if not folded:
        why = "an empty name is none in PostgreSQL"
    elif len(folded.encode()) > _MOST_BYTES:
        why = "PostgreSQL's names have at most 63 bytes"
    elif folded in _SYSTEM_COLUMNS:
        why = "PostgreSQL has a system column of that name"
    else:
        why = f"another one becomes {folded!r} too"
    return f"renamed to {target_name}: {why}"
