"""Files that somebody has made to do harm. Each is small; what it asks for is not."""

from __future__ import annotations

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = 4096
_FAN_OUT: Final = 300
_LEVELS: Final = 8


def with_column(path: Path, declared: str, rows: int = 2, options: str = "") -> Path:
    """Make a table of so many rows with a column that is computed; SQLite itself would compute it on the way in."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            f"CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB AS (1)) {options};"
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT "
            f"{rows}) INSERT INTO t (id) SELECT x FROM n;"
        )
        connection.execute("PRAGMA writable_schema = ON")
        sql = f"CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB {declared}) {options}"
        connection.execute("UPDATE sqlite_schema SET sql = ?", (sql,))
        connection.commit()
    return path


def with_endless_pages(path: Path, script: str = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)") -> Path:
    """Make a table whose interior pages all lead to the same page below: 300^8 times the one row."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"PRAGMA page_size = {_PAGE_BYTES}; {script};")
        connection.execute("INSERT INTO t (id, v) VALUES (1, 'x')")
        connection.commit()
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 't'").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    data = bytearray(path.read_bytes())
    leaf = bytes(data[(root - 1) * _PAGE_BYTES : root * _PAGE_BYTES])
    last = pages + _LEVELS
    data[(root - 1) * _PAGE_BYTES : root * _PAGE_BYTES] = _interior(pages + 1)
    for number in range(pages + 1, last):
        data += _interior(number + 1)
    data += leaf
    data[28:32] = last.to_bytes(4, "big")
    path.write_bytes(data)
    return path


def _interior(child: int) -> bytes:
    """Return an interior page of a table b-tree (https://www.sqlite.org/fileformat2.html#b_tree_pages)."""
    cell = child.to_bytes(4, "big") + b"\x01"
    start = _PAGE_BYTES - _FAN_OUT * len(cell)
    pointers = b"".join((start + n * len(cell)).to_bytes(2, "big") for n in range(_FAN_OUT))
    header = b"\x05" + bytes(2) + _FAN_OUT.to_bytes(2, "big") + start.to_bytes(2, "big") + b"\0"
    body = header + child.to_bytes(4, "big") + pointers
    return body + bytes(start - len(body)) + cell * _FAN_OUT


def with_endless_r_tree(path: Path) -> Path:
    """Make an R-Tree of which each node leads to the same node below, all of them sound blobs to SQLite's check."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE VIRTUAL TABLE box USING rtree (id, x0, x1);INSERT INTO box VALUES (1, 1, 1);"
        )
        (size,) = connection.execute("SELECT max(length(data)) FROM box_node").fetchone()
        depth = 6
        for number in range(1, depth + 1):
            child = number + 1
            cell = child.to_bytes(8, "big") + b"\xff\x7f\xff\xff" + b"\x7f\x7f\xff\xff"
            head = (depth - 1 if number == 1 else 0).to_bytes(2, "big") + (50).to_bytes(2, "big")
            blob = head + cell * 50
            connection.execute(
                "INSERT OR REPLACE INTO box_node (nodeno, data) VALUES (?, ?)",
                (number, blob.ljust(size, b"\0")),
            )
        connection.commit()
    return path


def packed_zeros(path: Path, content_bytes: int) -> Path:
    """Make a gzip file that begins like a database and goes on with zeros: a thousandth of what is in it."""
    with closing(sqlite3.connect(path.with_suffix(".raw"))) as connection:
        connection.execute("CREATE TABLE t (a)")
    start = path.with_suffix(".raw").read_bytes()
    piece = bytes(1 << 20)
    with gzip.open(path, "wb") as file:
        file.write(start)
        for _ in range(content_bytes // len(piece)):
            file.write(piece)
    return path
