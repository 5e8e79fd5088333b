"""Compares a migrated table with its SQLite original, row by row, in plain Python.

Shares no code with the copy path: values are read with sqlite3 and psycopg, and what a value should have become
is written down once more in `independent_values`, from docs/mapping.md.
"""

from __future__ import annotations

import re
import sqlite3
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

from tests.support.independent_transforms import transform
from tests.support.independent_values import Facts, Text, canonical_json, expected, original, stored

Key = tuple[Any, ...]
_VIRTUAL = 2  # PRAGMA table_xinfo, column `hidden`
_ROWIDS = ("rowid", "_rowid_", "oid")
_OWN_ROWS = re.compile(r"\bUSING\s+(fts[345]|rtree(_i32)?)\b", re.IGNORECASE)
_NO_ROWS = re.compile(r"\bcontent\s*=", re.IGNORECASE)
_FIFTEEN_DIGITS = 10**15
_REAL = re.compile(r"-?\d+\.\d+(?:[eE][+-]?\d+)?|-?\d{16,}", re.ASCII)
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True)
class QuarantinedValue:
    """A line of the table convoy.quarantine."""

    key: Key
    column: str
    storage_class: str
    original: bytes


@dataclass(frozen=True)
class ReportedTable:
    """What the run says of a table.

    With `quarantine`, quarantined values are looked up by key, and exactly their rows must be missing; without, only
    their number must fit. `transforms` (None: not checked) are counts by source column and transform; `computed` are
    the columns that PostgreSQL computes itself; `zone` is that of times without an offset.
    """

    name: str
    schema: str
    target: str
    columns: tuple[tuple[str, str, str], ...]  # source name, target name, target type
    quarantined: int
    quarantine: tuple[QuarantinedValue, ...] | None = None
    transforms: Mapping[tuple[str, str], int] | None = None
    computed: frozenset[str] = field(default_factory=frozenset)
    zone: str = "UTC"


def compare(snapshot: Path, connection: psycopg.Connection[Any], table: ReportedTable) -> list[str]:
    """Return a sentence for each difference; nothing where all rows are equal or accounted for."""
    with closing(sqlite3.connect(f"{snapshot.as_uri()}?mode=ro&immutable=1", uri=True)) as source:
        original_table = _Original(source, table)
        problems = original_table.quarantine_problems()
        virtual = [name in original_table.virtual for name, _, _ in table.columns]
        wanted = Counter(_fifteen_digits(row, virtual) for row in original_table.expected_rows())
    found = Counter(_fifteen_digits(row, virtual) for row in _target_rows(connection, table))
    missing, extra = wanted - found, found - wanted
    if extra:
        problems.append(
            f"{table.name}: {extra.total()} rows that the source does not have, e.g. {next(iter(extra))}"
        )
    if missing.total() != original_table.rows_unknown:
        problems.append(
            f"{table.name}: {missing.total()} rows are missing, {original_table.rows_unknown} are in quarantine,"
            f" e.g. {next(iter(missing), None)}"
        )
    if table.transforms is not None and original_table.transforms != Counter(table.transforms):
        problems.append(
            f"{table.name}: transforms {dict(table.transforms)} reported, {dict(original_table.transforms)} seen"
        )
    return problems


def virtual_tables_with_rows(snapshot: Path) -> set[str]:
    """Return the full-text tables and R-Trees whose rows stand nowhere else, as SQLite's own modules give them."""
    with closing(sqlite3.connect(f"{snapshot.as_uri()}?mode=ro&immutable=1", uri=True)) as source:
        listed = source.execute(
            "SELECT name, sql FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'"
        ).fetchall()
        return {
            name
            for name, sql in listed
            if _OWN_ROWS.search(sql) and not _NO_ROWS.search(sql)
            if source.execute(f"SELECT count(*) FROM {quote(name)}").fetchone() != (0,)
        }


def quote(name: str) -> str:
    """Return a name quoted for SQLite."""
    return '"' + name.replace('"', '""') + '"'


