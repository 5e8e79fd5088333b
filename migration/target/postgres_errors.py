"""What an error of PostgreSQL means: which error of Convoy it is, by SQLSTATE, and so whether another try may help."""

from __future__ import annotations

from typing import Final, Unpack

import psycopg
from adbc_driver_manager import Error as AdbcError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from migration.certificate_dates import remedy_of_dates
from migration.convoy_error import ConvoyError, NextStep, Place
from migration.cutover_errors import TooFewLocksError
from migration.errors import (
    ConnectionLostError,
    DiskError,
    InternalError,
    RetryableError,
    ServerAwayError,
    TargetBusyError,
    TargetDatabaseMissingError,
    TargetLimitError,
    TargetLoginError,
    TargetOccupiedError,
    TargetPermissionError,
    TargetReadOnlyError,
    TargetRefusedError,
    TargetUnreachableError,
)
from migration.full_disk import is_full, lacks_shared_memory
from migration.full_disk_errors import DiskFullError, TemporaryDiskFullError
from migration.target.own_schemas import missing_ledger, speaks_of_missing_ledger
from migration.target.session_waits import WITHOUT_STANDBY, SilentServerError


def translate(error: Exception, **place: Unpack[Place]) -> ConvoyError:
    """Return the ConvoyError that an error of psycopg, SQLAlchemy or ADBC amounts to.

    Args:
        error: what was caught. A ConvoyError is returned as it is.
        place: what was worked on; without passwords.
    """
    if isinstance(error, ConvoyError):
        return error
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, ConvoyError):
        return cause
    if isinstance(cause, PoolTimeoutError):
        return TargetBusyError(
            "All connections to PostgreSQL are in use, and none became free in time", **place
        )
    if isinstance(cause, SilentServerError) and cause.wait:
        return _waiting_server(cause, place)
    message = _first_line(cause or error)
    if (refused := _refused_while_connected(error, message, place)) is not None:
        return refused
    known: ConvoyError | None = missing_ledger(**place) if speaks_of_missing_ledger(error) else None
    if known is None:
        known = _full_disk(cause or error, message, place) or _refused_login(cause or error, message, place)
    return known if known is not None else _by_state(error, cause or error, message, place)


def _waiting_server(silence: SilentServerError, place: Place) -> TargetBusyError:
    lift = (NextStep("Let COMMITs return that wait for a standby", WITHOUT_STANDBY),)
    return TargetBusyError(
        f"{silence.what}, which waits itself for {silence.wait}",
        remedy="What was asked for may be done all the same: look before you ask again",
        next_steps=lift if WITHOUT_STANDBY in silence.wait else (),
        **place,
    )


def _by_state(error: Exception, cause: BaseException, message: str, place: Place) -> ConvoyError:
    state = getattr(cause, "sqlstate", None) or ""
    if lacks_locks(error):
        return TooFewLocksError(
            "The server has too few locks for a transaction over so many tables and indexes",
            remedy="Raise max_locks_per_transaction (ALTER SYSTEM SET max_locks_per_transaction = 1024; then restart"
            " the server), or migrate fewer tables at a time with --tables",
            **place,
        )
    if _is_race(cause, state):
        return TargetBusyError(
            f"Another session makes or changes the same object of the database at this moment: {message}",
            **place,
        )
    if state in _STATES or state[:2] in _STATES:
        kind, sentence, remedy = _STATES.get(state) or _STATES[state[:2]]
        return kind(f"{sentence}: {message}", remedy=remedy, **place)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    # Without a SQLSTATE the server said nothing: the connection itself broke.
    if lost or (not state and isinstance(cause, (psycopg.OperationalError, AdbcError, OSError))):
        return ConnectionLostError(f"The connection to PostgreSQL was lost: {message}", **place)
    if not isinstance(cause, psycopg.Error | AdbcError | SQLAlchemyError):
        return InternalError(f"{type(cause).__name__}: {message}", **place)
    return TargetRefusedError(f"PostgreSQL refused: {message}", **place)


