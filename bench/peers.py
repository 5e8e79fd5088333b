r"""The others: pgloader, DuckDB, plain psycopg, and psql's `\copy` of ready-made files."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from bench.contender import Contender, Job, Measured
from bench.processes import FailedError, Finished, cpu_seconds, run_program, run_programs
from bench.server import MissingProgramError
from bench.venv import private_venv

_SCRIPTS = Path(__file__).parent / "scripts"
_REAP_SECONDS = 0.3
_SPLIT_ROWS = 10_000
DUCKDB_VERSION = "1.5.5"
"""The newest whose SQLite and PostgreSQL extensions are to be had as wheels."""


def _measured(job: Job, work: Callable[[], Finished], kind: str) -> Measured:
    before = cpu_seconds(job.server.pid)
    finished = work()
    time.sleep(_REAP_SECONDS)  # the CPU time of a backend counts once the server has noticed its end
    server = cpu_seconds(job.server.pid) - before
    return Measured(
        finished.seconds, finished.cpu_seconds, server, job.count_rows(), {kind: finished.peak_bytes}
    )


class Pgloader:
    """Debian's pgloader with its own defaults."""

    name = "pgloader"
    work = "reads the schema, copies, builds primary keys and indexes, sets sequences; checks nothing"

    def __init__(self) -> None:
        found = shutil.which("pgloader")
        if found is None:
            raise MissingProgramError("pgloader is not installed (Debian, Ubuntu: apt-get install pgloader)")
        self._program = found

    def prepare(self, job: Job) -> None:
        """Nothing to do."""

    def run(self, job: Job) -> Measured:
        """Load into a database without tables."""
        job.fresh_database()
        target = f"postgresql://postgres@unix:{job.server.folder}:5432/peer"
        source = job.folder / "source.db"  # pgloader takes the kind of database from the ending
        source.unlink(missing_ok=True)
        source.symlink_to(job.source)
        arguments = [self._program, "--root-dir", str(job.folder), f"sqlite://{source}", target]
        return _measured(job, lambda: run_program(arguments), "client")


class DuckDB:
    """DuckDB with its SQLite and PostgreSQL extensions, in a virtual environment of its own."""

    name = "DuckDB INSERT"
    work = "INSERT ... SELECT into ready typed tables; no keys, no indexes, no check"

    def __init__(self, cache: Path) -> None:
        extensions = ("duckdb-extension-sqlite-scanner", "duckdb-extension-postgres-scanner")
        wanted = [f"{name}=={DUCKDB_VERSION}" for name in ("duckdb", *extensions)]
        self._python = private_venv(cache, f"duckdb-{DUCKDB_VERSION}", wanted) / "python"

    def prepare(self, job: Job) -> None:
        """Nothing to do."""

    def run(self, job: Job) -> Measured:
        """Insert all tables, one statement each."""
        job.fresh_tables()
        names = [word for source, target, _ in job.tables for word in (source, target)]
        arguments = [
            str(self._python),
            str(_SCRIPTS / "duckdb_insert.py"),
            str(job.source),
            job.peer_url,
            *names,
        ]
        return _measured(job, lambda: run_program(arguments), "client")


class WriteRow:
    """A loop that anybody would write first."""

    name = "psycopg write_row"
    work = "sqlite3 rows through write_row of one COPY per table into ready typed tables; no keys, no check"

    def prepare(self, job: Job) -> None:
        """Nothing to do."""

    def run(self, job: Job) -> Measured:
        """Copy all tables in one process."""
        job.fresh_tables()
        names = [word for source, target, _ in job.tables for word in (source, target)]
        arguments = [sys.executable, str(_SCRIPTS / "write_row.py"), str(job.source), job.peer_url, *names]
        return _measured(job, lambda: run_program(arguments), "client")


class PsqlCopy:
    r"""psql's `\copy` of ready-made binary files: what the server can take, without a source to read."""

    def __init__(self, connections: int) -> None:
        self.name = rf"psql \copy x{connections}"
        plural = "s" if connections > 1 else ""
        self.work = (
            f"ready-made binary files into ready typed tables over {connections} connection{plural}; "
            "nothing read from SQLite, converted, indexed or checked: the server's own limit"
        )
        self._connections = connections

    def prepare(self, job: Job) -> None:
        """Write Convoy's loaded tables into files, and the scripts that load them."""
        parts: list[list[tuple[str, str]]] = [[] for _ in range(self._connections)]
        for number, (_, table, rows) in enumerate(job.tables):
            named = ", ".join(f'"{column}"' for column in job.columns[table])
            splits = self._connections if rows >= _SPLIT_ROWS else 1
            with psycopg.connect(job.server.url("bench")) as connection:
                found = connection.execute(
                    sql.SQL("SELECT pg_relation_size({}) / current_setting('block_size')::int").format(
                        sql.Literal(f'public."{table}"')
                    )
                ).fetchone()
            blocks = int(found[0]) if found else 0
            for part in range(splits):
                first = blocks * part // splits
                last = blocks * (part + 1) // splits if part + 1 < splits else 2**32 - 1
                file = job.folder / f"{self._connections}-{number}-{part}.copy"
                where = f"ctid >= '({first},0)' AND ctid < '({last},0)'"
                select = f'SELECT {named} FROM public."{table}" WHERE {where}'
                self._psql(job, f"\\copy ({select}) to '{file}' (format binary)")
                load = f"\\copy public.\"{table}\" ({named}) from '{file}' (format binary)"
                parts[(number + part) % self._connections].append((table, load))
        for number, lines in enumerate(parts):
            script = "\n".join(line for _, line in lines) + "\n"
            self._script(job, number).write_text(script, encoding="utf-8")

    def run(self, job: Job) -> Measured:
        """Load the files with as many psql at the same time as there are connections."""
        job.fresh_tables()
        programs = [
            [job.server.psql, job.peer_url, "-Xqf", str(self._script(job, number))]
            for number in range(self._connections)
        ]
        return _measured(job, lambda: run_programs(programs), "client")

    def _script(self, job: Job, number: int) -> Path:
        return job.folder / f"load-{self._connections}-{number}.sql"

    @staticmethod
    def _psql(job: Job, command: str) -> None:
        arguments = [job.server.psql, job.server.url("bench"), "-Xqc", command]
        done = subprocess.run(arguments, check=False, capture_output=True, text=True)
        if done.returncode:
            raise FailedError(done.stderr.strip())


def peers(cache: Path, wanted: Sequence[str]) -> tuple[list[Contender], dict[str, str]]:
    """Return the peers that can be measured here, and why the others cannot.

    Args:
        cache: folder for what has to be installed.
        wanted: parts of names, in either case; empty: all.
    """
    makers: tuple[tuple[str, Callable[[], Contender]], ...] = (
        ("pgloader", Pgloader),
        ("DuckDB INSERT", lambda: DuckDB(cache)),
        ("psycopg write_row", WriteRow),
        (r"psql \copy x1", lambda: PsqlCopy(1)),
        (r"psql \copy x2", lambda: PsqlCopy(2)),
    )
    found: list[Contender] = []
    skipped: dict[str, str] = {}
    for name, make in makers:
        if wanted and not any(part.lower() in name.lower() for part in wanted):
            continue
        try:
            found.append(make())
        except MissingProgramError as missing:
            skipped[name] = str(missing)
    return found, skipped
