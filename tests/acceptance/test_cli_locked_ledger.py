"""A command says what it waits for and ends when told to, whichever table of the ledger somebody has locked."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from migration.errors import InterruptedRunError
from migration.ledger.ledger_tables import metadata
from migration.ledger.run_records import create_run, find_run, list_runs
from migration.ledger.run_requests import fail_run
from migration.target.target_connection import make_engine
from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.support.shell import Shell, is_gone, make_database, session_of, wait_until

TABLES = ("alembic_version", *sorted(table.name for table in metadata.tables.values()))
LOCKER = "somebody's psql"
PATIENCE_SECONDS = 20.0
"""For a word on what is waited for, and from a signal to the end; on a quiet machine a quarter of it."""
_WAYS = re.compile(
    r"^(?:Go on with|See how it has ended|See how it stands|See what has become of it|Follow it): +migration-cli (.*)$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Case:
    """A command, and the schema of the run that it takes."""

    words: tuple[str, ...]
    schema: str = ""
    begins: bool = False
    """Whether it begins a run, or lets one go on, with a cluster of its own."""
    gives_up: bool = False
    """Whether it waits for no lock for longer than two seconds, and fails then."""


_SOURCE = ("--source", "shop.db", "--if-exists", "replace")
CASES = {
    "migrate": Case(("migrate", *_SOURCE, "--target-schema", "new"), begins=True),
    "dry-run": Case(("dry-run", *_SOURCE, "--target-schema", "done"), begins=True),
    "validate": Case(("validate", "--source", "shop.db", "--target-schema", "done"), begins=True),
    "resume": Case(("resume", "{run}"), "stopped", begins=True),
    "cutover": Case(("cutover", "{run}"), "held", begins=True),
    "rollback": Case(("rollback", "{run}"), "done", gives_up=True),
    "cancel": Case(("cancel", "{run}"), "held"),
    "pause": Case(("pause", "{run}"), "moving"),
    "follow": Case(("status", "{run}", "--follow"), "held"),
    "retry": Case(("quarantine", "retry", "{run}"), "done"),
    "purge": Case(("purge", "{run}", "--yes"), "done"),
}
FEW = [
    ("cutover", "runs", "before"),
    ("cutover", "events", "before"),
    ("validate", "findings", "begun"),
    ("dry-run", "processes", "before"),
    ("dry-run", "processes", "ended"),
    ("migrate", "runs", "begun"),
    ("follow", "steps", "before"),
]
ALL = [
    (name, table, moment)
    for name, case in CASES.items()
    for table in TABLES
    for moment in (("before", "begun", "ended") if case.begins else ("before",))
]


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="convoy-test-") as folder:
        server = EmbeddedPostgres(Path(folder) / "postgres", settings={"fsync": "off"})
        server.start()
        try:
            yield server.url
        finally:
            server.stop()


@pytest.fixture(scope="module")
def folder(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs in every state, in a database to copy; returns the folder that their commands were called in."""
    folder = tmp_path_factory.mktemp("locked")
    make_database(folder / "shop.db", rows=2000)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE seed TEMPLATE template0")
    shell = Shell(folder, server_url.replace("/postgres?", "/seed?", 1))
    for schema, flags in (("done", ()), ("held", ("--hold",))):
        status, _, err = shell.run("migrate", "--source", "shop.db", "--target-schema", schema, *flags)
        assert status == 0, err
    _stand_still(shell.target)
    return folder


def _stand_still(url: str) -> None:
    """Add a run that failed before it had staged anything, and one that nobody has begun with."""
    engine = make_engine(url, "somebody")
    options = list_runs(engine)[-1].options
    for schema in ("stopped", "moving"):
        run = create_run(engine, replace(options, target_schema=schema))
        if schema == "stopped":
            fail_run(engine, find_run(engine, run), InterruptedRunError("It was stopped"))
    engine.dispose()


