"""What the server says of a login that it does not let in is told as that, with what to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import psycopg
import pytest

from migration.errors import TargetLoginError
from migration.target.target_connection import connect

ROLE = "convoy_kept_out"


@contextmanager
def altered(url: str, change: str, back: str) -> Iterator[None]:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(change.encode())
    try:
        yield
    finally:
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute(back.encode())


@pytest.fixture
def role_url(target_url: str, postgres_url: str) -> Iterator[str]:
    with altered(postgres_url, f"CREATE ROLE {ROLE} LOGIN", f"DROP ROLE {ROLE}"):
        yield f"{target_url}&user={ROLE}"


@pytest.mark.parametrize(
    ("change", "back", "remedy"),
    [
        (f"ALTER ROLE {ROLE} NOLOGIN", f"ALTER ROLE {ROLE} LOGIN", "ALTER ROLE ... LOGIN"),
        (
            'REVOKE CONNECT ON DATABASE "{db}" FROM PUBLIC',
            'GRANT CONNECT ON DATABASE "{db}" TO PUBLIC',
            "GRANT CONNECT ON DATABASE",
        ),
        (
            'ALTER DATABASE "{db}" ALLOW_CONNECTIONS false',
            'ALTER DATABASE "{db}" ALLOW_CONNECTIONS true',
            "ALLOW_CONNECTIONS true",
        ),
    ],
)
def test_login_that_is_not_let_in_has_its_remedy(
    role_url: str, target_url: str, postgres_url: str, change: str, back: str, remedy: str
) -> None:
    database = urlsplit(target_url).path.removeprefix("/")
    with (
        altered(postgres_url, change.format(db=database), back.format(db=database)),
        pytest.raises(TargetLoginError) as refused,
    ):
        connect(role_url, "test").close()
    assert remedy in refused.value.remedy