class _Original:
    """The rows of a table as sqlite3 gives them."""

    def __init__(self, source: sqlite3.Connection, table: ReportedTable) -> None:
        self._table = table
        self._names = [name for name, _, _ in table.columns]
        self._kinds = [kind for _, _, kind in table.columns]
        (encoding,) = source.execute("PRAGMA encoding").fetchone()
        wide = encoding.lower() if encoding != "UTF-8" else None
        columns = source.execute(
            "SELECT name, pk, hidden FROM pragma_table_xinfo(?)", (table.name,)
        ).fetchall()
        self.virtual = frozenset(name for name, _, hidden in columns if hidden == _VIRTUAL)
        key = self._key_columns(source, [(name, pk) for name, pk, _ in columns])
        source.text_factory = Text
        read = self._read(source, [*self._names, *key], wide)
        self._rows = [row[: len(self._names)] for row in read]
        self._keys = [_canonical_key(row[len(self._names) :]) for row in read if key]
        self._facts = [
            Facts.of([row[position] for row in self._rows], table.zone)
            for position in range(len(self._names))
        ]
        self.transforms: Counter[tuple[str, str]] = Counter()
        self._quarantined = self._find_quarantined()
        self.rows_unknown = 0 if table.quarantine is not None and self._keys else table.quarantined
        """Rows in quarantine of which nobody can say which ones they are."""

    def _read(self, source: sqlite3.Connection, names: list[str], wide: str | None) -> list[tuple[Any, ...]]:
        table = quote(self._table.name)
        terms = [f"t.{quote(name)}" for name in names]
        # In a UTF-16 database SQLite's own translation to UTF-8 hides half surrogates: look at the bytes as well.
        both = [*terms, *(f"CASE typeof({n}) WHEN 'text' THEN CAST({n} AS BLOB) END" for n in terms if wide)]
        rows = source.execute(f"SELECT {', '.join(both) or '0'} FROM {table} AS t NOT INDEXED").fetchall()
        if not wide:
            return rows if terms else [() for _ in rows]
        count = len(terms)
        return [
            tuple(
                Text.wide(value, raw, wide) if isinstance(value, Text) else value
                for value, raw in zip(row[:count], row[count:], strict=True)
            )
            for row in rows
        ]

    def _key_columns(self, source: sqlite3.Connection, columns: list[tuple[str, int]]) -> list[str]:
        """Return the names of what tells rows apart; nothing where nothing does."""
        if self._is_without_rowid(source):
            return [name for name, _ in sorted((c for c in columns if c[1]), key=lambda c: c[1])]
        taken = {name.lower() for name, _ in columns}
        free = [name for name in _ROWIDS if name not in taken]
        keyed = [name for name, position in columns if position]
        for name in free[:1] or keyed[:1]:
            (odd,) = source.execute(
                f"SELECT count(*) FROM {quote(self._table.name)} AS t WHERE typeof(t.{quote(name)}) <> 'integer'"
            ).fetchone()
            return [] if odd else [name]
        return []

    def _is_without_rowid(self, source: sqlite3.Connection) -> bool:
        statement = "SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'"
        return bool(source.execute(statement, (self._table.name,)).fetchone()[0])

    def _find_quarantined(self) -> set[int]:
        """Return the positions of the rows that the quarantine names."""
        self._lost: list[str] = []
        if self._table.quarantine is None or not self._keys:
            return set()
        by_key: dict[Key, list[int]] = defaultdict(list)
        for position, key in enumerate(self._keys):
            by_key[key].append(position)
        found: set[int] = set()
        for value in self._table.quarantine:
            column = self._names.index(value.column)
            fitting = [
                position
                for position in by_key[_canonical_key(value.key)]
                if self._is_original(value, self._rows[position][column])
            ]
            if fitting:
                found.update(fitting[:1])
            else:
                holds = [
                    original(self._rows[position][column]) for position in by_key[_canonical_key(value.key)]
                ]
                self._lost.append(
                    f"{self._table.name}: the quarantine's {value} is not what SQLite holds: {holds}"
                )
        return found

    def _is_original(self, value: QuarantinedValue, held: Any) -> bool:
        known = original(held)
        # How many digits of a computed real SQLite prints differs between its versions.
        if value.column in self.virtual:
            return (value.storage_class, _shortened(_printed(value.original))) in [
                (storage_class, _shortened(_printed(raw))) for storage_class, raw in known
            ]
        return (value.storage_class, value.original) in known

    def quarantine_problems(self) -> list[str]:
        """Return what is wrong with the quarantine of this table."""
        problems = list(self._lost)
        known = self._table.quarantine is not None and self._keys
        if known and len(self._quarantined) != self._table.quarantined:
            problems.append(
                f"{self._table.name}: {self._table.quarantined} rows are said to be in quarantine,"
                f" but it names {len(self._quarantined)}"
            )
        return problems

    def expected_rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield what the rows should have become, but for those in quarantine."""
        for position, row in enumerate(self._rows):
            if position in self._quarantined:
                continue
            for value, name, kind, facts in zip(row, self._names, self._kinds, self._facts, strict=True):
                change = None if name in self._table.computed else transform(value, kind, facts)
                if change is not None:
                    self.transforms[name, change] += 1
            yield tuple(
                expected(value, kind, facts)
                for value, kind, facts in zip(row, self._kinds, self._facts, strict=True)
            )


def _canonical_key(values: Iterable[Any]) -> Key:
    """Return a key as the quarantine writes it; numbers in one spelling, which differs between versions of SQLite."""
    return tuple(_canonical_part(value) for value in values)


def _canonical_part(value: Any) -> str:
    if isinstance(value, bytes):
        # jsonb holds no NUL, so that the quarantine escapes it.
        text = value.decode("utf-8", "replace").replace("\0", "\\x00")
        value = text if isinstance(value, Text) else value.hex().upper()
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        return value
    text = str(value)
    return text if text.lstrip("-").isdecimal() else repr(float(value))


def _fifteen_digits(row: tuple[Any, ...], virtual: Sequence[bool]) -> tuple[Any, ...]:
    """Shorten the reals that SQLite computes from texts: how many digits it prints differs between its versions."""
    return tuple(
        _shortened(value) if computed else value for value, computed in zip(row, virtual, strict=True)
    )


def _printed(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")


def _shortened(value: Any) -> Any:
    if isinstance(value, str):
        return _REAL.sub(lambda found: f"{float(found[0]):.12g}", value)
    match value:
        case int() if abs(value) >= _FIFTEEN_DIGITS:  # a text of a real that became a whole number again
            return ("number", f"{value:.12g}")
        case ("float", bytes() as raw):
            return ("number", f"{struct.unpack('>d', raw)[0]:.12g}")
        case ("numeric", (int() as sign, str() as digits, int() as exponent)):
            return ("number", f"{float(f'{digits}e{exponent}') * (-1) ** sign:.12g}")
    return value


def _target_rows(connection: psycopg.Connection[Any], table: ReportedTable) -> Iterator[tuple[Any, ...]]:
    set_json_loads(lambda document: ("json", canonical_json(document)), connection)
    columns = sql.SQL(", ").join(sql.Identifier(name) for _, name, _ in table.columns)
    statement = sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table.schema, table.target))
    with connection.cursor(name="independent") as cursor:
        for row in cursor.execute(statement):
            yield tuple(stored(value, kind) for value, (_, _, kind) in zip(row, table.columns, strict=True))
