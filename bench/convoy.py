"""Convoy itself: a running cluster that migrates one file again and again, asked over HTTP."""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql
from pydantic import SecretStr

from bench.contender import ON_A_CLUSTER, Job, Measured
from bench.contender_names import CONVOY, UNPROVED
from bench.processes import FailedError, MemoryWatch, cpu_seconds
from bench.server import BenchServer
from bench.wanted_keys import read_keys
from migration.model import Phase
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster

DATABASE = "bench"
WORK = "snapshot with SHA-256, profile of every value, copy, primary key, indexes, sequences, "
PROOF = "digest of every row on both sides, cutover in one transaction"
_FIRST_LOOK_SECONDS = 0.02
_LATER_LOOKS = 0.01  # of the time that has gone by, so that looking takes nothing from the run
_READY_SECONDS = 30.0
_LOOK_AT_MEMORY_SECONDS = 2.0
"""Seldom: a look at all processes of four groups takes 8 ms of a core, and none of them ends before the run does."""


class ConvoyCluster:
    """Broker, producer, one worker process with `workers` children, and the API; `with` starts and stops them."""

    def __init__(
        self, server: BenchServer, folder: Path, source: Path, workers: int, batch_rows: int | None = None
    ) -> None:
        self.url = server.url(DATABASE)
        self.server = server
        self.batch_rows = batch_rows
        self._source = source
        self._snapshots = folder / "snapshots"
        self._token = secrets.token_urlsafe()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._api = f"http://127.0.0.1:{port}"
        settings = Settings(
            target_url=SecretStr(self.url),
            snapshot_dir=self._snapshots,
            report_dir=folder / "reports",
            source_root=source.parent,
            api_token=SecretStr(self._token),
            api_port=port,
            _env_file=None,  # type: ignore[call-arg]
        )
        self._cluster = LocalCluster(target=self.url, workers=workers, settings=settings)

    def __enter__(self) -> Self:
        with psycopg.connect(self.server.url(), autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {DATABASE}")
            connection.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0")
        self._cluster.start()
        try:
            self._cluster.start_program("api", [sys.executable, "-m", "api"])
            self._cluster.wait_ready()
            self._wait_for_api()
        except BaseException:
            self._cluster.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cluster.stop()

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids of producer, worker1, valkey and api."""
        return self._cluster.pids

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU seconds of each kind of process so far."""
        return {name: cpu_seconds(pid) for name, pid in self.pids.items()}

    def start(self, source: str = "", **options: Any) -> str:
        """Ask for a migration of the cluster's source, or of another file in its folder; return the run's id."""
        asked = {"if_exists": "replace", "batch_size": self.batch_rows, **options}
        body = json.dumps({"sources": [source or self._source.name], "options": asked}).encode()
        request = urllib.request.Request(  # noqa: S310  # the address is our own
            f"{self._api}/api/v1/migration/start",
            data=body,
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return str(json.load(answer)["run_id"])

    def wait(self, run_id: str) -> None:
        """Wait until the run is at its end.

        Raises:
            FailedError: it ended otherwise than complete.
        """
        with psycopg.connect(self.url, autocommit=True) as connection:
            looking = "SELECT phase, error FROM convoy.runs WHERE id = %s"
            started = time.monotonic()
            while True:
                found = connection.execute(looking, [run_id]).fetchone()
                phase = Phase(found[0]) if found else Phase.FAILED
                if phase.is_end:
                    break
                time.sleep(max(_FIRST_LOOK_SECONDS, _LATER_LOOKS * (time.monotonic() - started)))
                self._cluster.check(restart=False)
        if phase not in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS):
            raise FailedError(f"run {run_id} ended as {phase}: {found[1] if found else ''}")

    def phases(self, run_id: str) -> dict[str, float]:
        """Return seconds by phase."""
        return phases_of(self.url, run_id)

    def forget_runs(self) -> None:
        """Drop what earlier runs have left, snapshots too: each finds an empty target, as each peer a new database.

        Autovacuum is off, and catalogs that nobody cleans of dropped tables take longer to ask from run to run.
        """
        for snapshot in self._snapshots.glob("*.sqlite"):
            snapshot.unlink()
        with psycopg.connect(self.url, autocommit=True) as connection:
            kept = connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy\\_%\\_previous'"
            )
            for (schema,) in kept.fetchall():
                connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            catalogs = connection.execute(
                "SELECT relname FROM pg_class"
                " WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' AND NOT relisshared"
            )
            names = [sql.Identifier("pg_catalog", name) for (name,) in catalogs.fetchall()]
            connection.execute(sql.SQL("VACUUM {}").format(sql.SQL(", ").join(names)))
            connection.execute("CHECKPOINT")

    def describe(self, job: Job, run_id: str) -> Job:
        """Return the job with what the peers need of a finished run: tables, columns and DDL."""
        with psycopg.connect(self.url) as connection:
            plans = connection.execute(
                "SELECT plan, rows FROM convoy.tables WHERE run_id = %s ORDER BY id", [run_id]
            ).fetchall()
        return replace(
            job,
            create_sql=[plan["create_sql"].replace("{schema}", "public") for plan, _ in plans],
            tables=[(plan["name"], plan["target_name"], rows) for plan, rows in plans],
            columns={
                plan["target_name"]: [
                    column["target_name"] for column in plan["columns"] if not column.get("generated_sql")
                ]
                for plan, _ in plans
            },
            keys_sql=read_keys(self.url),
        )

    def count_rows(self, job: Job) -> int:
        """Return the rows that stand in public."""
        with psycopg.connect(self.url) as connection:
            total = 0
            for _, table, _ in job.tables:
                counted = connection.execute(
                    sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(table))
                ).fetchone()
                total += counted[0] if counted else 0
            return total

    def _wait_for_api(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self._api}/readyz", timeout=5):  # noqa: S310
                return
            time.sleep(0.1)
        raise FailedError("the API did not get ready")


