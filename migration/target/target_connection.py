"""Connections to PostgreSQL, and what their errors mean.

A target is named by anything that libpq takes (https://www.postgresql.org/docs/current/libpq-connect.html): a URL
with or without host, a socket folder in ``?host=``, TLS options, a service, ``.pgpass``. libpq itself parses it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, create_engine, event

from migration.convoy_error import ConvoyError, NextStep, Place
from migration.errors import TargetEncodingError, TargetPermissionError, TargetUrlError
from migration.secret_text import ESCAPE_IT, has_bare_password
from migration.target.connection_pool import ClosingPool, renew_after
from migration.target.connection_refusals import note_refusal
from migration.target.json_reading import use_read_json
from migration.target.postgres_errors import translate, unreachable
from migration.target.session_bounds import SessionBounds
from migration.target.session_ownership import check_ownership
from migration.target.session_settings import session_settings

_CONNECT: Final = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
# Wins over PGCLIENTENCODING, and over what role and database are set to. Poolers pass it on.
_ENCODING: Final = "UTF8"
_TRIGGERS_AND_KEYS: Final = "session_replication_role"
_USERINFO_PASSWORD = re.compile(r"^(\w+://[^:@/?#]*):[^@/]*@")
_QUERY_PASSWORD = re.compile(r"(?i)([?&])((?:ssl)?password|oauth_client_secret)=[^&]*(&?)")
_HOST = r"(\[[^\]@/]*\]|[^\[\]@/:?,]*)(:\d*)?"
_WELL_FORMED = re.compile(rf"^\w+://([^:@/?]*@)?{_HOST}(,{_HOST})*(/[^@?]*)?(\?.*)?$")
_PORTS = re.compile(r"[0-9,]+")
_URL = re.compile(r"^postgres(ql)?://")


def redact(url: str) -> str:
    """Return a target's URL or connection string without its passwords.

    >>> redact("postgresql://me:secret@db/school?sslmode=require")
    'postgresql://me@db/school?sslmode=require'
    """
    if not _URL.match(url):
        return _redact_conninfo(url)
    plain = _USERINFO_PASSWORD.sub(r"\1@", url)
    while (found := _QUERY_PASSWORD.search(plain)) is not None:
        keep = found.group(1) if found.group(3) else ""
        plain = plain[: found.start()] + keep + plain[found.end() :]
    if not _WELL_FORMED.match(plain):
        # Not a URL as it should be: whatever stands before the last @ may be a password with an @ or / in it.
        plain = re.sub(r"^(\w+://).*@", r"\1...@", plain)
    return plain


def with_password(url: str, password: str | None) -> str:
    """Return `url` with `password` in it, unless it carries one already or there is none to add.

    The result is for libpq (psycopg, ADBC) alone: it must not be logged; see `redact`.

    Raises:
        TargetUrlError: libpq cannot read the URL.
    """
    if not password or _parse(url).get("password"):
        return url
    if not _URL.match(url):
        return make_conninfo(url, password=password)
    return f"{url}{'&' if '?' in url else '?'}password={quote(password, safe='')}"


def place_of(url: str) -> Place:
    """Return database and server that a URL or connection string names.

    Raises:
        TargetUrlError: libpq cannot read it.
    """
    parts = _parse(url)
    # Where somebody forgot to escape a password, libpq takes parts of it for a host, a port or a database.
    host = _shown(parts.get("host") or parts.get("hostaddr") or "localhost")
    number = str(parts.get("port") or 5432)
    port = "" if host.startswith(("/", "@")) or _PORTS.fullmatch(number) is None else f":{number}"
    if parts.get("service") and not parts.get("host"):
        host, port = f"service {parts['service']}", ""
    place: Place = {"server": f"{host}{port}"}
    name = parts.get("dbname") or parts.get("user")
    return {**place, "database": _shown(name)} if name else place


def _shown(name: object) -> str:
    text = str(name)
    before, at, after = text.rpartition("@")
    return after if before else at + after  # of an abstract socket, @ is the beginning


def with_defaults(url: str, application_name: str | None = None) -> str:
    """Return a connection string for libpq with a time limit and keepalives where the URL sets none.

    It holds the password and must not be logged.
    """
    parts = _parse(url)
    extra = {name: value for name, value in _CONNECT.items() if not parts.get(name)}
    if application_name is not None:
        extra["application_name"] = application_name
    return make_conninfo(url, client_encoding=_ENCODING, **extra)


def beginning_with(conninfo: str, name: str, value: str) -> str:
    """Return a connection string whose session begins with a setting, whatever role or database say.

    Only for what cannot wait until statements can be sent: a pooler may refuse `options`.
    """
    options = f"{conninfo_to_dict(conninfo).get('options') or ''} -c {name}={value}"
    return make_conninfo(conninfo, options=options.strip())


def without_statement_timeout(conninfo: str) -> str:
    """Return a connection string whose session begins without a `statement_timeout` of role or database.

    Only for where the first statements of a session were cancelled by one.
    """
    return beginning_with(conninfo, "statement_timeout", "0")


def connect(
    url: str, application_name: str, *, wait_for_disk: bool = True, bounds: SessionBounds | None = None
) -> psycopg.Connection:
    """Open one psycopg connection whose session is ours alone, in a known state: all connections go through here.

    Nothing is set before it is clear that the session is not shared with others.

    Without `wait_for_disk`, a commit returns before it is safe from a crash of the server; what a later commit has
    made safe includes it. See `synchronous_commit` in PostgreSQL's manual. Without `bounds`, statements and locks are
    waited for as long as they take.

    Raises:
        TargetUrlError: libpq cannot read the URL.
        TargetUnreachableError: no connection; says which host and database, and why.
        TargetPoolerError: a pooler lets others see what is set in the session.
        TargetEncodingError: the database is not in UTF-8.
        TargetPermissionError: the role's sessions skip triggers and foreign keys, and it may not change that.
    """
    # Its name is set with the rest: PgBouncer would leave it in a session that it shares.
    conninfo = with_defaults(url)
    settings = {"application_name": application_name}
    if not wait_for_disk:
        settings["synchronous_commit"] = "off"
    kind: type[psycopg.Connection] = psycopg.Connection
    if bounds is not None:
        conninfo = make_conninfo(conninfo, connect_timeout=bounds.connect_seconds)
        kind = bounds.connection_class
        settings |= bounds.settings
    try:
        return _connect(kind, conninfo, place_of(url), settings)
    except ConvoyError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
    return _connect(kind, without_statement_timeout(conninfo), place_of(url), settings)


def _connect(
    kind: type[psycopg.Connection], conninfo: str, place: Place, settings: dict[str, str]
) -> psycopg.Connection:
    try:
        connection = kind.connect(conninfo, autocommit=True)
    except psycopg.Error as error:
        refused = unreachable(error, place)
        note_refusal(refused)
        raise refused from error
    try:
        _begin_session(connection, conninfo, place, settings)
        use_read_json(connection)
        connection.autocommit = False
    except psycopg.Error as error:
        connection.close()
        raise translate(error, **place) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_session(
    connection: psycopg.Connection, conninfo: str, place: Place, own_settings: dict[str, str]
) -> None:
    _check_encoding(connection, place)
    settings = session_settings(connection.info.server_version) | own_settings
    statement = (
        f"SELECT pg_catalog.current_setting('{_TRIGGERS_AND_KEYS}'), "
        + ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(settings))
        # Of a row that is not there, nothing is computed: no setting is made unless who answers is who greeted.
        + " WHERE %s IN (0, pg_catalog.pg_backend_pid())"
    )
    values = [part for setting in settings.items() for part in setting]
    made = connection.execute(statement, [*values, connection.info.backend_pid or -1]).fetchone()
    if made is None:
        check_ownership(connection, conninfo, place)
        made = connection.execute(statement, [*values, 0]).fetchone()
    if made is not None and made[0] != "origin":
        _let_triggers_and_keys_work(connection, place)


def _check_encoding(connection: psycopg.Connection, place: Place) -> None:
    """The server tells its encoding in its greeting; what is not UTF-8 cannot hold every character."""
    encoding = connection.info.parameter_status("server_encoding")
    if encoding in (None, _ENCODING):
        return
    create = (
        f"CREATE DATABASE {_identifier(connection.info.dbname + '_utf8')} ENCODING 'UTF8' TEMPLATE template0"
    )
    raise TargetEncodingError(
        f"The database stores text as {encoding}, which cannot hold every character",
        remedy="Create one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0",
        next_steps=(NextStep("Create a database in UTF-8, and name it as the target", create),),
        **place,
    )


def _let_triggers_and_keys_work(connection: psycopg.Connection, place: Place) -> None:
    """Undo a `session_replication_role` of the role's or database's: foreign keys would not be checked."""
    try:
        connection.execute(f"SET {_TRIGGERS_AND_KEYS} = origin")
    except psycopg.errors.InsufficientPrivilege as error:
        role = _identifier(connection.info.user)
        reset = f"ALTER ROLE {role} RESET {_TRIGGERS_AND_KEYS}"
        raise TargetPermissionError(
            f"Sessions of the role {connection.info.user} check no foreign key ({_TRIGGERS_AND_KEYS}), and it"
            " may not change that",
            remedy=f"Let a superuser run: {reset}",
            next_steps=(NextStep("Let the role's sessions check foreign keys", reset),),
            **place,
        ) from error


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class PoolSize:
    """How many connections an engine keeps, how many more it opens, and how long one is waited for."""

    kept: int = 4
    more: int = 8
    wait_seconds: float = 30


def make_engine(
    url: str,
    application_name: str,
    *,
    wait_for_disk: bool = True,
    bounds: SessionBounds | None = None,
    pool: PoolSize = PoolSize(),
) -> Engine:
    """Return a SQLAlchemy engine on psycopg 3 with a small pool; connections are opened when first used.

    Args:
        url: anything that libpq takes, with its password if it needs one.
        application_name: shown in pg_stat_activity.
        wait_for_disk: as for `connect`.
        bounds: as for `connect`.
        pool: of connections.
    """
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, application_name, wait_for_disk=wait_for_disk, bounds=bounds),
        poolclass=ClosingPool,
        pool_size=pool.kept,
        max_overflow=pool.more,
        pool_timeout=pool.wait_seconds,
        pool_pre_ping=True,
    )
    event.listen(engine, "handle_error", renew_after)
    return engine


def renew_sessions(engine: Engine) -> None:
    """Let no session of an engine be used again that stands now."""
    if isinstance(engine.pool, ClosingPool):
        engine.pool.renew()


def _parse(url: str) -> dict[str, Any]:
    if _URL.match(url) and has_bare_password(url):
        raise TargetUrlError(
            "The target is not a URL that PostgreSQL's client library reads as it is meant",
            remedy=ESCAPE_IT[:1].upper() + ESCAPE_IT[1:],
        )
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error:
        # libpq's own message quotes what it could not read, which may be the password.
        raise TargetUrlError(
            f"The target {redact(url)} is not a URL that PostgreSQL's client library reads",
            remedy="Write postgresql://user@host:port/database, and %-encode special characters",
        ) from None


def _redact_conninfo(conninfo: str) -> str:
    try:
        parts = conninfo_to_dict(conninfo)
    except psycopg.Error:
        return "(a connection string that cannot be read)"
    secret = {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
    return make_conninfo("", **{name: value for name, value in parts.items() if name not in secret})