def session_stands(error: Exception) -> bool:
    """Tell whether the server goes on with the session in which it has said this: ERROR ends a statement, FATAL all.

    The severity that no locale translates tells (https://www.postgresql.org/docs/current/protocol-error-fields.html).
    A SQLSTATE does not: a trigger of somebody else's raises whichever it likes, and a foreign data wrapper hands on the
    one of another server. Who does not say it (a pooler, libpq itself) is taken at the SQLSTATE's word.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return False
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, AdbcError):
        return ("PG_DIAG_SEVERITY_NONLOCALIZED", b"ERROR") in (cause.details or ())
    return getattr(getattr(cause, "diag", None), "severity_nonlocalized", None) == "ERROR"


def _refused_while_connected(error: Exception, message: str, place: Place) -> ConvoyError | None:
    """Return what a refusal amounts to that has the SQLSTATE of a lost session, in one that stands."""
    state = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None) or ""
    kind, *_ = _STATES.get(state) or _STATES.get(state[:2]) or (ConvoyError,)
    if not issubclass(kind, ConnectionLostError | TargetUnreachableError) or not session_stands(error):
        return None
    statement = f" to {_shown_statement(error)}" if isinstance(error, DBAPIError) and error.statement else ""
    told = f"PostgreSQL answers{statement} with SQLSTATE {state}, and the session stands: {message}"
    remedy = "Look for who raises it: an event trigger, trigger, rule or foreign server of the target"
    refusal = RetryableError if issubclass(kind, ConnectionLostError) else TargetRefusedError
    return refusal(told, remedy=remedy, **place)


def _shown_statement(error: DBAPIError) -> str:
    statement = " ".join(str(error.statement).split())
    return statement if len(statement) <= _LONGEST_STATEMENT else f"{statement[:_LONGEST_STATEMENT]} ..."


def _refused_login(cause: BaseException, message: str, place: Place) -> ConvoyError | None:
    """Tell a login that is refused from a connection that broke: poolers give both the SQLSTATE of the latter."""
    state = getattr(cause, "sqlstate", None) or ""
    if state[:2] not in {"", _CONNECTION} or not isinstance(cause, psycopg.OperationalError | AdbcError):
        return None
    kind, remedy = _refusal(message)
    if kind is not TargetLoginError or not any(sign in message.lower() for sign in _REFUSED_LOGINS):
        return None
    return TargetLoginError(f"PostgreSQL refused the login: {message}", remedy=remedy, **place)


def _full_disk(cause: BaseException, message: str, place: Place) -> ConvoyError | None:
    """Return what a lack of room amounts to; None where there is no such lack."""
    if lacks_shared_memory(cause):
        remedy = "Give the server more /dev/shm, in a container by --shm-size"
        return TargetBusyError(f"PostgreSQL has no shared memory left: {message}", remedy=remedy, **place)
    if not is_full(cause):
        return None
    if isinstance(cause, psycopg.Error | AdbcError):
        return DiskFullError(
            f"The disk of the PostgreSQL server is full: {message}", remedy=MAKE_ROOM, **place
        )
    return TemporaryDiskFullError(f"A disk of this machine is full: {message}", remedy=MAKE_ROOM, **place)


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, or of one that it was raised from; empty: the server has said nothing."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        state = getattr(getattr(one, "orig", one), "sqlstate", None)
        if state:
            return str(state)
        one = one.__cause__
    return ""


def lacks_locks(error: Exception) -> bool:
    """Tell whether the server's table of locks is full: a setting's name, in a hint, is not translated."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    hint = getattr(getattr(cause, "diag", None), "message_hint", None) or ""
    return getattr(cause, "sqlstate", None) == _NO_MEMORY and "max_locks_per_transaction" in hint


def _is_race(cause: BaseException, state: str) -> bool:
    """Tell whether two sessions have written one row of the server's catalog: the second is refused like this."""
    diagnostics = getattr(cause, "diag", None)
    if state == _UNIQUE_VIOLATION:
        return getattr(diagnostics, "schema_name", None) == "pg_catalog"
    # "tuple concurrently updated": an internal error to the server, and its words may be translated.
    return state == _INTERNAL_ERROR and getattr(diagnostics, "source_function", None) in _CATALOG_WRITERS


def too_few_locks(tables: int, **place: Unpack[Place]) -> TooFewLocksError:
    """Return the error of a transaction that has to create so many tables."""
    return TooFewLocksError(
        f"The server has too few locks for a transaction that creates {tables:,} tables",
        remedy="Raise max_locks_per_transaction (ALTER SYSTEM SET max_locks_per_transaction ="
        f" {max(_SMALLEST_SETTING, -(-tables * _LOCKS_OF_A_TABLE // _FEW_CONNECTIONS))}; then restart the server), or"
        " migrate fewer tables at a time with --tables",
        **place,
    )


