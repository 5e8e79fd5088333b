"""The program that computes, row by row, what the schema of a file computes: once, to know what it comes to.

Runs in a confined process. It imports nothing heavy.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from migration.source.snapshot_connection import connect_snapshot

_BEYOND: Final = frozenset({"SQLITE_TOOBIG", "SQLITE_NOMEM"})


def compute(request: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Compute each value that is asked for; stop at the first that is beyond a bound.

    The request has `path`, `queries` (each gives one value for each row), `most_bytes` of all values together,
    `longest_bytes` of one, `most_rows` of a query, and `memory_bytes` for SQLite. Answers are ``{"begun": n}`` before
    each query, and at last ``{"bytes": n}``, or what was beyond: ``{"beyond": "bytes" | "longest" | "rows"}``.
    A value that SQLite cannot compute ends its query and is no concern of ours.
    """
    left = request["most_bytes"]
    with closing(connect_snapshot(Path(request["path"]))) as connection:
        connection.text_factory = bytes
        connection.execute(f"PRAGMA hard_heap_limit = {int(request['memory_bytes'])}").close()
        for number, query in enumerate(request["queries"]):
            answer({"begun": number})
            try:
                rows, left, longest = _run(connection, query, request, left)
            except MemoryError:
                answer({"beyond": "longest"})
                return
            except sqlite3.Error as error:
                if error.sqlite_errorname in _BEYOND:
                    answer({"beyond": "longest"})
                    return
                continue
            beyond = _beyond(rows, left, longest, request)
            if beyond:
                answer({"beyond": beyond})
                return
    answer({"bytes": request["most_bytes"] - left})


def _run(
    connection: sqlite3.Connection, query: str, request: dict[str, Any], left: int
) -> tuple[int, int, int]:
    """Return how many rows there were, how many bytes are left, and the longest value.

    Not all rows are read where that is too much already. SQLite's own limit for the length of a value is no help:
    `printf()` makes NULL of what is beyond it, and the Arrow driver, which cannot be limited, all of it.
    """
    rows = longest = 0
    with closing(connection.execute(query)) as cursor:
        while not _beyond(rows, left, longest, request):
            row = cursor.fetchone()
            if row is None:
                break
            rows += 1
            if isinstance(row[0], bytes):
                left -= len(row[0])
                longest = max(longest, len(row[0]))
    return rows, left, longest


def _beyond(rows: int, left: int, longest: int, request: dict[str, Any]) -> str:
    if longest > request["longest_bytes"]:
        return "longest"
    if left < 0:
        return "bytes"
    return "rows" if rows > request["most_rows"] else ""
