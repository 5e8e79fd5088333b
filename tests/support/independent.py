"""Compares a migrated table with its SQLite original, row by row, in plain Python.

Shares no code with the copy path: values are read with sqlite3 and psycopg, and what a value should have become
is written down here once more, from the documentation.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import set_json_loads

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
JULIAN_EPOCH = 2440587.5


@dataclass(frozen=True)
class ReportedTable:
    """What report.json says of a table."""

    name: str
    schema: str
    target: str
    columns: tuple[tuple[str, str, str], ...]  # source name, target name, target type
    quarantined: int


def compare(snapshot: Path, connection: psycopg.Connection[Any], table: ReportedTable) -> list[str]:
    """Return a sentence for each difference; nothing where all rows are equal or accounted for."""
    expected = Counter(_source_rows(snapshot, table))
    found = Counter(_target_rows(connection, table))
    missing, extra = expected - found, found - expected
    problems = []
    if extra:
        problems.append(
            f"{table.name}: {extra.total()} rows that the source does not have, e.g. {next(iter(extra))}"
        )
    if missing.total() != table.quarantined:
        problems.append(
            f"{table.name}: {missing.total()} rows are missing, {table.quarantined} are in quarantine,"
            f" e.g. {next(iter(missing), None)}"
        )
    return problems


def _source_rows(snapshot: Path, table: ReportedTable) -> Iterable[tuple[Any, ...]]:
    names = ", ".join('"' + name.replace('"', '""') + '"' for name, _, _ in table.columns)
    quoted = '"' + table.name.replace('"', '""') + '"'
    with closing(sqlite3.connect(f"{snapshot.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.text_factory = _Text
        for row in connection.execute(f"SELECT {names} FROM {quoted}"):
            yield tuple(expected(value, kind) for value, (_, _, kind) in zip(row, table.columns, strict=True))


class _Text(bytes):
    """Text as its bytes, told apart from a blob."""


def _target_rows(connection: psycopg.Connection[Any], table: ReportedTable) -> Iterable[tuple[Any, ...]]:
    set_json_loads(lambda document: ("json", canonical_json(document)), connection)
    columns = sql.SQL(", ").join(sql.Identifier(name) for _, name, _ in table.columns)
    statement = sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(table.schema, table.target))
    with connection.cursor(name="independent") as cursor:
        for row in cursor.execute(statement):
            yield tuple(stored(value, kind) for value, (_, _, kind) in zip(row, table.columns, strict=True))


def stored(value: Any, kind: str) -> Any:
    """Return a PostgreSQL value in comparable form."""
    if value is None:
        return None
    if isinstance(value, float):
        return ("float", struct.pack(">d", value))
    if isinstance(value, Decimal):
        return ("numeric", value.normalize() if value else Decimal(0))
    if isinstance(value, memoryview | bytes | bytearray):
        return ("bytes", bytes(value))
    if isinstance(value, datetime):
        return ("instant", value.astimezone(UTC))
    if kind.startswith(("char(", "character(")):
        return value.rstrip(" ")
    return value


def expected(value: Any, kind: str) -> Any:
    """Return what a SQLite value should have become in a column of this type, in comparable form."""
    if value is None:
        return None
    base = kind.partition("(")[0].strip().lower()
    if isinstance(value, _Text):
        return _expected_text(value, base, kind)
    if isinstance(value, bytes):
        return ("bytes", value) if base == "bytea" else value.decode("utf-8", "replace")
    if base in ("smallint", "integer", "bigint"):
        return value
    if base == "boolean":
        return bool(value)
    if base == "double precision":
        return ("float", struct.pack(">d", float(value)))
    if base == "numeric":
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        return ("numeric", number.normalize() if number else Decimal(0))
    if base in ("text", "varchar", "character varying", "char"):
        return repr(value)
    if base.startswith("timestamp"):
        return ("instant", _instant(value))
    if base == "date":
        return _instant(value).date()
    raise AssertionError(f"{value!r} should not be in a column of type {kind}")


def _instant(value: float) -> datetime:
    if isinstance(value, float) and 1721425.5 <= value <= 5373484.5:
        return EPOCH + timedelta(days=value - JULIAN_EPOCH)
    if isinstance(value, float):
        return EPOCH + timedelta(seconds=value)
    for scale in (1, 1_000, 1_000_000):
        if abs(value) < 10**11 * scale:
            return EPOCH + timedelta(microseconds=value * (1_000_000 // scale))
    raise AssertionError(f"{value} is no instant")


def _expected_text(raw: bytes, base: str, kind: str) -> Any:
    if base == "bytea":
        return ("bytes", bytes(raw))
    text = raw.decode("utf-8", "replace").replace("\0", "")
    if base in ("text", "varchar", "character varying"):
        return text
    if base == "char":
        return text.rstrip(" ")
    if text == "":
        return None
    if base == "jsonb":
        return ("json", canonical_json(text))
    if base == "boolean":
        return text.strip().lower() in ("1", "t", "true", "y", "yes", "on")
    if base == "date":
        return date.fromisoformat(text[:10])
    if base == "time":
        return time.fromisoformat(text)
    if base.startswith("timestamp"):
        moment = datetime.fromisoformat(text)
        return ("instant", moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC))
    if base == "numeric":
        number = Decimal(text)
        return ("numeric", number.normalize() if number else Decimal(0))
    if base == "double precision":
        return ("float", struct.pack(">d", float(text)))
    if base in ("smallint", "integer", "bigint"):
        return int(text)
    raise AssertionError(f"{text!r} should not be in a column of type {kind}")


def canonical_json(document: str | bytes) -> str:
    """Return JSON with sorted keys and exact numbers."""
    parsed = json.loads(document, parse_float=lambda digits: f"#{Decimal(digits).normalize()}")
    return json.dumps(parsed, sort_keys=True)