_LONGEST_STATEMENT: Final = 160
_NO_MEMORY: Final = "53200"
_UNIQUE_VIOLATION: Final = "23505"
_INTERNAL_ERROR: Final = "XX000"
_CATALOG_WRITERS: Final = frozenset({"simple_heap_update", "simple_heap_delete"})
"""https://github.com/postgres/postgres/blob/REL_15_STABLE/src/backend/access/heap/heapam.c"""
_SMALLEST_SETTING: Final = 128
_FEW_CONNECTIONS: Final = 20
"""The setting is multiplied by max_connections, which few servers have less of."""
_LOCKS_OF_A_TABLE: Final = 5
"""Of the table, of where its long values stand and their index, of its sequence, and one for a key."""
MAKE_ROOM: Final = "Make room there: what waits for it goes on by itself"


_CONNECTION: Final = "08"
_POOLERS_USERS: Final = "behind a pooler, the list of users that it logs in with (PgBouncer: auth_file), too"
_CHECK_LOGIN: Final = (
    f"Check the user and the password (--target-pass, MIGRATION_TARGET_PASSWORD, ~/.pgpass); {_POOLERS_USERS}"
)
_CHECK_POOLERS_LOGIN: Final = (
    "Check that the server runs, and the user and password with which the pooler logs in there (PgBouncer: auth_file);"
    " it tries again by itself (server_login_retry)"
)
_REFUSED_LOGINS: Final = (
    "pg_hba.conf",
    "authentication failed",  # of PostgreSQL, PgBouncer, Pgpool-II: password, SASL, peer, certificate ...
    "server login failed",  # PgBouncer at the server
    "server login has been failing",
    "no such user",
    "incorrect password",  # Odyssey
    "invalid password",  # PgCat
    "not permitted to log in",
    "permission denied for database",
    "not currently accepting connections",
)
"""What servers and poolers say of a login that they refuse; of a pooler without a SQLSTATE that says so."""


_CANCELLED_BY: Final = (
    "Find out what does so, if it comes again: pg_cancel_backend, a program that ends long statements, the"
    " query_timeout of a pooler; no statement_timeout of role or database holds in Convoy's sessions"
)
_NOT_BY_SETTING: Final = (
    "If it comes again, look for what ends sessions: a pooler's own limits (PgBouncer: idle_transaction_timeout), or an"
    " administrator; such settings of role or database are 0 in Convoy's sessions"
)
RAISE_LIMIT: Final = (
    "Raise the setting that it names, where it is set: for the role, the database or the server"
)
_STATES: Final[dict[str, tuple[type[ConvoyError], str, str]]] = {
    # https://www.postgresql.org/docs/current/errcodes-appendix.html; five characters win over the class.
    "08": (ConnectionLostError, "The connection to PostgreSQL was lost", ""),
    "40": (RetryableError, "PostgreSQL rolled the transaction back", ""),
    "55P03": (TargetBusyError, "Another session holds a lock that is needed", ""),
    "57P01": (ServerAwayError, "PostgreSQL is being shut down, or somebody has ended the session", ""),
    "57P02": (ServerAwayError, "PostgreSQL crashed and restarts", ""),
    "57P03": (ServerAwayError, "PostgreSQL does not accept connections at the moment", ""),
    "57P05": (ServerAwayError, "PostgreSQL closed an idle connection", _NOT_BY_SETTING),
    "57014": (
        RetryableError,
        "The statement was cancelled on the server",
        _CANCELLED_BY,
    ),
    "25P03": (ServerAwayError, "PostgreSQL closed an idle transaction", _NOT_BY_SETTING),
    "25P04": (ServerAwayError, "PostgreSQL ended a transaction for its length", _NOT_BY_SETTING),
    "53300": (
        TargetBusyError,
        "PostgreSQL has no free connection",
        "Raise max_connections or use fewer workers",
    ),
    "53200": (
        TargetBusyError,
        "PostgreSQL has no memory left",
        "Give the server more, or let fewer workers at it (--workers)",
    ),
    "53": (TargetLimitError, "A limit of the server is met", RAISE_LIMIT),
    "54": (
        TargetLimitError,
        "PostgreSQL refused",
        "What is too large for it is listed in docs/limits.md: leave it out with --exclude, or map it otherwise",
    ),
    "58030": (
        DiskError,
        "The disk of the PostgreSQL server failed",
        "Mend it, then resume the run: finished chunks are kept",
    ),
    "25006": (TargetReadOnlyError, "The server is read-only, a standby perhaps", "Name the primary server"),
    "42501": (TargetPermissionError, "The role lacks a right", "Grant it, or use another role"),
    "28": (TargetLoginError, "PostgreSQL refused the login", _CHECK_LOGIN),
    "3D000": (TargetDatabaseMissingError, "There is no such database", "Create it, or name another one"),
    "42P07": (TargetOccupiedError, "A relation of that name already stands there", ""),
}


