"""Judges what any tool has made of a SQLite database, by names and types of pg_catalog and the rows alone.

What a value should have become is that of tests/support/independent_values.py, which shares nothing with Convoy's copy
path. A value in a type that cannot hold it counts as different, and so does a row of which a column is missing.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

from tests.support.independent_values import Facts, Text, canonical_json, expected, stored

_COLUMNS: Final = """
SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'convoy' AND n.nspname <> 'information_schema'
  AND n.nspname NOT LIKE 'pg\\_%' ORDER BY n.nspname, c.relname, a.attnum
"""
# The same values by other names. A `real` is judged by what it prints, which is in its favour.
_SAME: Final = {
    "character": "char",
    "real": "double precision",
    "time without time zone": "time",
    "timestamp without time zone": "timestamp with time zone",
    "uuid": "text",
    "name": "text",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one database. Rows are counted over its ordinary tables."""

    tables: int
    tables_whole: int
    rows: int
    rows_equal: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]


def judge(source: Path, url: str, names: Mapping[str, str]) -> Verdict:
    """Compare every ordinary table of a database with what stands in PostgreSQL.

    Args:
        source: the SQLite file; only read.
        url: the PostgreSQL database that holds nothing but this migration (schema `convoy` aside).
        names: table of the source → table of the target, where the tool says so; else equal but for case.
    """
    problems: list[str] = []
    tables = whole = rows = equal = 0
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro&immutable=1", uri=True)) as lite,
        psycopg.connect(url) as connection,
    ):
        set_json_loads(lambda document: ("json", canonical_json(document)), connection)
        there = _tables(connection)
        listed = lite.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        for (name,) in listed:
            tables += 1
            columns = [row[1] for row in lite.execute(f"PRAGMA table_xinfo({_quote(name)})")]
            (count,) = lite.execute(f"SELECT count(*) FROM {_quote(name)}").fetchone()
            rows += count
            found = there.get(names.get(name, name)) or there.get(name.lower())
            if found is None:
                problems.append(f"{name}: no table")
                continue
            paired = _pair(columns, found)
            if isinstance(paired, str):
                problems.append(f"{name}: {paired}")
                continue
            wanted = Counter(_source_rows(lite, name, columns, [kind for _, kind in paired]))
            extra = Counter(_target_rows(connection, found, paired))
            same = (wanted & extra).total()
            equal += same
            surplus = (extra - wanted).total()
            whole += same == count and not surplus
            if surplus:
                problems.append(f"{name}: {surplus:,} rows differ from the source")
            if count - same - surplus > 0:
                problems.append(f"{name}: {count - same - surplus:,} rows are not there")
    return Verdict(tables, whole, rows, equal, tuple(problems))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _tables(connection: psycopg.Connection[Any]) -> dict[str, _Found]:
    columns: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for schema, table, column, kind in connection.execute(_COLUMNS):
        columns.setdefault((schema, table), []).append((column, kind))
    return {table: _Found(schema, table, tuple(found)) for (schema, table), found in columns.items()}


def _pair(columns: list[str], found: _Found) -> list[tuple[str, str]] | str:
    """Return name and type of the target's column for each of the source's, or which one is missing."""
    kinds = dict(found.columns)
    if len(columns) == len(found.columns) and {c.lower() for c in columns} != {c.lower() for c in kinds}:
        return list(found.columns)  # renamed, in the same order
    by_lower = {name.lower(): name for name in kinds}
    missing = [name for name in columns if name not in kinds and name.lower() not in by_lower]
    if missing:
        return f"no column {', '.join(missing)}"
    exact = [name if name in kinds else by_lower[name.lower()] for name in columns]
    return [(name, kinds[name]) for name in exact]


def _source_rows(
    lite: sqlite3.Connection, table: str, columns: list[str], kinds: list[str]
) -> Iterator[tuple[Any, ...]]:
    lite.text_factory = Text
    try:
        terms = ", ".join(f"t.{_quote(name)}" for name in columns)
        rows = lite.execute(f"SELECT {terms} FROM {_quote(table)} AS t").fetchall()
    finally:
        lite.text_factory = str
    facts = [Facts.of([row[position] for row in rows]) for position in range(len(columns))]
    usual = [_usual(kind) for kind in kinds]
    for row in rows:
        yield tuple(expected(value, kind, fact) for value, kind, fact in zip(row, usual, facts, strict=True))


def _target_rows(
    connection: psycopg.Connection[Any], table: _Found, columns: list[tuple[str, str]]
) -> Iterator[tuple[Any, ...]]:
    terms = sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    statement = sql.SQL("SELECT {} FROM {}").format(terms, sql.Identifier(table.schema, table.name))
    for row in connection.execute(statement):
        yield tuple(
            stored(_in_utc(value), _usual(kind)) for value, (_, kind) in zip(row, columns, strict=True)
        )


def _usual(kind: str) -> str:
    base, bracket, rest = kind.partition("(")
    return _SAME.get(base.strip(), base.strip()) + bracket + rest


def _in_utc(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) and value.tzinfo is None else value
