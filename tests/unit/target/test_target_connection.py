from __future__ import annotations

import errno
import pickle

import psycopg
import pytest
import sqlalchemy as sa

from migration.convoy_error import place_parts
from migration.errors import (
    ConnectionLostError,
    DiskError,
    InternalError,
    PermanentError,
    RetryableError,
    ServerAwayError,
    TargetBusyError,
    TargetDatabaseMissingError,
    TargetLoginError,
    TargetOccupiedError,
    TargetPermissionError,
    TargetRefusedError,
    UsageError,
)
from migration.full_disk import is_full
from migration.full_disk_errors import DiskFullError, TemporaryDiskFullError
from migration.target.postgres_errors import translate
from migration.target.target_connection import place_of, redact, with_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@db/school", "postgresql://me@db/school"),
        (
            "postgresql://me:secret@db:5433/school?sslmode=require",
            "postgresql://me@db:5433/school?sslmode=require",
        ),
        ("postgres://me:s%40cret@db/school", "postgres://me@db/school"),
        ("postgresql://me:sec?ret@db/school", "postgresql://me@db/school"),
        ("postgresql://me@db/school?password=secret", "postgresql://me@db/school"),
        ("postgresql://db/school?password=secret&sslmode=require", "postgresql://db/school?sslmode=require"),
        ("postgresql://db/school?user=me&password=secret", "postgresql://db/school?user=me"),
        ("postgresql://db/x?sslpassword=secret&user=me&password=secret", "postgresql://db/x?user=me"),
        ("postgresql://db/x?PASSWORD=secret", "postgresql://db/x"),
        ("postgresql:///school?host=/run/postgresql", "postgresql:///school?host=/run/postgresql"),
        ("postgresql://postgres:@/postgres?host=/tmp/x", "postgresql://postgres@/postgres?host=/tmp/x"),
        ("postgresql://me:sec/ret@db/school", "postgresql://...@db/school"),
        ("postgresql://me:se@cret@db/school", "postgresql://...@db/school"),
        ("postgresql://me:pw@[::1]:5432,b:1/school", "postgresql://me@[::1]:5432,b:1/school"),
        ("host=db user=me password=secret dbname=school", "host=db user=me dbname=school"),
        ("service=school", "service=school"),
        ("password=secret broken", "(a connection string that cannot be read)"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    found = redact(url)
    assert "secret" not in found
    assert "ret@" not in found
    assert sorted(found.split()) == sorted(shown.split())


@pytest.mark.parametrize(
    ("url", "password", "expected"),
    [
        ("postgresql://me@db/x", None, None),
        ("postgresql://me@db/x", "a b&c", "a b&c"),
        ("postgresql://me@db/x?sslmode=require", "pw%", "pw%"),
        ("postgresql://me:own@db/x", "other", "own"),
        ("postgresql://me:@/x?host=/tmp", "other", "other"),
        ("host=db user=me", "it's", "it's"),
        ("postgresql://db/x?user=me&password=own", "other", "own"),
    ],
)
def test_password_is_added_where_there_is_none(url: str, password: str | None, expected: str | None) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(with_password(url, password))
    assert parts.get("password") == expected


def test_url_that_libpq_cannot_read_is_a_usage_error_without_the_password() -> None:
    with pytest.raises(UsageError) as caught:
        with_password("postgresql://me:secret%zz@db/x", "other")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://me:pw@db:5433/school", "database school on db:5433"),
        ("postgresql:///school?host=/run/postgresql", "database school on /run/postgresql"),
        ("postgresql://me@db", "database me on db:5432"),
        ("service=school", "database of the service or user on service school"),
    ],
)
def test_messages_name_host_and_database(url: str, words: str) -> None:
    assert place_parts(place_of(url)) == [words]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (psycopg.errors.AdminShutdown("x"), ServerAwayError),
        (psycopg.errors.DeadlockDetected("x"), RetryableError),
        (psycopg.errors.SerializationFailure("x"), RetryableError),
        (psycopg.errors.LockNotAvailable("x"), TargetBusyError),
        (psycopg.errors.TooManyConnections("x"), TargetBusyError),
        (psycopg.errors.ConnectionFailure("x"), ConnectionLostError),
        (psycopg.OperationalError("server closed the connection unexpectedly"), ConnectionLostError),
        (psycopg.errors.DiskFull("x"), DiskFullError),
        (psycopg.errors.DiskFull('could not resize shared memory segment "/PostgreSQL.12"'), TargetBusyError),
        (psycopg.errors.IoError("x"), DiskError),
        (
            psycopg.errors.IoError('could not write to file "pg_wal/1": No space left on device'),
            DiskFullError,
        ),
        (
            psycopg.errors.InternalError_('could not write to file "base/1": Disk quota exceeded'),
            DiskFullError,
        ),
        (
            psycopg.OperationalError("connection failed: FATAL:  could not write init file"),
            DiskFullError,
        ),
        (psycopg.errors.InsufficientPrivilege("x"), TargetPermissionError),
        (psycopg.errors.InvalidPassword("x"), TargetLoginError),
        (psycopg.errors.InvalidCatalogName("x"), TargetDatabaseMissingError),
        (psycopg.errors.DuplicateTable("x"), TargetOccupiedError),
        (psycopg.errors.UniqueViolation("x"), TargetRefusedError),
        (psycopg.ProgrammingError("x"), TargetRefusedError),
        (ValueError("x"), InternalError),
        (PermanentError("x"), PermanentError),
        (sa.exc.TimeoutError("x"), TargetBusyError),
    ],
)
def test_errors_are_told_apart(error: Exception, kind: type[Exception]) -> None:
    found = translate(error, table="t")
    assert type(found) is kind
    assert pickle.loads(pickle.dumps(found)).args == found.args
    if isinstance(error, psycopg.Error):
        assert "table t" in str(found)
        wrapped = sa.exc.DBAPIError("SELECT", {}, error)
        assert type(translate(wrapped, table="t")) is kind


def test_full_disk_says_how_to_go_on() -> None:
    found = translate(psycopg.errors.DiskFull("could not extend file"), chunk=3)
    assert "full" in str(found)
    assert "by itself" in found.remedy


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.UniqueViolation("duplicate key: (note)=(No space left on device)"),
        psycopg.errors.RaiseException("No space left on device"),
        ValueError("Disk quota exceeded"),
        OSError(errno.EIO, "No space left on device, says a file's name"),
    ],
)
def test_words_of_rows_and_names_make_no_disk_full(error: Exception) -> None:
    assert not is_full(error)


def test_disk_that_is_full_on_this_machine_is_told_from_the_servers() -> None:
    assert type(translate(OSError(errno.ENOSPC, "No space left on device"))) is TemporaryDiskFullError
    assert type(translate(OSError(errno.EDQUOT, "Disk quota exceeded"))) is TemporaryDiskFullError


def test_detail_with_values_of_rows_is_left_out() -> None:
    found = translate(
        psycopg.errors.UniqueViolation("duplicate key\nDETAIL: Key (email)=(a@b) exists"), table="t"
    )
    assert "a@b" not in str(found)
