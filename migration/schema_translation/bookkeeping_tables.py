"""Tables in which applications keep book about their own schema: of no use, and harmful, in a load of rows alone.

The application that made the tables in PostgreSQL has written its own versions there. Other rows in their place would
let it believe that migrations have run which have not. They are known by name and shape: the file beside this module
lists them, and a table of such a name with other columns is an ordinary one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Final

from migration.sqlite_names import folded

_UNTRUE: Final = frozenset({"", "0", "0.0", "f", "false", "no", "n", "off"})


class Comparison(StrEnum):
    """What has to be the same in the source and in the target."""

    SAME = "same"  # all that was applied
    HIGHEST = "highest"  # the largest number
    TOLD = "told"  # nothing: the tool's migrations are written for each database; the difference is told
    NONE = "none"  # the table says nothing about versions


@dataclass(frozen=True, slots=True)
class BookkeepingTable:
    """A table of one tool: `columns` make its shape, `version` tell what was applied. All names are in lower case."""

    name: str
    keeper: str
    columns: frozenset[str]
    version: tuple[str, ...]
    compare: Comparison
    source: str
    """A page or file that says so."""
    is_exact: bool = False
    """No other columns belong to the shape."""
    counts_if: str = ""
    """A row counts only where this column is neither NULL nor false."""
    schema: str = ""
    """Where the tool has the table in PostgreSQL, beside the application's schema."""

    def has_shape(self, columns: Collection[str]) -> bool:
        """Tell whether a table with these columns is this one."""
        lower = {folded(name) for name in columns}
        return lower == self.columns if self.is_exact else lower >= self.columns

    def versions(self, rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
        """Return what was applied, sorted, each once; of numbers that rise, the largest alone.

        Args:
            rows: column in lower case → value, as either database gives it.
        """
        applied = {
            " ".join(_spelled(row[name]) for name in self.version)
            for row in rows
            if _counts(row, self.counts_if) and any(row[name] is not None for name in self.version)
        }
        ordered = sorted(applied, key=_in_order)
        return tuple(ordered[-1:] if self.compare is Comparison.HIGHEST else ordered)


def bookkeeper(table: str, columns: Collection[str]) -> BookkeepingTable | None:
    """Return which tool keeps book in a table of this name and with these columns; None for an application's own.

    >>> bookkeeper("VersionInfo", ["Version", "AppliedOn", "Description"]).keeper
    'FluentMigrator'
    >>> bookkeeper("version", ["id", "version", "document"])
    """
    return next((entry for entry in _BY_NAME.get(folded(table), ()) if entry.has_shape(columns)), None)


def _counts(row: Mapping[str, Any], column: str) -> bool:
    if not column:
        return True
    value = row[column]
    return value is not None and folded(_spelled(value)) not in _UNTRUE


def _spelled(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    return "" if value is None else str(value)


def _in_order(version: str) -> tuple[int, int, str]:
    """Return a key that puts numbers in their own order, before all else."""
    return (0, int(version), "") if version.isdecimal() and version.isascii() else (1, 0, version)


def _read() -> tuple[BookkeepingTable, ...]:
    text = resources.files(__package__ or "").joinpath("bookkeeping_tables.toml").read_text(encoding="utf-8")
    return tuple(
        BookkeepingTable(
            name=entry["name"],
            keeper=entry["keeper"],
            columns=frozenset(entry["columns"]),
            version=tuple(entry.get("version", ())),
            compare=Comparison(entry["compare"]),
            source=entry["source"],
            is_exact=entry.get("exact", False),
            counts_if=entry.get("counts_if", ""),
            schema=entry.get("schema", ""),
        )
        for entry in tomllib.loads(text)["table"]
    )


BOOKKEEPING: Final = _read()
"""All entries of the file."""

_BY_NAME: Final = {
    name: tuple(entry for entry in BOOKKEEPING if entry.name == name)
    for name in {entry.name for entry in BOOKKEEPING}
}