@pytest.fixture
def shell(server_url: str, folder: Path) -> Iterator[Shell]:
    name = f"copy_{time.monotonic_ns()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        assert wait_until(lambda: _is_free(connection))
        connection.execute(f"CREATE DATABASE {name} TEMPLATE seed".encode())
        try:
            yield Shell(folder, server_url.replace("/postgres?", f"/{name}?", 1))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _is_free(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = 'seed'").fetchone()
    return row == (0,)


class Heard:
    """What a process says on a stream, as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.text = ""
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with suppress(ValueError):  # closed meanwhile
            for line in self._process.stderr:
                self.text += line

    def to_the_end(self) -> str:
        self._thread.join(PATIENCE_SECONDS)
        return self.text


class Locker:
    """Somebody else, and what he sees of the command's sessions; they are asked for on a connection of their own."""

    def __init__(self, url: str, stack: ExitStack) -> None:
        self._holder = stack.enter_context(psycopg.connect(url, application_name=LOCKER))
        self._looker = stack.enter_context(psycopg.connect(url, autocommit=True, application_name="looks"))
        self.pid = self._holder.info.backend_pid

    def lock(self, table: str) -> None:
        self._holder.execute(f"LOCK TABLE convoy.{table} IN ACCESS EXCLUSIVE MODE".encode())

    def unlock(self) -> None:
        self._holder.rollback()

    def keeps(self, process: subprocess.Popen[str]) -> bool:
        """Whether a session of the command's own waits for somebody."""
        row = self._looker.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'",
            [f"convoy cli {process.pid}"],
        ).fetchone()
        return row is not None and row[0] > 0

    def sees(self, statement: str) -> bool:
        return self._looker.execute(statement.encode()).fetchone() is not None


_BEFORE_AND_AFTER = {
    "stopped": ("failed", "('completed', 'failed')"),
    "held": ("ready", "('completed', 'failed')"),
}


def _phase_told(moment: str, shell: Shell, schema: str) -> Callable[[Locker], bool]:
    """Return what tells that the run of a command has begun, or ended."""
    if schema:
        before, ends = _BEFORE_AND_AFTER[schema]
        which = f"options ->> 'target_schema' = '{schema}'"
        state = f"phase <> '{before}'" if moment == "begun" else f"phase IN {ends}"
    else:
        which = _is_new(shell)
        state = "true" if moment == "begun" else "finished_at IS NOT NULL"
    return lambda locker: locker.sees(f"SELECT FROM convoy.runs WHERE {which} AND {state}")


def _is_new(shell: Shell) -> str:
    known = ", ".join(f"'{run}'" for (run,) in shell.query("SELECT id::text FROM convoy.runs"))
    return f"id::text NOT IN ({known})"


def _put_away(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        stream.close()


@pytest.mark.parametrize(
    ("name", "table", "moment"), ALL if "CONVOY_SLOW_TESTS" in os.environ else FEW, ids=str
)
def test_a_command_says_who_has_locked_the_ledger_and_ends_when_told_to(
    shell: Shell, name: str, table: str, moment: str
) -> None:
    case = CASES[name]
    run, is_new = "", _is_new(shell)
    if case.schema:
        ((run,),) = shell.query(
            f"SELECT id::text FROM convoy.runs WHERE options ->> 'target_schema' = '{case.schema}'"
        )
    with ExitStack() as stack:
        # Given somebody who locks a table of the ledger
        locker = Locker(shell.target, stack)
        has_come = _phase_told(moment, shell, case.schema) if moment != "before" else lambda _: True
        if moment == "before":
            locker.lock(table)
        process = shell.start(*(word.format(run=run) for word in case.words))
        stack.callback(_put_away, process)
        heard = Heard(process)
        if moment != "before":
            assert wait_until(lambda: has_come(locker) or process.poll() is not None)
            locker.lock(table)
        # When the command waits for it
        deadline = time.monotonic() + PATIENCE_SECONDS
        words = f"process {locker.pid} of PostgreSQL (role postgres, {LOCKER}"
        has_waited = False
        while process.poll() is None and words not in heard.text and time.monotonic() < deadline:
            has_waited = has_waited or locker.keeps(process)
            time.sleep(0.1)
        # Then it names who holds the lock
        is_told = words in heard.text
        ended_itself = process.poll() is not None
        assert ended_itself or is_told, f"it waits without a word (a lock: {has_waited}): {heard.text}"
        # and ends when it is told to, with all that it has started
        started = [] if ended_itself else session_of(process)
        if not ended_itself:
            os.killpg(process.pid, signal.SIGTERM)
        try:
            status = process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs: {heard.text}") from None
        said = heard.to_the_end()
        assert status in {0, 1, 3 if case.gives_up else 0, 0 if ended_itself else 130}, said
        assert wait_until(lambda: all(map(is_gone, started)))
        locker.unlock()
    # and what it says to type works, once the lock has gone
    lines = _WAYS.findall(said)
    if status == 130 and (
        (case.schema and name != "follow") or shell.query(f"SELECT FROM convoy.runs WHERE {is_new}")
    ):
        assert lines, said
    for line in lines[:1]:
        again, out, err = shell.run(*line.split())
        assert again in (0, 1), f"{line}: {out}{err} after {said}"