def phases_of(url: str, run_id: str) -> dict[str, float]:
    """Return the seconds of a run by phase."""
    with psycopg.connect(url) as connection:
        entered = connection.execute(
            "SELECT data->>'phase', at FROM convoy.events WHERE run_id = %s AND kind = 'phase' ORDER BY id",
            [run_id],
        ).fetchall()
    return {phase: (after - at).total_seconds() for (phase, at), (_, after) in pairwise(entered)}


class Convoy:
    """A whole run on a running cluster, from the POST to its end."""

    def __init__(self, cluster: ConvoyCluster, *, proved: bool = True) -> None:
        self.name = CONVOY if proved else UNPROVED
        self.how = ON_A_CLUSTER
        self.fills_typed_tables = False  # they are the ones that others are compared with
        self.work = WORK + (PROOF if proved else "no validation, cutover in one transaction")
        self._cluster = cluster
        self._options: dict[str, Any] = {} if proved else {"skip_validation": True}

    def prepare(self, job: Job) -> None:
        """Nothing to do: the first run has warmed the cluster up."""

    def run(self, job: Job) -> Measured:
        """Migrate once, into an empty target."""
        cluster = self._cluster
        cluster.forget_runs()
        before, server_before = cluster.cpu_seconds(), cpu_seconds(cluster.server.pid)
        started = time.perf_counter()
        with MemoryWatch(cluster.pids, _LOOK_AT_MEMORY_SECONDS) as memory:
            run_id = cluster.start(**self._options)
            cluster.wait(run_id)
            seconds = time.perf_counter() - started
        after, server_after = cluster.cpu_seconds(), cpu_seconds(cluster.server.pid)
        return Measured(
            seconds,
            sum(after.values()) - sum(before.values()),
            server_after - server_before,
            cluster.count_rows(job),
            memory.peaks,
            cluster.phases(run_id),
            {name: round(after[name] - before.get(name, 0.0), 3) for name in after},
            together_bytes=sum(memory.together.values()),
        )
