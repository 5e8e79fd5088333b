"""A small library of books: sound tables, and rows that PostgreSQL cannot store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

ROWS = 3_999
SPOILED = 79
ORIGINAL = b"caf\xe9"


def make_spoiled_library(path: Path, rows: int = ROWS) -> Path:
    """Write a database in which one text of fifty is no UTF-8, and a trigger that does not come along."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE author (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL);
            CREATE TABLE book (
                id INTEGER PRIMARY KEY, author_id INTEGER REFERENCES author (id), title TEXT, price NUMERIC);
            CREATE TABLE member_of_the_reading_circle (id INTEGER PRIMARY KEY, email VARCHAR(80), joined TIMESTAMP);
            CREATE TABLE subject_mastery_history (id INTEGER PRIMARY KEY, note TEXT, score REAL);
            CREATE INDEX book_author ON book (author_id);
            CREATE TRIGGER stamp AFTER INSERT ON book BEGIN
                UPDATE book SET price = 1 WHERE id = new.id AND price IS NULL;
            END;
            """
        )
        keys = range(1, rows + 1)
        connection.executemany(
            "INSERT INTO author VALUES (?, ?)", ((key, f"Author {key}") for key in range(1, 401))
        )
        connection.executemany(
            "INSERT INTO book VALUES (?, ?, ?, ?)",
            ((key, key % 400 + 1, f"Title {key} {'x' * 60}", key / 4) for key in keys),
        )
        connection.executemany(
            "INSERT INTO member_of_the_reading_circle VALUES (?, ?, '2024-05-06 07:08:09')",
            ((key, f"m{key}@example.org") for key in keys),
        )
        connection.executemany(
            "INSERT INTO subject_mastery_history VALUES (?, ?, ?)",
            ((key, "plain note", key / 7) for key in keys),
        )
        connection.execute(
            f"UPDATE subject_mastery_history SET note = CAST(x'{ORIGINAL.hex()}' AS TEXT) WHERE id % 50 = 0"
        )
        connection.commit()
    return path
