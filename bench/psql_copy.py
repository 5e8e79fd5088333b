r"""psql's `\copy` of ready-made binary files: what the server can take, without a source to read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from bench.contender import ONE_SHOT, Job, Measured
from bench.contender_names import PSQL, PSQL_KEYS, PSQL_TWICE
from bench.peer_program import build_keys, measured
from bench.processes import FailedError, run_programs

_SPLIT_ROWS = 10_000


class PsqlCopy:
    r"""psql's `\copy` over some connections, and the keys afterwards where asked."""

    how = ONE_SHOT
    fills_typed_tables = True

    def __init__(self, connections: int, *, keys: bool = False) -> None:
        self.name = PSQL_KEYS if keys else {1: PSQL, 2: PSQL_TWICE}[connections]
        plural = "s" if connections > 1 else ""
        self.work = (
            f"ready-made binary files into ready typed tables over {connections} connection{plural}; "
            "nothing read from SQLite, converted or checked; "
            + ("then the same keys and indexes as Convoy's" if keys else "no keys: the server's own limit")
        )
        self._connections = connections
        self._keys = keys

    def prepare(self, job: Job) -> None:
        """Write Convoy's loaded tables into files, and the scripts that load them; once for a data set."""
        if self._script(job, 0).exists():
            return
        parts: list[list[str]] = [[] for _ in range(self._connections)]
        for number, (_, table, rows) in enumerate(job.tables):
            named = ", ".join(_quoted(column) for column in job.columns[table])
            splits = self._connections if rows >= _SPLIT_ROWS else 1
            blocks = _blocks(job, table)
            for part in range(splits):
                first = blocks * part // splits
                last = blocks * (part + 1) // splits if part + 1 < splits else 2**32 - 1
                file = job.folder / f"{self._connections}-{number}-{part}.copy"
                where = f"ctid >= '({first},0)' AND ctid < '({last},0)'"
                select = f"SELECT {named} FROM public.{_quoted(table)} WHERE {where}"
                _psql(job, f"\\copy ({select}) to '{file}' (format binary)")
                load = f"\\copy public.{_quoted(table)} ({named}) from '{file}' (format binary)"
                parts[(number + part) % self._connections].append(load)
        for number, lines in enumerate(parts):
            self._script(job, number).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def run(self, job: Job) -> Measured:
        """Load the files with as many psql at the same time as there are connections."""
        job.fresh_tables()
        programs = [
            [job.server.psql, job.peer_url, "-Xqv", "ON_ERROR_STOP=1", "-f", str(self._script(job, number))]
            for number in range(self._connections)
        ]
        return measured(job, lambda: run_programs(programs), *([build_keys(job)] if self._keys else []))

    def _script(self, job: Job, number: int) -> Path:
        return job.folder / f"load-{self._connections}-{number}.sql"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _blocks(job: Job, table: str) -> int:
    with psycopg.connect(job.server.url("bench")) as connection:
        found = connection.execute(
            sql.SQL("SELECT pg_relation_size({}) / current_setting('block_size')::int").format(
                sql.Literal(f"public.{_quoted(table)}")
            )
        ).fetchone()
    return int(found[0]) if found else 0


def _psql(job: Job, command: str) -> None:
    arguments = [job.server.psql, job.server.url("bench"), "-Xqc", command]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True)
    if done.returncode:
        raise FailedError(done.stderr.strip())
