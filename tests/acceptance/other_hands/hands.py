"""Those who load a SQLite database into PostgreSQL without Convoy: pgloader, DuckDB, and a loop of psycopg's."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg import sql

from bench.peers import DUCKDB_VERSION
from bench.server import MissingProgramError
from bench.venv import private_venv
from tests.acceptance.other_hands.small_databases import SmallDatabase

ROOT = Path(__file__).resolve().parents[3]
Hand = Callable[[SmallDatabase, Path, str, str], None]
"""Loads a database, which stands in a file, into a schema of the database behind a URL."""


class LoadFailedError(Exception):
    """A hand did not do its work; holds what it printed."""


def by_psycopg(database: SmallDatabase, path: Path, url: str, schema: str) -> None:
    """`write_row` of one COPY for each table, into tables of the types that Convoy makes, too."""
    _by_psycopg(database, path, url, schema, otherwise=False)


def by_psycopg_otherwise(database: SmallDatabase, path: Path, url: str, schema: str) -> None:
    """The same into tables of other types that hold the same information."""
    _by_psycopg(database, path, url, schema, otherwise=True)


def _by_psycopg(database: SmallDatabase, path: Path, url: str, schema: str, *, otherwise: bool) -> None:
    before, after = database.ddl(schema, otherwise=otherwise)
    with closing(sqlite3.connect(path)) as source, psycopg.connect(url) as connection:
        connection.execute(before.encode())
        for table in database.tables:
            statement = sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(schema, table.name))
            with connection.cursor().copy(statement) as copy:
                for row in source.execute(f"SELECT * FROM {table.name}"):  # names of our own
                    carried = list(row)
                    for position, (_, kind) in enumerate(table.kinds, start=1):
                        carried[position] = kind.carried(row[position])
                    copy.write_row(carried)
        connection.execute(after.encode())


def by_duckdb(database: SmallDatabase, path: Path, url: str, schema: str) -> None:
    """One INSERT for each table, into tables of the types that Convoy makes, too.

    Raises:
        LoadFailedError: with DuckDB's words.
    """
    before, after = database.ddl(schema, otherwise=False)
    with psycopg.connect(url) as connection:
        connection.execute(before.encode())
    extensions = ("duckdb-extension-sqlite-scanner", "duckdb-extension-postgres-scanner")
    wanted = [f"{name}=={DUCKDB_VERSION}" for name in ("duckdb", *extensions)]
    python = private_venv(ROOT / ".cache" / "bench", f"duckdb-{DUCKDB_VERSION}", wanted) / "python"
    script = Path(__file__).with_name("duckdb_copy.py")
    names = [table.name for table in database.tables]
    _run([str(python), str(script), str(path), url, schema, *names], path.parent)
    with psycopg.connect(url) as connection:
        connection.execute(after.encode())


def by_pgloader(database: SmallDatabase, path: Path, url: str, schema: str) -> None:
    """Debian's pgloader with its own defaults: it makes the tables, as it thinks fit.

    Raises:
        MissingProgramError: it is not installed, and could not be.
        LoadFailedError: with pgloader's words, also where it ended with status 0 and printed an error.
    """
    program = _pgloader()
    parts = urlsplit(url)
    folder = parse_qs(parts.query)["host"][0]
    target = f"postgresql://postgres@unix:{folder}:5432{parts.path}"
    words = _run([program, "--root-dir", str(path.parent), f"sqlite://{path}", target], path.parent)
    with psycopg.connect(url) as connection:
        connection.execute(f"ALTER SCHEMA public RENAME TO {schema}; CREATE SCHEMA public".encode())
        there = connection.execute(
            "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = %s", (schema,)
        ).fetchone()
    if there != (len(database.tables),) or "ERROR" in words:
        raise LoadFailedError(words)


@cache
def _pgloader() -> str:
    """Return the program; it is installed by apt-get where this runs as root and it is not there."""
    if shutil.which("pgloader") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "pgloader"]):
            subprocess.run(["apt-get", *arguments], check=False, capture_output=True, env=environment)
    found = shutil.which("pgloader")
    if found is None:
        raise MissingProgramError("pgloader is not installed (Debian, Ubuntu: apt-get install pgloader)")
    return found


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, check=False, env={"TZ": "UTC"}
    )
    if done.returncode:
        raise LoadFailedError(done.stdout + done.stderr)
    return done.stdout + done.stderr
