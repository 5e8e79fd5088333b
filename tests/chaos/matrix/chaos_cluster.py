"""A cluster of the test's own that may be hurt in any way, and that is started again as its supervisor would."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg import sql

from migration.ledger.ledger_database import open_ledger
from migration.settings import Settings
from producer.embedded.celery_process import FORK_SERVER
from producer.embedded.embedded_cluster import EMBEDDED
from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.supervisor_client import Program, tail
from tests.support.broker_proxy import ProxiedCluster
from tests.support.full_disk import SmallDisk, small_disk

ROLE = "mover"
"""Not a superuser: the limits and timeouts of a role hold for it."""
CLUSTER_DATABASE, COMMAND_DATABASE = "chaos", "alone"
"""Where the long-lived cluster works, and where the one of a single command does: each cluster has a ledger alone."""
DEFAULT_LEASES = os.environ.get("CONVOY_CHAOS_LEASES") == "default"
SHORT_LEASES = {"lease_seconds": 2.0, "watchdog_seconds": 1.0, "silence_seconds": 4.0}
PATIENCE_SECONDS = 420.0 if DEFAULT_LEASES else 90.0
WORKERS = ("worker1", "worker2")
DISK_MEGABYTES = {"postgres": 700, "snapshots": 64}
_SERVER_SETTINGS = {"fsync": "off", "max_wal_size": "128MB"}
_READY_LINE = " ready."
_LOOK_SECONDS = 0.1

# Python imports this at its start. What Celery, kombu and redis-py ask is time.time; datetime.now stays as it is.
_SHIFTED_CLOCK = """
import os, time
_true_time = time.time
def _shifted():
    try:
        with open(os.environ["CHAOS_CLOCK"], encoding="ascii") as file:
            return _true_time() + float(file.read() or 0)
    except (OSError, KeyError, ValueError):
        return _true_time()
time.time = _shifted
"""

# Makes a run dwell in one phase: its steps and the transition that ends it take longer.
_DWELLING = """
CREATE SCHEMA dwelling;
CREATE TABLE dwelling.place (phase text, run_seconds float8, step_seconds float8);
CREATE FUNCTION dwelling.of_run() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_sleep(run_seconds) FROM dwelling.place WHERE phase = OLD.phase
        AND current_setting('application_name') LIKE 'convoy producer%';
    RETURN NEW;
END $$;
CREATE FUNCTION dwelling.of_step() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    PERFORM pg_sleep(step_seconds) FROM dwelling.place WHERE phase = OLD.phase;
    RETURN NEW;
END $$;
CREATE FUNCTION dwelling.of_cutover() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF current_setting('application_name') LIKE 'convoy producer%' THEN
        PERFORM pg_sleep(step_seconds) FROM dwelling.place WHERE phase = 'cutting_over'
            AND EXISTS (SELECT FROM convoy.runs WHERE phase = 'cutting_over');
    END IF;
END $$;
CREATE TRIGGER dwelling BEFORE UPDATE OF phase ON convoy.runs FOR EACH ROW
    WHEN (NEW.phase <> OLD.phase) EXECUTE FUNCTION dwelling.of_run();
CREATE TRIGGER dwelling BEFORE UPDATE OF state ON convoy.steps FOR EACH ROW
    WHEN (NEW.state = 'done') EXECUTE FUNCTION dwelling.of_step();
CREATE EVENT TRIGGER dwelling ON ddl_command_end WHEN TAG IN ('ALTER TABLE', 'ALTER SEQUENCE', 'ALTER VIEW')
    EXECUTE FUNCTION dwelling.of_cutover();
