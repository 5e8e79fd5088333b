"""The cluster that one command starts for itself: broker, producer, workers and, where asked, PostgreSQL.

The processes are the very ones of a production cluster, with the same tasks and the same chord; only leases are
shorter, because nothing here has to survive a network.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from migration.convoy_error import ConvoyError
from migration.errors import LocalClusterError
from migration.full_disk_errors import DiskFullError
from migration.own_cluster import OWN_CLUSTER_VARIABLE, REFUSALS_VARIABLE
from migration.settings import Settings
from migration.trace_export import FLUSH_SECONDS
from migration.writable_folders import setting_of_folder
from producer.embedded.early_start import PROCESS, EarlyStart
from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.embedded_valkey import EmbeddedValkey
from producer.embedded.libpq_file_paths import absolute_options
from producer.embedded.log_folder import LogFolder
from producer.embedded.supervisor_client import Program, SupervisorClient, tail

EMBEDDED = "embedded"
_LOCAL_LEASE_SECONDS = 5
_LOCAL_WATCHDOG_SECONDS = 2
_READY_SECONDS = 60.0
_RESTARTS = 3
_ROOM_SECONDS = 3.0
"""Between two starts of a PostgreSQL that finds its disk full."""
_READY_LINE = " ready."
# Warm shutdown, then SIGKILL: an unfinished chunk rolls back and is copied again by the next run.
_CELERY_STOP = ((signal.SIGTERM, 0.7),)
# They have spans to send yet, and the collector may be slow.
_TRACED_STOP = ((signal.SIGTERM, 0.7 + 2 * FLUSH_SECONDS),)
_CELERY_STAGE = 1


class LocalCluster:
    """Servers and Celery processes for the time of a `with` block.

    Args:
        target: URL of PostgreSQL, or `embedded` for a server of its own in `settings.embedded_dir`.
        open_database: makes or finds the database of the embedded server, and returns its URL.
        workers: number of chunks that are copied at the same time.
        settings: passed on to the processes in their environment, never on their command lines.
        worker_processes: number of Celery workers that share `workers`; more than one for tests of crashes.
        name: of the cluster of one command, which begins the runs of that command and no others; empty: any runs.
        on_start: told what is being started, for a user who waits.
        early: what was begun before; the cluster ends it. None: it begins with the rest.
    """

    def __init__(
        self,
        *,
        target: str,
        workers: int,
        settings: Settings,
        open_database: Callable[[EmbeddedPostgres], str] = attrgetter("url"),
        worker_processes: int = 1,
        name: str = "",
        on_start: Callable[[str], None] = lambda _: None,
        early: EarlyStart | None = None,
    ) -> None:
        self.broker_url = ""
        self.target_url = "" if target == EMBEDDED else target
        self.workers = workers
        self.settings = settings
        self._log_folder = LogFolder(settings.log_folder, setting_of_folder(settings, "log_dir"))
        self.logs = self._log_folder.path
        self._open_database = open_database
        self._worker_processes = worker_processes
        self.name = name
        self._on_start = on_start
        self._early = early
        self._supervisor: SupervisorClient | None = None
        self._booting: Future[object] | None = None
        self._postgres: EmbeddedPostgres | None = None
        self._valkey: EmbeddedValkey | None = None
        self._programs: dict[str, Program] = {}
        self._unique = f"{os.getpid()}-{int(time.time())}"
        """In the names of its Celery processes."""
        self._restarts: dict[str, int] = {}
        self.full_disk: DiskFullError | None = None
        """Why the embedded PostgreSQL is not up; None where it is."""
        self._again_at = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def embedded(self) -> bool:
        """Whether PostgreSQL is one that this cluster started."""
        return self._postgres is not None

    @property
    def _log_level(self) -> str:
        # Never less than INFO: the line that says "ready" is of that level, and these logs go into files.
        return "DEBUG" if self.settings.log_level.upper() == "DEBUG" else "INFO"

    @property
    def pids(self) -> Mapping[str, int]:
        """Process ids by name: valkey, postgres, producer, worker1 ..."""
        return {} if self._supervisor is None else dict(self._supervisor.pids)

    def session_patterns(self) -> tuple[str, ...]:
        """Return patterns of LIKE for the `application_name` of the sessions of its producer and workers."""
        producer = self.pids.get("producer")
        workers = f"convoy %-{self._unique}@local%"
        return (f"convoy producer %:{producer}", workers) if producer else ()

    @property
    def private_folder(self) -> Path | None:
        """Its private folder, which goes with it; None where it does not run."""
        return None if self._early is None else self._early.folder

    def start(self, meanwhile: Callable[[], None] = lambda: None, *, wait_for_forks: bool = True) -> None:
        """Start everything; servers answer on return, Celery processes are still booting (`wait_ready`).

        Args:
            meanwhile: called while the servers start; imports, for example.
            wait_for_forks: whether producer and workers have their pids on return. Otherwise a later call says
                what went wrong with them (`check`, `wait_ready`).

        Raises:
            ConvoyError: something did not start; all the rest has been stopped.
        """
        servers = "Valkey" if self.target_url else "PostgreSQL, Valkey"
        self._on_start(f"{servers}, producer and {self.workers} workers")
        try:
            # Libraries are imported from the very beginning: that takes as long as all servers need.
            self._early = self._early or EarlyStart()
            self._supervisor = self._early.supervisor
            with ThreadPoolExecutor(2, "servers") as beside:
                started = [beside.submit(self._start_postgres), beside.submit(self._start_valkey)]
                meanwhile()
                for server in started:
                    server.result()
            self._booting = _beside(self._start_processes)
            if wait_for_forks:
                self._await_forks()
        except BaseException:
            self.stop()
            raise

    def _await_forks(self) -> None:
        """Wait until producer and workers have been forked.

        Raises:
            ConvoyError: one could not be started.
        """
        if self._booting is not None:
            self._booting.result()

    def _start_postgres(self) -> None:
        supervisor, _ = self._running()
        if not self.target_url:
            self._postgres = EmbeddedPostgres(
                self.settings.embedded_dir,
                supervisor=supervisor,
                setting=setting_of_folder(self.settings, "embedded_dir"),
            )
            self._postgres.start()
            self.target_url = self._open_database(self._postgres)

    def _start_valkey(self) -> None:
        supervisor, folder = self._running()
        # Its folder goes with the cluster: what is in it must outlive a crash of the server, and nothing else.
        self._valkey = EmbeddedValkey(
            folder / "valkey", log=self.logs / "valkey.log", supervisor=supervisor, keep=False
        )
        self._valkey.start()
        self.broker_url = self._valkey.url

    def _start_processes(self) -> None:
        """Start producer and workers, all at the same time."""
        supervisor, _ = self._running()
        unique = self._unique
        self._launch("producer", "producer", 4, f"producer-{unique}@local")
        processes = max(1, min(self._worker_processes, self.workers))
        for number in range(processes):
            share = self.workers // processes + (number < self.workers % processes)
            name = f"worker{number + 1}"
            self._launch(name, "worker", share, f"{name}-{unique}@local")
        supervisor.close_fork_server()

    def start_program(self, name: str, argv: list[str], env: Mapping[str, str] | None = None) -> int:
        """Start one more program with the environment of the cluster and return its pid."""
        return self._start(self._program(name, argv, env or {}))

    def _launch(self, name: str, kind: str, concurrency: int, hostname: str) -> None:
        arguments = (
            *(kind, "--hostname", hostname),
            *("--concurrency", str(concurrency), "--loglevel", self._log_level),
        )
        self._start(replace(self._program(name, [*PROCESS, *arguments], {}), fork=arguments))

    def _start(self, program: Program) -> int:
        supervisor, _ = self._running()
        self._programs[program.name] = program
        return supervisor.start(program)

    def _running(self) -> tuple[SupervisorClient, Path]:
        if self._supervisor is None or self._early is None:
            raise LocalClusterError("The local cluster has not been started")
        return self._supervisor, self._early.folder

    def _program(self, name: str, argv: list[str], env: Mapping[str, str]) -> Program:
        _, folder = self._running()
        return Program(
            name=name,
            argv=argv,
            log=self.logs / f"{name}.log",
            # An empty folder: Python and Celery look for modules in the working folder first, and the user's may
            # hold a `worker.py` or a folder `migration` of its own.
            cwd=folder,
            env=self.environment() | dict(env),
            stop=_TRACED_STOP if self.settings.otlp_endpoint else _CELERY_STOP,
            stage=_CELERY_STAGE,
        )

    def wait_ready(self, timeout_seconds: float = _READY_SECONDS) -> None:
        """Wait until producer and workers take tasks.

        Raises:
            ConvoyError: one of them died or did not get ready; holds the end of its log.
        """
        self._await_forks()
        deadline = time.monotonic() + timeout_seconds
        waiting = [name for name in self._programs if name.startswith(("producer", "worker"))]
        while waiting:
            waiting = [name for name in waiting if not self._is_ready(name)]
            self.check(restart=False)
            if waiting and time.monotonic() > deadline:
                raise self._died(waiting[0], "did not get ready")
            time.sleep(0.05)

    def check(self, *, restart: bool = True) -> list[str]:
        """Start again what has died, and return the names of it.

        PostgreSQL ends where its disk has no room for its log: it is started again once there is (`full_disk`).

        Raises:
            ConvoyError: something died too often; holds the end of its log.
        """
        if self._supervisor is None:
            raise LocalClusterError("The local cluster has been stopped")
        self._await_forks()
        exits = self._supervisor.exits()
        if self.full_disk is not None and time.monotonic() >= self._again_at:
            exits["postgres"] = 1
        started = []
        for name, exit_status in exits.items():
            if name == "postgres" and restart and self._postgres is not None and self._lacks_room():
                started += [name] if self._start_with_room(self._postgres) else []
                continue
            self._restarts[name] = self._restarts.get(name, 0) + 1
            # Killed from outside is worth a new start; gave up before it was ready is not.
            hopeless = exit_status > 0 and name in self._programs and not self._is_ready(name)
            if hopeless or not restart or self._restarts[name] > _RESTARTS:
                raise self._died(name, "stopped by itself")
            if name == "postgres" and self._postgres is not None:
                self._postgres.start()
            elif name == "valkey" and self._valkey is not None:
                self._valkey.start()
            else:
                self._supervisor.start(self._programs[name])
            started.append(name)
        return sorted(started)

    def _lacks_room(self) -> bool:
        return self.full_disk is not None or (self._postgres is not None and self._postgres.lacks_room())

    def _start_with_room(self, postgres: EmbeddedPostgres) -> bool:
        """Start PostgreSQL; False where its disk is full, which a later look finds out anew."""
        try:
            postgres.start()
        except DiskFullError as error:
            self.full_disk = error
            self._again_at = time.monotonic() + _ROOM_SECONDS
            return False
        self.full_disk = None
        return True

    def retire(self, *, wait: bool = True) -> None:
        """Kill producer and workers, which have nothing left to do: the ledger holds all that they know.

        Without `wait` they may still be on their way out on return. Where they have spans to send, they are left to
        `stop`, which lets them.
        """
        if self._supervisor is not None and not self.settings.otlp_endpoint:
            self._supervisor.stop_stage_at_once(_CELERY_STAGE, wait=wait)

    def stop(self) -> None:
        """Stop everything; may be called twice."""
        if self._early is not None:
            self._early.close()
            self._early = self._supervisor = None
        if self._booting is not None:
            self._booting.exception()  # with its supervisor gone, it ends
            self._booting = None
        self._log_folder.release()

    def environment(self) -> dict[str, str]:
        """Return the environment of the cluster's processes: the only place where its passwords stand."""
        env = self._early.environment() if self._early is not None else {}
        for name in self.settings.model_fields_set:
            value = getattr(self.settings, name)
            if value is not None:
                plain = value.get_secret_value() if isinstance(value, SecretStr) else str(value)
                env[f"MIGRATION_{name.upper()}"] = plain
        return env | {
            OWN_CLUSTER_VARIABLE: self.name,
            REFUSALS_VARIABLE: str(self.private_folder or ""),
            "MIGRATION_BROKER_URL": self.broker_url,
            "MIGRATION_TARGET_URL": absolute_options(self.target_url),
            "MIGRATION_SNAPSHOT_DIR": str(self.settings.snapshot_dir.absolute()),
            "MIGRATION_REPORT_DIR": str(self.settings.report_dir.absolute()),
            "MIGRATION_EMBEDDED_DIR": str(self.settings.embedded_dir.absolute()),
            **_absolute("MIGRATION_API_TOKEN_FILE", self.settings.api_token_file),
            **_absolute("MIGRATION_TARGETS_FILE", self.settings.targets_file),
            "MIGRATION_LOG_DIR": str(self.settings.log_folder.absolute()),
            "MIGRATION_LEASE_SECONDS": env.get("MIGRATION_LEASE_SECONDS", str(_LOCAL_LEASE_SECONDS)),
            "MIGRATION_WATCHDOG_SECONDS": env.get("MIGRATION_WATCHDOG_SECONDS", str(_LOCAL_WATCHDOG_SECONDS)),
        }

    def _is_ready(self, name: str) -> bool:
        with suppress(OSError):
            return _READY_LINE in (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return False

    def _died(self, name: str, how: str) -> ConvoyError:
        log = self.logs / f"{name}.log"
        if name == "postgres" and self._postgres is not None:
            log = self._postgres.log
        return LocalClusterError(
            f"The local {name} {how}",
            process=name,
            file=str(log),
            details=f"The end of its log:\n{tail(log)}",
        )


def _absolute(name: str, file: Path | None) -> dict[str, str]:
    return {} if file is None else {name: str(file.absolute())}


def _beside(work: Callable[[], object]) -> Future[object]:
    """Do something in a thread that takes no signal: who holds them back in the main thread means all of them."""
    thread = ThreadPoolExecutor(1, "forks")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # threads inherit it
    try:
        return thread.submit(work)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        thread.shutdown(wait=False)
