"""The others: pgloader, DuckDB, plain psycopg, and psql; and which of them can be measured here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.contender import ONE_SHOT, Contender, Job, Measured
from bench.contender_names import (
    DUCKDB,
    DUCKDB_KEYS,
    ONE_SHOT_CONVOY,
    PGLOADER,
    PGLOADER_4,
    PSQL,
    PSQL_KEYS,
    PSQL_TWICE,
    WRITE_ROW,
)
from bench.one_shot import ConvoyOneShot
from bench.peer_program import build_keys, measured
from bench.pgloader import Pgloader, Pgloader4
from bench.processes import run_program
from bench.psql_copy import PsqlCopy
from bench.server import MissingProgramError
from bench.venv import private_venv

_SCRIPTS = Path(__file__).parent / "scripts"
DUCKDB_VERSION = "1.5.5"
"""The newest whose SQLite and PostgreSQL extensions are to be had as wheels."""


def _script(job: Job, python: str, name: str) -> list[str]:
    names = [word for source, target, _ in job.tables for word in (source, target)]
    return [python, str(_SCRIPTS / name), str(job.source), job.peer_url, *names]


class DuckDB:
    """DuckDB with its SQLite and PostgreSQL extensions, in a virtual environment of its own."""

    how = ONE_SHOT
    fills_typed_tables = True

    def __init__(self, cache: Path, *, keys: bool = False) -> None:
        self.name = DUCKDB_KEYS if keys else DUCKDB
        then = "then the same keys and indexes as Convoy's, by psql" if keys else "no keys, no indexes"
        self.work = f"INSERT ... SELECT into ready typed tables; {then}, no check"
        self._keys = keys
        extensions = ("duckdb-extension-sqlite-scanner", "duckdb-extension-postgres-scanner")
        wanted = [f"{name}=={DUCKDB_VERSION}" for name in ("duckdb", *extensions)]
        self._python = private_venv(cache, f"duckdb-{DUCKDB_VERSION}", wanted) / "python"

    def prepare(self, job: Job) -> None:
        """Nothing to do."""

    def run(self, job: Job) -> Measured:
        """Insert all tables, one statement each."""
        job.fresh_tables()
        arguments = _script(job, str(self._python), "duckdb_insert.py")
        return measured(job, lambda: run_program(arguments), *([build_keys(job)] if self._keys else []))


class WriteRow:
    """A loop that anybody would write first."""

    name = WRITE_ROW
    how = ONE_SHOT
    fills_typed_tables = True
    work = "sqlite3 rows through write_row of one COPY per table into ready typed tables; no keys, no check"

    def prepare(self, job: Job) -> None:
        """Nothing to do."""

    def run(self, job: Job) -> Measured:
        """Copy all tables in one process."""
        job.fresh_tables()
        arguments = _script(job, sys.executable, "write_row.py")
        return measured(job, lambda: run_program(arguments))


def peers(
    cache: Path, wanted: Sequence[str], pgloader_jar: Path | None = None
) -> tuple[list[Contender], dict[str, str]]:
    """Return all but Convoy on its cluster that can be measured here, and why the others cannot.

    Args:
        cache: folder for what has to be installed.
        wanted: parts of names, in either case; empty: all.
        pgloader_jar: pgloader v4, for whom has it.
    """
    makers: tuple[tuple[str, Callable[[], Contender]], ...] = (
        (ONE_SHOT_CONVOY, ConvoyOneShot),
        (PGLOADER, Pgloader),
        (PGLOADER_4, lambda: Pgloader4(pgloader_jar)),
        (DUCKDB, lambda: DuckDB(cache)),
        (DUCKDB_KEYS, lambda: DuckDB(cache, keys=True)),
        (WRITE_ROW, WriteRow),
        (PSQL, lambda: PsqlCopy(1)),
        (PSQL_KEYS, lambda: PsqlCopy(1, keys=True)),
        (PSQL_TWICE, lambda: PsqlCopy(2)),
    )
    found: list[Contender] = []
    skipped: dict[str, str] = {}
    for name, make in makers:
        if not is_wanted(name, wanted):
            continue
        try:
            found.append(make())
        except MissingProgramError as missing:
            skipped[name] = str(missing)
    return found, skipped


def is_wanted(name: str, wanted: Sequence[str]) -> bool:
    """Whether a contender is asked for by a part of its name, in either case; nothing asks for all."""
    return not wanted or any(part.lower() in name.lower() for part in wanted)
