"""What can happen to PostgreSQL, and to the sessions on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

import psutil
import psycopg

from migration.model import Phase
from tests.chaos.matrix.chaos_cluster import ROLE
from tests.chaos.matrix.fault import Fault, Inflict, Kind
from tests.chaos.matrix.process_faults import stopped
from tests.chaos.matrix.scene import Scene

LIMIT_SECONDS = (2.0, 4.0)
LOCK_SECONDS = (2.0, 5.0)
READER_SECONDS = (2.0, 12.0)
"""Around the ten seconds for which a cutover waits for readers of what it replaces."""
TIMEOUT_MILLISECONDS = 60
_TIMEOUTS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
_NOTHING_STAGED: Mapping[Phase, str] = MappingProxyType(
    dict.fromkeys((Phase.PENDING, Phase.SNAPSHOTTING, Phase.PROFILING), "nothing is staged yet")
)


def terminate_all(scene: Scene) -> None:
    """End every session of the cluster's role, and of the commands."""
    scene.query("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s", ROLE)


def ended_by(number: signal.Signals) -> Inflict:
    """Send a signal to the postmaster: SIGINT is its fast shutdown, SIGQUIT the immediate one."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        scene.cluster.processes("postgres", children=False)[0].send_signal(number)
        yield

    return inflict


@contextmanager
def backend_killed(scene: Scene) -> Iterator[None]:
    """Kill one server process of the cluster's sessions (as the kernel may): the server restarts all."""
    found = scene.query("SELECT pid FROM pg_stat_activity WHERE usename = %s ORDER BY pid", ROLE)
    with suppress(psutil.Error):
        psutil.Process(scene.random.choice(found)[0]).kill()
    yield


@contextmanager
def terminated(scene: Scene) -> Iterator[None]:
    """End all sessions once."""
    terminate_all(scene)
    yield


@contextmanager
def terminated_again_and_again(scene: Scene) -> Iterator[None]:
    """End all sessions, and those that are opened in their place."""
    for _ in range(12):
        terminate_all(scene)
        scene.pause(0.25)
    yield


@contextmanager
def statements_cancelled(scene: Scene) -> Iterator[None]:
    """Cancel whatever statement runs, again and again for a second."""
    for _ in range(20):
        scene.query("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE usename = %s", ROLE)
        scene.pause(0.05)
    yield


def limited(what: str) -> Inflict:
    """Allow one session only, to the role or in the database, and end those that stand."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        name = ROLE if what == "ROLE" else scene.database
        scene.query(f"ALTER {what} {name} CONNECTION LIMIT 1")
        try:
            terminate_all(scene)
            yield
        finally:
            scene.query(f"ALTER {what} {name} CONNECTION LIMIT -1")

    return inflict


def timeouts(what: str) -> Inflict:
    """Set all timeouts of the role or the database so small that they would cut every session."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        name = ROLE if what == "ROLE" else scene.database
        known = {row[0] for row in scene.query("SELECT name FROM pg_settings")}
        for timeout in _TIMEOUTS:
            if timeout in known:
                scene.query(f"ALTER {what} {name} SET {timeout} = {TIMEOUT_MILLISECONDS}")
        try:
            terminate_all(scene)  # a session that stands keeps what it began with
            yield
        finally:
            scene.query(f"ALTER {what} {name} RESET ALL")

    return inflict


def locked(tables: str) -> Inflict:
    """Lock tables against everybody; `tables` is a query that names them."""

    @contextmanager
    def inflict(scene: Scene) -> Iterator[None]:
        with scene.admin() as connection:
            names = [row[0] for row in connection.execute(tables.encode(), {"run": scene.run_id}).fetchall()]
            connection.autocommit = False
            connection.execute("SET LOCAL lock_timeout = '20s'")
            # The run may be through, or the server take the lock for part of a deadlock.
            with suppress(
                psycopg.errors.DeadlockDetected,
                psycopg.errors.LockNotAvailable,
                psycopg.errors.UndefinedTable,
                psycopg.errors.InvalidSchemaName,
            ):
                for name in names:
                    connection.execute(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE".encode())
                scene.notes.append(f"{len(names)} tables locked")
            yield

    return inflict


@contextmanager
def read(scene: Scene) -> Iterator[None]:
    """Read the tables that the run replaces, in a transaction that stays open."""
    with scene.admin() as connection, connection.transaction():
        connection.execute(f'SELECT FROM "{scene.name}".item LIMIT 1'.encode())
        yield


_LEDGER = "SELECT format('%%I.%%I', 'convoy', name) FROM unnest(ARRAY['runs', 'chunks', 'steps']) AS t(name)"
_STAGED = (
    "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " JOIN convoy.runs r ON starts_with(n.nspname, r.staging_schema)"
    " WHERE r.id = %(run)s AND c.relkind = 'r' ORDER BY 1"
)

SERVER_FAULTS: tuple[Fault, ...] = (
    Fault("PostgreSQL restarted, fast", Kind.SERVER, ended_by(signal.SIGINT)),
    Fault("PostgreSQL restarted, immediate", Kind.SERVER, ended_by(signal.SIGQUIT), crashes_server=True),
    Fault("PostgreSQL killed", Kind.SERVER, ended_by(signal.SIGKILL), crashes_server=True),
    Fault("a session's server process killed", Kind.SERVER, backend_killed, crashes_server=True),
    Fault(
        "PostgreSQL stopped and continued",
        Kind.SERVER,
        stopped(lambda scene: scene.cluster.processes("postgres")),
        (3.0, 6.0),
    ),
    Fault("all sessions ended", Kind.SERVER, terminated),
    Fault("all sessions ended 12 times in 3 s", Kind.SERVER, terminated_again_and_again),
    Fault("running statements cancelled for a second", Kind.SERVER, statements_cancelled),
    Fault("one session allowed to the role", Kind.SERVER, limited("ROLE"), LIMIT_SECONDS),
    Fault("one session allowed in the database", Kind.SERVER, limited("DATABASE"), LIMIT_SECONDS),
    Fault("timeouts of the role made small", Kind.SERVER, timeouts("ROLE"), LIMIT_SECONDS),
    Fault("timeouts of the database made small", Kind.SERVER, timeouts("DATABASE"), LIMIT_SECONDS),
    Fault("the ledger locked by others", Kind.SERVER, locked(_LEDGER), LOCK_SECONDS),
    Fault(
        "staged tables locked by others",
        Kind.SERVER,
        locked(_STAGED),
        LOCK_SECONDS,
        senseless=_NOTHING_STAGED,
    ),
    Fault("replaced tables read by others", Kind.SERVER, read, READER_SECONDS, replaces=True),
)
