"""Whether a session is ours: what is set and locked in it is seen by nobody else, and ends with it.

All of Convoy rests on that: its settings (`session_settings`), the locks of runs, the transaction around a step. A
pooler between client and server may break it, and would hand a session with ``row_security = off`` to an application.
No list of poolers is kept. The server's greeting names the process that serves the client
(https://www.postgresql.org/docs/current/protocol-flow.html); where that process is not the one that answers,
something stands between, and is tried out with clients that change nothing.
"""

from __future__ import annotations

import secrets
import selectors
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Self

import psycopg
from psycopg import pq

from migration.errors import TargetPoolerError, TargetUnreachableError
from migration.target.postgres_errors import translate, unreachable

if TYPE_CHECKING:
    from migration.convoy_error import Place

_CLIENTS: Final = 8
"""As many at once: several processes of a pooler may share a port, and each has servers of its own."""
_ANSWER_SECONDS: Final = 3.0
"""A pooler that has no server for a client lets it wait, by default for minutes."""
_QUEUE_SECONDS: Final = 1.0
_SECOND_LOOKS: Final = 8
_PAUSE_SECONDS: Final = 0.05
_PROVEN_SECONDS: Final = 60.0
"""So long it holds what was found out: somebody may change the pooler's configuration."""
_MARK: Final = "convoy.session_mark"
_PROCESS: Final = "SELECT pg_catalog.pg_backend_pid()"

_proven: dict[tuple[str, ...], float] = {}
_lock = threading.Lock()


def check_ownership(connection: psycopg.Connection, conninfo: str, place: Place) -> None:
    """Make sure that a pooler gives each client a session of its own, and clears it afterwards.

    Nothing is written, and nothing stays set. What was found out holds for a minute in this process.

    Args:
        connection: of whom the greeting came from another process than the one that answers.
        conninfo: how to log in once more.
        place: database and server, for the error.

    Raises:
        TargetPoolerError: sessions are shared, or are handed on as they are.
        TargetUnreachableError: the pooler has no session to spare.
    """
    info = connection.info
    pool = (info.host, str(info.port), info.dbname, info.user)
    with _lock:  # threads that open connections at once need the answer once
        if time.monotonic() - _proven.get(pool, -_PROVEN_SECONDS) < _PROVEN_SECONDS:
            return
        try:
            _try_out(conninfo, place)
        except psycopg.Error as error:
            raise translate(error, **place) from error
        _proven[pool] = time.monotonic()


def _try_out(conninfo: str, place: Place) -> None:
    with ExitStack() as stack:
        clients: dict[int, _Client] = {}
        while len(clients) < _CLIENTS:
            try:
                client = stack.enter_context(_Client(conninfo, place))
                process = client.process()
                # Twice: a pooler may hand out its servers in turn.
                if process in clients or client.process() != process:
                    raise _shared(place)
            except _KeptWaitingError:
                if clients:
                    # What PgBouncer has put into its queue gets a server, though it is gone: leave it one.
                    clients.pop(next(iter(clients))).close()
                    time.sleep(_QUEUE_SECONDS)
                break
            clients[process] = client
        try:
            for process, client in clients.items():
                if client.process() != process:
                    raise _shared(place)
            if not clients:
                raise _KeptWaitingError
            _check_that_nothing_stays(clients.popitem()[1], conninfo, place)
        except _KeptWaitingError:
            raise TargetUnreachableError(
                "The pooler before the target has no session to spare: a client of it was kept waiting",
                remedy="Raise its pool_size (default_pool_size in PgBouncer), or name the port of the server itself",
                **place,
            ) from None


def _check_that_nothing_stays(client: _Client, conninfo: str, place: Place) -> None:
    """Leave a setting and a lock in a session, end it, and see whether the next client of that server finds them."""
    mark, key = secrets.token_hex(8), secrets.randbits(62)
    client.ask(
        f"SELECT pg_catalog.set_config('{_MARK}', '{mark}', false), pg_catalog.pg_advisory_lock_shared({key})"
    )
    process = client.process()
    client.close()
    with ExitStack() as stack:
        for _ in range(_SECOND_LOOKS):
            following = stack.enter_context(_Client(conninfo, place))
            same = following.process() == process
            is_set = following.ask(f"SELECT pg_catalog.current_setting('{_MARK}', true)") == mark
            locks = (
                "SELECT count(*) FROM pg_catalog.pg_locks"
                " WHERE locktype = 'advisory' AND pid = pg_catalog.pg_backend_pid()"
                f" AND (classid::bigint << 32 | objid::bigint) = {key}"
            )
            is_locked = following.ask(locks) != "0"
            if is_locked:
                following.ask(f"SELECT pg_catalog.pg_advisory_unlock_shared({key})")
            if is_set:
                following.ask(f"RESET {_MARK}")
            if is_set or is_locked:
                raise TargetPoolerError(
                    "The pooler before the target hands a session on with what its last client has"
                    f" {'set' if is_set else 'locked'}",
                    remedy="Set server_reset_query = DISCARD ALL there, or name the port of the server itself",
                    **place,
                )
            if same:
                return
            time.sleep(_PAUSE_SECONDS)


def _shared(place: Place) -> TargetPoolerError:
    return TargetPoolerError(
        "The target is a pooler that shares sessions between its clients (pool_mode = transaction or statement),"
        " and what a run sets and locks would reach others",
        remedy="Name the port of the server itself, or a pool with pool_mode = session",
        **place,
    )


class _KeptWaitingError(Exception):
    """No answer in time: the pooler has no server for this client."""


class _Client:
    """One more client, which asks with a deadline."""

    def __init__(self, conninfo: str, place: Place) -> None:
        try:
            self._connection = psycopg.connect(conninfo, autocommit=True)
        except psycopg.errors.ConnectionTimeout:
            raise _KeptWaitingError from None
        except psycopg.Error as error:
            raise unreachable(error, place) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def process(self) -> int:
        """Return the server's process that answers now."""
        return int(self.ask(_PROCESS))

    def ask(self, statement: str) -> str:
        """Return the first value of the answer to a statement, which is a transaction of its own; empty: none."""
        try:
            return self._ask(statement, time.monotonic() + _ANSWER_SECONDS)
        except _KeptWaitingError:
            self.close()  # or it would be next in the pooler's queue
            raise

    def _ask(self, statement: str, deadline: float) -> str:
        raw = self._connection.pgconn
        raw.send_query(statement.encode())
        value = ""
        with selectors.DefaultSelector() as selector:
            selector.register(raw.socket, selectors.EVENT_READ)
            while True:
                while raw.flush() or raw.is_busy():
                    if not selector.select(max(deadline - time.monotonic(), 0)):
                        raise _KeptWaitingError
                    raw.consume_input()
                result = raw.get_result()
                if result is None:
                    return value
                if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
                    raise psycopg.OperationalError(result.get_error_message())
                if result.ntuples:
                    value = (result.get_value(0, 0) or b"").decode()
