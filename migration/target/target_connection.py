"""Connections to PostgreSQL, and what their errors mean.

A target is named by anything that libpq takes (https://www.postgresql.org/docs/current/libpq-connect.html): a URL
with or without host, a socket folder in ``?host=``, TLS options, a service, ``.pgpass``. libpq itself parses it.
"""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import Engine, create_engine

from migration.convoy_error import ConvoyError, Place
from migration.errors import (
    TargetUrlError,
)
from migration.target.postgres_errors import translate, unreachable

_CONNECT: Final = {
    "connect_timeout": "10",
    "keepalives": "1",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
}
_CHECK_INTERVAL_SINCE: Final = 140_000  # client_connection_check_interval came with PostgreSQL 14

# A role or database may carry other defaults (ALTER ROLE ... SET): a run must not depend on them.
_SESSION: Final = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "statement_timeout": "0",
    "lock_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "default_transaction_read_only": "off",
    "row_security": "off",
}

# Each would end a session that waits on purpose: for a snapshot, for the next step, for a user's lock.
_TIMEOUTS_SINCE: Final = {"idle_session_timeout": 140_000, "transaction_timeout": 170_000}

_USERINFO_PASSWORD = re.compile(r"^(\w+://[^:@/?#]*):[^@/]*@")
_QUERY_PASSWORD = re.compile(r"(?i)([?&])((?:ssl)?password|oauth_client_secret)=[^&]*(&?)")
_HOST = r"(\[[^\]@/]*\]|[^\[\]@/:?,]*)(:\d*)?"
_WELL_FORMED = re.compile(rf"^\w+://([^:@/?]*@)?{_HOST}(,{_HOST})*(/[^@?]*)?(\?.*)?$")
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
    host = str(parts.get("host") or parts.get("hostaddr") or "localhost")
    port = "" if host.startswith(("/", "@")) else f":{parts.get('port') or 5432}"
    if parts.get("service") and not parts.get("host"):
        host, port = f"service {parts['service']}", ""
    place: Place = {"server": f"{host}{port}"}
    name = parts.get("dbname") or parts.get("user")
    return {**place, "database": str(name)} if name else place


def with_defaults(url: str, application_name: str) -> str:
    """Return a connection string for libpq (ADBC) with a time limit and keepalives where the URL sets none.

    It holds the password and must not be logged.
    """
    parts = _parse(url)
    extra = {name: value for name, value in _CONNECT.items() if not parts.get(name)}
    return make_conninfo(url, application_name=application_name, **extra)


def without_statement_timeout(conninfo: str) -> str:
    """Return a connection string whose session begins without a `statement_timeout` of role or database.

    Only for where the first statements of a session were cancelled by one: a pooler may refuse `options`.
    """
    options = f"{conninfo_to_dict(conninfo).get('options') or ''} -c statement_timeout=0"
    return make_conninfo(conninfo, options=options.strip())


def connect(url: str, application_name: str, *, wait_for_disk: bool = True) -> psycopg.Connection:
    """Open one psycopg connection with a known session state.

    Without `wait_for_disk`, a commit returns before it is safe from a crash of the server; what a later commit has
    made safe includes it. See `synchronous_commit` in PostgreSQL's manual.

    Raises:
        TargetUrlError: libpq cannot read the URL.
        TargetUnreachableError: no connection; says which host and database, and why.
    """
    conninfo = with_defaults(url, application_name)
    try:
        return _connect(conninfo, place_of(url), wait_for_disk=wait_for_disk)
    except ConvoyError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
    return _connect(without_statement_timeout(conninfo), place_of(url), wait_for_disk=wait_for_disk)


def _connect(conninfo: str, place: Place, *, wait_for_disk: bool) -> psycopg.Connection:
    try:
        connection = psycopg.connect(conninfo, autocommit=True)
    except psycopg.Error as error:
        raise unreachable(error, place) from error
    try:
        session = dict(_SESSION)
        known = connection.info.server_version
        session |= {name: "0" for name, since in _TIMEOUTS_SINCE.items() if known >= since}
        if known >= _CHECK_INTERVAL_SINCE:
            # The server notices a killed client within a second, and its row locks go.
            session["client_connection_check_interval"] = "1s"
        if not wait_for_disk:
            session["synchronous_commit"] = "off"
        connection.execute(
            "SELECT " + ", ".join(["pg_catalog.set_config(%s, %s, false)"] * len(session)),
            [part for setting in session.items() for part in setting],
        )
        connection.autocommit = False
    except psycopg.Error as error:
        connection.close()
        raise translate(error, **place) from error
    return connection


def make_engine(url: str, application_name: str, *, wait_for_disk: bool = True) -> Engine:
    """Return a SQLAlchemy engine on psycopg 3 with a small pool; connections are opened when first used.

    Args:
        url: anything that libpq takes, with its password if it needs one.
        application_name: shown in pg_stat_activity.
        wait_for_disk: as for `connect`.
    """
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: connect(url, application_name, wait_for_disk=wait_for_disk),
        pool_size=4,
        max_overflow=8,
        pool_timeout=30,
        pool_pre_ping=True,
    )


def _parse(url: str) -> dict[str, Any]:
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