GRANT USAGE ON SCHEMA dwelling TO PUBLIC;
"""


class ChaosCluster(ProxiedCluster):
    """PostgreSQL, Valkey behind a proxy, a producer and two workers; what ends is started again at once.

    `hold_supervision` keeps that off for a while, for faults that last. `disks` has the file systems of their own
    that PostgreSQL and the snapshots are on, where this user may mount some.
    """

    def __init__(self, folder: Path, *, workers: int = 2) -> None:
        self._mounts = ExitStack()
        self.disks: dict[str, SmallDisk] = {}
        with suppress(pytest.skip.Exception):
            for place, megabytes in DISK_MEGABYTES.items():
                self.disks[place] = self._mounts.enter_context(small_disk(megabytes))
        leases = {} if DEFAULT_LEASES else SHORT_LEASES
        settings = Settings(
            snapshot_dir=self._place(folder, "snapshots"),
            report_dir=folder / "reports",
            embedded_dir=self._place(folder, "postgres"),
            _env_file=None,
            # A local cluster would shorten these: "default" is what a cluster of one's own has.
            **(leases or {"lease_seconds": 30.0, "watchdog_seconds": 30.0, "silence_seconds": 120.0}),
        )
        super().__init__(target=EMBEDDED, workers=workers, worker_processes=len(WORKERS), settings=settings)
        self.folder = folder
        (folder / "clocks").mkdir(parents=True)
        (folder / "clocks" / "sitecustomize.py").write_text(_SHIFTED_CLOCK, encoding="utf-8")
        self.restarts: dict[str, int] = {}
        """How often each process was started again."""
        self.supervision = threading.Lock()
        self.supervision_errors: list[str] = []
        self._read_from: dict[str, int] = {}
        self._ended = threading.Event()
        self._supervisor_thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)

    def start(self, *_: object) -> None:
        super().start()
        try:
            self.wait_ready()
            self._supervisor_thread.start()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        self._ended.set()
        if self._supervisor_thread.is_alive():
            self._supervisor_thread.join(30)
        for process in self.family():  # a stopped process would not hear the signal that ends it
            with suppress(psutil.Error):
                process.resume()
        try:
            super().stop()
        finally:
            self._mounts.close()

    def _place(self, folder: Path, name: str) -> Path:
        return (self.disks[name].path if name in self.disks else folder) / name

    def _start_postgres(self) -> None:
        supervisor, _ = self._running()
        self._postgres = EmbeddedPostgres(
            self.settings.embedded_dir, settings=_SERVER_SETTINGS, supervisor=supervisor
        )
        self._postgres.start()
        with psycopg.connect(self._postgres.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(ROLE)))
            for name in (CLUSTER_DATABASE, COMMAND_DATABASE):
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(name), sql.Identifier(ROLE))
                )
        for name in (CLUSTER_DATABASE, COMMAND_DATABASE):
            open_ledger(self.url_of(name), "test").dispose()
            with psycopg.connect(self.admin_url(name)) as connection:
                connection.execute(_DWELLING)
        self.target_url = self.url_of(CLUSTER_DATABASE)

    def admin_url(self, database: str) -> str:
        """URL of a database for the superuser, who stands above what a fault limits."""
        assert self._postgres is not None
        return self._postgres.url_for(database)

    def url_of(self, database: str) -> str:
        """URL of a database for the cluster's own role."""
        return self.admin_url(database).replace("://postgres@", f"://{ROLE}@", 1)

    @property
    def valkey_folder(self) -> Path:
        """Where the broker keeps its append-only file."""
        assert self._valkey is not None
        return self._valkey.folder

    @property
    def direct_broker_url(self) -> str:
        """The broker without the proxy."""
        assert self._valkey is not None
        return self._valkey.url

    def family(self) -> list[psutil.Process]:
        """All processes of the cluster."""
        found = []
        for pid in dict(self.pids).values():
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                found += [process, *process.children(recursive=True)]
        return found

    def processes(self, *names: str, children: bool = True) -> list[psutil.Process]:
        """Return the named processes that live, with their children first."""
        found = []
        for name in names:
            with suppress(psutil.Error, KeyError):
                process = psutil.Process(self.pids[name])
                if children:
                    found += process.children(recursive=True)
                found.append(process)
        return found

    def pool_children(self) -> list[psutil.Process]:
        """Return the processes that do the steps."""
        found = []
        for name in WORKERS:
            with suppress(psutil.Error, KeyError):
                found += psutil.Process(self.pids[name]).children()
        return found

    def start_another(self, name: str, like: str) -> None:
        """Start one more process of a kind; it is looked after until `end_another`."""
        program = self._programs[like]
        argv = [word if "@" not in word else f"{name}-{time.monotonic_ns()}@local" for word in program.argv]
        with self.supervision:
            self._start(
                Program(
                    name,
                    argv,
                    self.logs / f"{name}.log",
                    program.cwd,
                    program.env,
                    stop=program.stop,
                    stage=program.stage,
                )
            )

    def end_another(self, name: str) -> None:
        """Stop a process that was started in addition."""
        with self.supervision:
            self._programs.pop(name, None)
            assert self._supervisor is not None
            self._supervisor.stop(name)

    def set_clock(self, name: str, seconds: float) -> None:
        """Let the clock of a process and its children go ahead by so much, from now on."""
        (self.folder / "clocks" / name).write_text(str(seconds), encoding="ascii")

    def _program(self, name: str, argv: list[str], env: Mapping[str, str]) -> Program:
        clock = {"PYTHONPATH": str(self.folder / "clocks"), "CHAOS_CLOCK": str(self.folder / "clocks" / name)}
        return super()._program(name, argv, clock | dict(env))

    @contextmanager
    def hold_supervision(self) -> Iterator[None]:
        """Let nothing be started again meanwhile."""
        with self.supervision:
            yield

    def settle(self) -> None:
        """Wait until everything runs, as before a fault.

        Raises:
            AssertionError: something does not come up.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (missing := self._missing()) and time.monotonic() < deadline:
            time.sleep(0.05)
        if missing:
            ends = "\n".join(f"{name}: {tail(self.logs / f'{name}.log')}" for name in missing)
            raise AssertionError(f"not running: {missing}; {self.supervision_errors[-3:]}\n{ends}")

    def _missing(self) -> list[str]:
        names = [name for name in self._programs if name != FORK_SERVER]
        return [
            name
            for name in [*names, "valkey", "postgres"]
            if not self._lives(name) or (name in self._programs and not self._is_ready_again(name))
        ]

    def _lives(self, name: str) -> bool:
        with suppress(psutil.Error, KeyError):
            process = psutil.Process(self.pids[name])
            has_pool = not name.startswith("worker") or bool(process.children())
            return process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_STOPPED} and has_pool
        return False

    def _is_ready_again(self, name: str) -> bool:
        with suppress(OSError):
            data = (self.logs / f"{name}.log").read_bytes()[self._read_from.get(name, 0) :]
            return _READY_LINE.encode() in data
        return False

    def _log_size(self, name: str) -> int:
        with suppress(OSError):
            return (self.logs / f"{name}.log").stat().st_size
        return 0

    def _supervise(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            with self.supervision:
                self._restarts.clear()
                sizes = {name: self._log_size(name) for name in self._programs}
                try:
                    self._start_given_up()
                    died = self.check()
                except Exception as error:  # noqa: BLE001 - what did not start is tried again at the next look
                    self.supervision_errors.append(repr(error))
                    continue
                for name in died:
                    self.restarts[name] = self.restarts.get(name, 0) + 1
                    if name in sizes:
                        self._read_from[name] = sizes[name]

    def _start_given_up(self) -> None:
        """Start a server once more that was killed while it was started again: a local cluster gives it up then."""
        for name, server in (("valkey", self._valkey), ("postgres", self._postgres)):
            if server is not None and name not in self.pids:
                server.start()
