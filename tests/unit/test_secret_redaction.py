from __future__ import annotations

import pytest

from migration import secret_redaction
from migration.secret_redaction import HIDDEN, remember_secrets, without_secrets


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_redaction, "_known", set())


@pytest.mark.parametrize(
    "words",
    [
        "redis://:hunter2@cache:6379/0 does not answer",
        "postgresql://me:hunter2@db/school",
        "rediss://worker:hunter2@[::1]:6380 and postgresql://me@db/x",
        "postgresql://me@db/school?sslmode=require&password=hunter2&x=1",
        "host=db password=hunter2 dbname=school",
        "host=db password = 'hunter2 and more' dbname=school",
        'password: "hunter2"',
        "PGPASSWORD=hunter2 psql",
        "Authorization: Bearer hunter2",
        "Authorization: Basic hunter2==",
        "sslpassword=hunter2",
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\nhunter2 and the rest was cut off",
    ],
)
def test_secret_goes_by_its_place_alone(words: str) -> None:
    assert "hunter2" not in without_secrets(words)
    assert HIDDEN in without_secrets(words)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        ("hunter2", "hunter2"),
        ("redis://:hun/t@er2@cache/0", "hun/t@er2"),
        ("postgresql://me:hun%2Fter2@db/x", "hun/ter2"),
        ("postgresql://me@db/x?password=hunter2", "hunter2"),
        ("host=db password='hunter2 x'", "hunter2 x"),
    ],
)
def test_secret_of_a_setting_goes_wherever_it_stands(value: str, secret: str) -> None:
    remember_secrets([value, None, ""])
    assert secret not in without_secrets(f"the server said: {secret}!")


@pytest.mark.parametrize(
    "words",
    [
        "Run 0198c2, copying, table book of source school, chunk 4: done, 3 rows",
        "postgresql://me@db:5432/school",
        "http://127.0.0.1:8000/api/v1@x",
        "column password of table users holds text",
        "the bearer of this",
    ],
)
def test_words_without_a_secret_stay_as_they_are(words: str) -> None:
    remember_secrets(["abc"])  # too short to be looked for: it is a part of words
    assert without_secrets(words) == words
