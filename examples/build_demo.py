"""Builds the database that `make demo` migrates: the educational platform's 34 tables in one SQLite file.

On the platform each app has a file of its own. Foreign keys cannot cross files in SQLite, so the demo puts all
apps into one, and the second `question` is called `comprehension_question` there. The same scale gives the same
rows anywhere.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from examples.demo import analytics, comprehension, core, gamification, math, reading
from examples.demo.dice import Dice, Sizes
from migration.catalog import CATALOG, CatalogTable, create_sql, find, index_sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ROWS: Mapping[str, Mapping[str, Callable[[Sizes, Dice], Iterator[tuple[object, ...]]]]] = {
    "core": core.ROWS,
    "gamification": gamification.ROWS,
    "analytics": analytics.ROWS,
    "math": math.ROWS,
    "reading": reading.ROWS,
    "comprehension": comprehension.ROWS,
}

_INDEXES_AND_VIEWS = (
    "CREATE INDEX question_history_latest ON question_history (user_id, created_at DESC)",
    "CREATE INDEX user_note_signed ON user_note (user_id) WHERE created_by IS NOT NULL",
    """CREATE VIEW leaderboard AS
SELECT users.username, user_xp.total_xp, user_xp.level
FROM users JOIN user_xp ON user_xp.user_id = users.id
WHERE user_xp.level >= 50""",
)


def name_in_file(app: str, name: str) -> str:
    """Return a table's name in the one file of all apps: its own, where no app before it has taken that."""
    return name if find(name)[0].app == app else f"{app}_{name}"


def build(path: Path, scale: float = 1.0) -> int:
    """Write the database and return how many rows it has; `path` appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            rows = _fill(connection, Sizes.scaled(scale))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return rows


def _fill(connection: sqlite3.Connection, sizes: Sizes) -> int:
    # The file is thrown away when this stops half way, so that nothing has to be safe on disk before the end.
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN")
    for table in CATALOG:
        connection.execute(create_sql(table, name_in_file))
        rows = _ROWS[table.app][table.name](sizes, Dice(f"convoy:{table.app}.{table.name}"))
        connection.executemany(_insert_sql(table), rows)
        for sql in index_sql(table, name_in_file):
            connection.execute(sql)
    for sql in _INDEXES_AND_VIEWS:
        connection.execute(sql)
    connection.execute("COMMIT")
    return connection.total_changes


def _insert_sql(table: CatalogTable) -> str:
    marks = ", ".join("?" * len(table.columns))
    return f"INSERT INTO {name_in_file(table.app, table.name)} VALUES ({marks})"


def main(arguments: list[str] | None = None) -> int:
    """Build the database that the command line asks for."""
    parser = argparse.ArgumentParser(description="Build the educational demo database.")
    parser.add_argument("--out", type=Path, default=Path(".cache/demo/educational.db"), metavar="FILE")
    parser.add_argument(
        "--rows-scale", type=float, default=1.0, metavar="X", help="1.0 makes about 360,000 rows"
    )
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    rows = build(options.out, options.rows_scale)
    size_mb = options.out.stat().st_size / 1e6
    seconds = time.perf_counter() - started
    print(f"Built {options.out}: {len(CATALOG)} tables, {rows:,} rows, {size_mb:.0f} MB, in {seconds:.1f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
