"""The databases to measure with, and which of them are chosen."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.contender_names import BUT_UNPROVED, COPY_ALONE
from bench.database_recipe import DataSet, Table
from bench.distinct_values import kinds, orders

CHINOOK = "chinook"
_LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et "
    "dolore magna aliqua. Größe, naïve, 数据库. "
)
_MIXED_SQL = """CREATE TABLE {name} (
    id integer PRIMARY KEY,
    user_id integer NOT NULL,
    score bigint,
    name varchar(40),
    body text,
    meta json,
    ratio double,
    active boolean,
    created_at timestamp,
    day date
)"""
_WIDE_COLUMNS = 200
_WIDE_TYPES = ("integer", "double", "text", "boolean", "bigint", "varchar(20)")


def _dice(seed: int) -> Callable[[int], int]:
    roll = random.Random(seed).random  # noqa: S311  # dice for test data

    def below(limit: int) -> int:
        return int(roll() * limit)

    return below


def _mixed_rows(rows: int, seed: int = 1) -> Iterator[tuple[object, ...]]:
    below = _dice(seed)
    for row in range(1, rows + 1):
        yield (
            row,
            1 + below(100_000),
            below(10**12),
            f"user name {below(10**6)}",
            "lorem ipsum dolor sit amet " * (1 + below(2)),
            f'{{"k": {below(1000)}, "tags": ["a", "b"]}}',
            below(10**15) / 1e12,
            below(2),
            f"2024-{1 + below(12):02d}-{1 + below(28):02d} {below(24):02d}:{below(60):02d}:{below(60):02d}",
            f"2023-{1 + below(12):02d}-{1 + below(28):02d}",
        )


def _dirty_rows(rows: int) -> Iterator[tuple[object, ...]]:
    """The rows of `mixed`, of which every hundredth spells a date or time as no columnar rule can read it."""
    for number, row in enumerate(_mixed_rows(rows)):
        if number % 200 == 0:
            yield (*row[:8], f"{row[8]}.1234560", row[9])
        elif number % 200 == 100:
            year, month, day = str(row[9]).split("-")
            yield (*row[:9], f"{year}-{int(month)}-{int(day)}")
        else:
            yield row


def _narrow_rows(rows: int) -> Iterator[tuple[object, ...]]:
    below = _dice(2)
    return ((row, below(10**6), below(10**12)) for row in range(1, rows + 1))


def _text_rows(rows: int) -> Iterator[tuple[object, ...]]:
    below = _dice(3)
    return ((row, _LOREM * (1 + below(12))) for row in range(1, rows + 1))


def _blob_rows(rows: int) -> Iterator[tuple[object, ...]]:
    dice = random.Random(4)  # noqa: S311  # as above
    return ((row, dice.randbytes(10_000)) for row in range(1, rows + 1))


def _wide_rows(rows: int) -> Iterator[tuple[object, ...]]:
    below = _dice(5)
    makers: tuple[Callable[[], object], ...] = (
        lambda: below(10**9),
        lambda: below(10**15) / 1e12,
        lambda: f"text {below(10**6)}",
        lambda: below(2),
        lambda: below(10**15),
        lambda: f"v{below(10**6)}" if below(3) else None,
    )
    columns = [makers[column % len(makers)] for column in range(_WIDE_COLUMNS - 1)]
    return ((row, *(make() for make in columns)) for row in range(1, rows + 1))


def _textpk_rows(rows: int) -> Iterator[tuple[object, ...]]:
    dice = random.Random(6)  # noqa: S311  # as above
    for row in range(rows):
        yield (
            str(uuid.UUID(int=dice.getrandbits(128), version=4)),
            row,
            f"item {row}",
            f"2024-01-{1 + row % 28:02d} 12:00:00",
        )


def _wide_sql() -> str:
    columns = ", ".join(f"c{n} {_WIDE_TYPES[n % len(_WIDE_TYPES)]}" for n in range(_WIDE_COLUMNS - 1))
    return f"CREATE TABLE wide (id integer PRIMARY KEY, {columns})"


def mixed(rows: int, name: str = "mixed", contenders: tuple[str, ...] = ()) -> DataSet:
    """Ten typed columns, about 150 bytes a row, with primary key and one index."""
    sql = (_MIXED_SQL.format(name="mixed"), "CREATE INDEX mixed_user_id ON mixed (user_id)")
    table = Table("mixed", sql, rows, 10, _mixed_rows)
    return DataSet(name, f"{rows:,} rows of 10 typed columns", (table,), contenders=contenders)


def _many(tables: int) -> DataSet:
    made = tuple(
        Table(
            f"t{number:03d}",
            (
                _MIXED_SQL.format(name=f"t{number:03d}"),
                f"CREATE INDEX t{number:03d}_user ON t{number:03d} (user_id)",
            ),
            20 + number % 100,
            10,
            _mixed_rows,
        )
        for number in range(tables)
    )
    return DataSet("many", f"{tables} tables of 20 to 119 rows", made, contenders=BUT_UNPROVED)


def _single(
    name: str,
    what: str,
    sql: tuple[str, ...],
    columns: int,
    values: Callable[[int], Iterator[tuple[object, ...]]],
    rows: int,
    contenders: tuple[str, ...] = BUT_UNPROVED,
) -> DataSet:
    table = Table(name, sql, rows, columns, values)
    return DataSet(name, f"{rows:,} {what}", (table,), contenders=contenders)


def data_sets(*, full: bool, chinook: Path | None) -> list[DataSet]:
    """Return what is measured, in order; sizes of the issue where `full`, a tenth or less otherwise."""

    def size(large: int, small: int) -> int:
        return large if full else small

    dirty_sql = (_MIXED_SQL.format(name="dirty"), "CREATE INDEX dirty_user_id ON dirty (user_id)")
    narrow_sql = ("CREATE TABLE narrow (id integer PRIMARY KEY, a integer, b bigint)",)
    text_sql = ("CREATE TABLE text (id integer PRIMARY KEY, body text)",)
    blob_sql = ("CREATE TABLE blob (id integer PRIMARY KEY, data blob)",)
    textpk_sql = (
        "CREATE TABLE textpk (id varchar(36) PRIMARY KEY, number integer, name text, at timestamp) WITHOUT ROWID",
    )
    chosen = [
        orders(size(2_000_000, 100_000)),
        mixed(size(2_000_000, 200_000)),
        mixed(size(10_000_000, 1_000_000), "mixed-x5", COPY_ALONE),
        _single(
            "dirty",
            "rows like mixed, 1 % off the columnar path",
            dirty_sql,
            10,
            _dirty_rows,
            size(2_000_000, 200_000),
            COPY_ALONE,
        ),
        _single("narrow", "rows of 3 integers", narrow_sql, 3, _narrow_rows, size(20_000_000, 500_000)),
        _single("text", "rows with about 1 kB of text", text_sql, 2, _text_rows, size(500_000, 20_000)),
        _single("blob", "blobs of 10 kB", blob_sql, 2, _blob_rows, size(100_000, 5_000)),
        _single(
            "wide", "rows of 200 columns", (_wide_sql(),), _WIDE_COLUMNS, _wide_rows, size(200_000, 5_000)
        ),
        _single("textpk", "rows with UUID keys", textpk_sql, 4, _textpk_rows, size(2_000_000, 100_000)),
        _many(size(500, 500)),
        *kinds(size(1_000_000, 50_000)),
    ]
    if chinook is not None:
        chosen.append(
            DataSet(CHINOOK, "the Chinook sample database, 11 tables", path=chinook, contenders=BUT_UNPROVED)
        )
    return chosen


def find_chinook() -> Path | None:
    """Return a Chinook database that lies beside the checkout."""
    beside = Path(__file__).resolve().parents[2]
    found = sorted(beside.glob("*/databases/chinook/*.sqlite"))
    return found[0] if found else None
