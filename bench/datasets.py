"""Tables to measure with: the same rows each time, made once and kept."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

MIXED_TABLE = "mixed"

_MIXED_SQL = """CREATE TABLE mixed (
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


def mixed_database(folder: Path, rows: int) -> Path:
    """Return a SQLite file with one table of ten columns of mixed types; about 150 bytes a row."""
    path = folder / f"mixed-{rows}.db"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(_MIXED_SQL)
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO mixed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", _mixed_rows(rows)
            )
            connection.execute("COMMIT")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _mixed_rows(rows: int) -> Iterator[tuple[object, ...]]:
    roll = random.Random(1).random  # noqa: S311  # dice for test data

    def below(limit: int) -> int:
        return int(roll() * limit)

    for row in range(1, rows + 1):
        yield (
            row,
            1 + below(100_000),
            below(10**12),
            f"user name {below(10**6)}",
            "lorem ipsum dolor sit amet " * (1 + below(2)),
            f'{{"k": {below(1000)}, "tags": ["a", "b"]}}',
            roll() * 1000,
            below(2),
            f"2024-{1 + below(12):02d}-{1 + below(28):02d} {below(24):02d}:{below(60):02d}:{below(60):02d}",
            f"2023-{1 + below(12):02d}-{1 + below(28):02d}",
        )