# A refused login comes without a SQLSTATE, and its text may be translated: these decide only the remedy,
# and which kind of unreachable it is.
_LOGIN_REMEDIES: Final[tuple[tuple[str, type[TargetUnreachableError], str], ...]] = (
    (
        "connect failed",  # quoted by PgBouncer among logins that have been failing
        TargetUnreachableError,
        "Check that the server behind the pooler runs",
    ),
    (
        "server login has been failing",
        TargetLoginError,
        _CHECK_POOLERS_LOGIN,
    ),
    ("password", TargetLoginError, _CHECK_LOGIN),
    (
        "certificate verify failed",  # libpq does not say why
        TargetLoginError,
        "Check sslmode, sslrootcert and the host's name; the certificate's dates and this host's clock, too",
    ),
    ("certificate", TargetLoginError, "Check sslmode, sslrootcert and the host's name"),
    ("definition of service", TargetUnreachableError, "Check the service's name, and PGSERVICEFILE"),
    (
        "channel binding",
        TargetLoginError,
        "Leave channel_binding out, or connect by TLS to the server itself",
    ),
    ("does not exist", TargetDatabaseMissingError, "Create it, or name another one"),
    ("pg_hba.conf", TargetLoginError, "Allow this host and user in the server's pg_hba.conf"),
    (
        "not permitted to log in",
        TargetLoginError,
        "Let the role log in (ALTER ROLE ... LOGIN), or use another one",
    ),
    (
        "permission denied for database",
        TargetLoginError,
        "Grant it (GRANT CONNECT ON DATABASE ... TO ...), or use another role",
    ),
    (
        "not currently accepting connections",
        TargetLoginError,
        "Let the database be used (ALTER DATABASE ... ALLOW_CONNECTIONS true), or name another one",
    ),
    *((sign, TargetLoginError, _CHECK_LOGIN) for sign in _REFUSED_LOGINS),
    (
        "too many connections for role",
        TargetUnreachableError,
        "Raise the role's limit (ALTER ROLE NAME CONNECTION LIMIT 100), or use fewer workers",
    ),
    (
        "too many connections for database",
        TargetUnreachableError,
        "Raise the database's limit (ALTER DATABASE NAME CONNECTION LIMIT 100), or use fewer workers",
    ),
    ("too many", TargetUnreachableError, "Use fewer workers, or raise max_connections"),
    ("SSL", TargetUnreachableError, "Check sslmode and the certificates"),
    ("resolve host", TargetUnreachableError, "Check the spelling of the host"),
    ("translate host name", TargetUnreachableError, "Check the spelling of the host"),
)


def unreachable(error: psycopg.Error | AdbcError, place: Place) -> ConvoyError:
    """Return what a connection that was refused amounts to, with the remedy that fits its text."""
    message = _first_line(error)
    if (full := _full_disk(error, message, place)) is not None:
        return full
    kind, remedy = _refusal(message)
    return kind(f"Cannot connect to PostgreSQL: {message}", remedy=remedy, **place)


def _refusal(message: str) -> tuple[type[TargetUnreachableError], str]:
    """Return what the words of a refused connection amount to, and the remedy."""
    kind, remedy = next(
        ((kind, remedy) for sign, kind, remedy in _LOGIN_REMEDIES if sign.lower() in message.lower()),
        (TargetUnreachableError, "Check that the server runs and that host and port are right"),
    )
    return kind, remedy_of_dates(message) or remedy


def _first_line(error: BaseException) -> str:
    """Return the server's primary message; its detail may quote values of rows."""
    diagnostics = getattr(error, "diag", None)
    primary = getattr(diagnostics, "message_primary", None)
    lines = str(primary or error).strip().splitlines()
    return lines[0].strip().removeprefix("connection failed: ") if lines else type(error).__name__
