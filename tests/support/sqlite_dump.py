"""Dumps as SQLite's own shell and Cloudflare's D1 write them, for hosts without either."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa

EVERYTHING = """
CREATE TABLE value (id INTEGER PRIMARY KEY AUTOINCREMENT, whole INTEGER, real REAL, text TEXT, blob BLOB, loose);
CREATE TABLE "odd name" ("a ""quoted"" one" TEXT, [in brackets] TEXT, `order` INTEGER);
CREATE TABLE pair (a TEXT, b INTEGER, c TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child (
    id INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES parent (id), -- a comment; with a semicolon
    price NUMERIC CHECK (price >= 0),
    doubled INTEGER GENERATED ALWAYS AS (price * 2) STORED,
    shown TEXT AS (parent_id || ';' || price) VIRTUAL
);
CREATE INDEX child_parent ON child (parent_id) WHERE price > 1;
CREATE VIEW cheap AS SELECT id, 'it''s; cheap' AS word FROM child WHERE price < 3;
CREATE TRIGGER counted AFTER INSERT ON child BEGIN
    UPDATE parent SET name = name || ';' WHERE id = new.parent_id;
    SELECT CASE WHEN new.price > 5 THEN 1 END;
END;
CREATE VIRTUAL TABLE page USING fts5 (title, body);
"""
TEXTS = [
    "",
    "it's; -- no comment /* nor this",
    "two\nlines\r\n",
    "\\n and \\012",
    "ä€😀",
    "\ufeff",
    '"',
    "[",
    "`",
    "tab\tbell\a",
]


def make_everything(path: Path) -> Path:
    """Make a database of all store classes and kinds of objects."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(EVERYTHING)
        rows = [(None, 1.5, text, text.encode(), text) for text in TEXTS]
        rows += [(2**63 - 1, 1e999, "x" * 3000, bytes(range(256)), 5), (-(2**63), -1e999, "y", b"", 0.1)]
        rows += [(0, 5e-324, "z", None, b"\0"), (7, 1.7976931348623157e308, None, b"';", None)]
        connection.executemany(
            "INSERT INTO value (whole, real, text, blob, loose) VALUES (?, ?, ?, ?, ?)", rows
        )
        connection.execute("DELETE FROM value WHERE id = (SELECT max(id) FROM value)")
        connection.execute("""INSERT INTO "odd name" VALUES ('; "', ' ''', 3)""")
        connection.executemany("INSERT INTO pair VALUES (?, ?, ?)", [("a", 2, "x"), ("a", 1, None)])
        connection.executemany("INSERT INTO parent VALUES (?, ?)", [(1, "one"), (2, "two;")])
        connection.executemany(
            "INSERT INTO child (parent_id, price) VALUES (?, ?)", [(1, 2), (2, 7.25), (1, 0)]
        )
        connection.executemany(
            "INSERT INTO page VALUES (?, ?)", [("first", "some words"), ("second", "other")]
        )
    return path


def shell_dump(database: Path, *, is_newest: bool = False) -> bytes:
    """Return what `sqlite3 FILE .dump` writes; `is_newest`: from 3.50 on, which escapes control characters."""
    return b"\n".join(line.encode() for line in _shell_lines(database, is_newest=is_newest)) + b"\n"


def d1_export(database: Path) -> bytes:
    """Return what `wrangler d1 export` writes, which knows no virtual tables."""
    with closing(sqlite3.connect(database)) as connection:
        lines = ["PRAGMA defer_foreign_keys=TRUE;"]
        for name, sql in _tables(connection):
            if name == "sqlite_sequence":
                lines.append("DELETE FROM sqlite_sequence;")
            elif not sql.startswith("CREATE VIRTUAL") and not name.startswith("page_"):
                lines.append(f"{sql};")
            else:
                continue
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_name(name)})")]
            listed = ",".join(map(_name, columns))
            for row in connection.execute(f"SELECT {listed} FROM {_name(name)}"):
                values = ",".join(_d1(value) for value in row)
                lines.append(f"INSERT INTO {_name(name)} ({listed}) VALUES({values});")
        lines += [f"{sql};" for sql in _rest(connection, "")]
    return "\n".join(lines).encode()


def real_shell_dump(database: Path) -> bytes | None:
    """Return the dump of the shell that is installed here, or None."""
    program = shutil.which("sqlite3")
    if program is None:
        return None
    return subprocess.run([program, str(database), ".dump"], check=True, capture_output=True).stdout


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def zstandard(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def _shell_lines(database: Path, *, is_newest: bool) -> Iterator[str]:
    with closing(sqlite3.connect(database)) as connection:
        yield "PRAGMA foreign_keys=OFF;"
        yield "BEGIN TRANSACTION;"
        is_writable = False
        for name, sql in _tables(connection):
            if name == "sqlite_sequence":
                yield "DELETE FROM sqlite_sequence;"
            elif sql.startswith("CREATE VIRTUAL"):
                if not is_writable:
                    yield "PRAGMA writable_schema=ON;"
                    is_writable = True
                yield (
                    "INSERT INTO sqlite_schema(type,name,tbl_name,rootpage,sql)"
                    f"VALUES('table',{_text(name)},{_text(name)},0,{_text(sql)});"
                )
                continue
            elif sql.startswith(("CREATE TABLE '", 'CREATE TABLE "')):
                yield f"CREATE TABLE IF NOT EXISTS {sql[13:]};"
            else:
                yield f"{sql};"
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_name(name)})")]
            for row in connection.execute(f"SELECT {','.join(map(_name, columns))} FROM {_name(name)}"):
                values = ",".join(_shell(value, is_newest=is_newest) for value in row)
                yield f"INSERT INTO {_name(name)} VALUES({values});"
        yield from (f"{sql};" for sql in _rest(connection, "DESC"))
        if is_writable:
            yield "PRAGMA writable_schema=OFF;"
        yield "COMMIT;"


def _tables(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
        " ORDER BY name = 'sqlite_sequence', rowid"
    ).fetchall()


def _rest(connection: sqlite3.Connection, order: str) -> list[str]:
    rows = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view') AND sql IS NOT NULL"
        f" ORDER BY type COLLATE NOCASE {order}"
    )
    return [sql for (sql,) in rows]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _shell(value: object, *, is_newest: bool) -> str:
    if not isinstance(value, str):
        return _plain(value)
    if is_newest and any(character < " " for character in value):
        escaped = "".join(f"\\u{ord(c):04x}" if c < " " else "\\\\" if c == "\\" else c for c in value)
        return f"unistr({_text(escaped)})"
    return _with_replace(value)


def _d1(value: object) -> str:
    if isinstance(value, float):
        return {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value, repr(value))
    return _with_replace(value) if isinstance(value, str) else _plain(value)


def _with_replace(value: str) -> str:
    text = value
    marks = []
    for character, first, second in (("\r", "\\r", "\\015"), ("\n", "\\n", "\\012")):
        if character in value:
            mark = second if first in value else first
            text = text.replace(character, mark)
            marks.append((mark, ord(character)))
    quoted = _text(text)
    for mark, code in marks:
        quoted = f"replace({quoted},'{mark}',char({code}))"
    return quoted


def _plain(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if isinstance(value, float):
        return {float("inf"): "1e999", float("-inf"): "-1e999"}.get(value, repr(value))
    return str(value)
