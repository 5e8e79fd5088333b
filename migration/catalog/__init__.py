"""The tables of the educational platform that Convoy began with: 34 entries in six apps.

Columns, defaults, unique and indexed columns are those of the platform's Go models. The models declare no foreign
keys; the references here say which rows belong together. `users` stands for the account that all apps share.

The tables are data: one TOML file for each app beside this module. Each app keeps its tables in a SQLite
file of its own, so a name is unique within an app only: `question` stands in reading and in comprehension.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

APPS: tuple[str, ...] = ("core", "gamification", "analytics", "math", "reading", "comprehension")
"""In an order in which references point backwards only."""


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """The column that a foreign key points to."""

    app: str
    table: str
    column: str


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as the platform declares it; `default_sql` is a SQLite expression."""

    name: str
    sqlite_type: str
    not_null: bool = False
    default_sql: str | None = None
    references: CatalogReference | None = None
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table of one app; `primary_key` is empty where it has none."""

    app: str
    name: str
    description: str
    columns: tuple[CatalogColumn, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()

    @property
    def plural(self) -> str:
        """The name that GORM gives to the table of such a model: its plural (https://gorm.io/docs/conventions.html)."""
        return _plural(self.name)


def find(name: str) -> tuple[CatalogTable, ...]:
    """Return the tables of this name or plural, in the order of `APPS`; upper and lower case are one, as in SQLite."""
    return _BY_NAME.get(name.lower(), ())


def catalog_names() -> frozenset[str]:
    """Return every name that a table of the catalog may have, as the catalog has it and as GORM does."""
    return frozenset(_BY_NAME)


def create_sql(table: CatalogTable, named: Callable[[str, str], str] | None = None) -> str:
    """Return the CREATE TABLE statement of `table` for SQLite.

    Args:
        table: the table.
        named: gives a table's name in the file, from app and name; for files that hold several apps.
    """
    name_of = named or (lambda _app, name: name)
    lines = [_column_sql(column, table, name_of) for column in table.columns]
    if len(table.primary_key) > 1:
        lines.append(f"PRIMARY KEY ({', '.join(table.primary_key)})")
    lines.extend(f"UNIQUE ({', '.join(columns)})" for columns in table.unique)
    body = ",\n".join(f"    {line}" for line in lines)
    return f"CREATE TABLE {name_of(table.app, table.name)} (\n{body}\n)"


def index_sql(table: CatalogTable, named: Callable[[str, str], str] | None = None) -> list[str]:
    """Return a CREATE INDEX statement for each indexed column, under the name that GORM gives it."""
    name = named(table.app, table.name) if named else table.name
    return [
        f"CREATE INDEX idx_{name}_{column.name} ON {name} ({column.name})"
        for column in table.columns
        if column.indexed
    ]


def _column_sql(column: CatalogColumn, table: CatalogTable, name_of: Callable[[str, str], str]) -> str:
    """One line of CREATE TABLE. A key of one column stands here, for only so INTEGER becomes the rowid."""
    parts = [column.name, column.sqlite_type]
    if table.primary_key == (column.name,):
        parts.append("PRIMARY KEY")
    if column.not_null:
        parts.append("NOT NULL")
    if column.default_sql is not None:
        parts.append(f"DEFAULT {column.default_sql}")
    if column.references is not None:
        parent = column.references
        parts.append(f"REFERENCES {name_of(parent.app, parent.table)} ({parent.column})")
    return " ".join(parts)


def _plural(name: str) -> str:
    """Return the plural as github.com/jinzhu/inflection makes it, which GORM uses.

    >>> [_plural(name) for name in ("quiz", "mastery", "user_stats", "user_xp")]
    ['quizzes', 'masteries', 'user_stats', 'user_xps']
    """
    if name.endswith("quiz"):
        return f"{name}zes"
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    return name if name.endswith("s") else f"{name}s"


def _read_app(app: str) -> list[CatalogTable]:
    """Read the tables of one app, in the order of its file."""
    entries = tomllib.loads(resources.files(__name__).joinpath(f"{app}.toml").read_text(encoding="utf-8"))
    return [_table(app, name, entry) for name, entry in entries.items()]


def _table(app: str, name: str, entry: dict[str, Any]) -> CatalogTable:
    columns: list[dict[str, Any]] = entry["columns"]
    return CatalogTable(
        app=app,
        name=name,
        description=entry["description"],
        columns=tuple(_column(column) for column in columns),
        primary_key=tuple(column["name"] for column in columns if column.get("key")),
        unique=tuple(tuple(names) for names in entry.get("unique", ())),
    )


def _column(entry: dict[str, Any]) -> CatalogColumn:
    references = entry.get("references")
    return CatalogColumn(
        name=entry["name"],
        sqlite_type=entry["type"],
        not_null=entry.get("not_null", False),
        default_sql=entry.get("default"),
        references=CatalogReference(*references.split(".")) if references else None,
        indexed=entry.get("index", False),
    )


CATALOG: tuple[CatalogTable, ...] = tuple(table for app in APPS for table in _read_app(app))
"""All 34 entries, by app."""

_BY_NAME: dict[str, tuple[CatalogTable, ...]] = {
    name: tuple(table for table in CATALOG if name in (table.name, table.plural))
    for name in {name for table in CATALOG for name in (table.name, table.plural)}
}
