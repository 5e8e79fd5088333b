"""The loop that anybody would write first: SOURCE URL, then pairs of source and target table."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing

import psycopg
from psycopg import sql


def main(source: str, url: str, *names: str) -> None:
    """Copy every table row by row."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reader,
        psycopg.connect(url) as writer,
    ):
        for table, into in zip(names[::2], names[1::2], strict=True):
            quoted = table.replace('"', '""')
            statement = sql.SQL("COPY public.{} FROM STDIN").format(sql.Identifier(into))
            with writer.cursor().copy(statement) as copy:
                for row in reader.execute(f'SELECT * FROM "{quoted}"'):
                    copy.write_row(row)


if __name__ == "__main__":
    main(*sys.argv[1:])
