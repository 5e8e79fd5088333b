from __future__ import annotations

import io
import sys
import time

import pytest

from migration import secret_text
from migration.errors import UsageError
from migration.ledger.access_tokens import new_token
from migration.secret_text import (
    GuardedStream,
    guard_output,
    remember_secrets,
    secrets_of_url,
    tell_once,
    without_secrets,
)


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secret_text, "_remembered", set())


def test_a_remembered_secret_is_blanked_wherever_it_stands() -> None:
    remember_secrets(["p@ss/w0rd%x", None, ""])

    assert without_secrets("a p@ss/w0rd%x b") == "a *** b"
    assert without_secrets("redis://x:p%40ss%2Fw0rd%25x") == "redis://x:***"


@pytest.mark.parametrize("word", ["postgres", "educational", "abc1234", ""])
def test_what_may_be_a_plain_word_is_not_blanked(word: str) -> None:
    remember_secrets([word])

    assert without_secrets(f"database {word} on host") == f"database {word} on host"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("postgresql://me:s3cr3t-word@host/db", {"s3cr3t-word"}),
        ("postgresql://me:on3-part/@:two@host/db", {"on3-part", "on3-part/@:two", "two"}),
        ("redis://:s3cr3t-word@host:6379/0", {"s3cr3t-word"}),
        ("postgresql:///db?host=/run&password=short", {"short"}),
        ("https://host/a.db?X-Amz-Signature=0123456789abcdef&x=1", {"0123456789abcdef"}),
        ("postgresql://me@host/db?sslmode=require", set()),
        ("postgresql:///db?host=/tmp/a/long/folder/of/sockets&sslrootcert=/etc/convoy/ca.crt", set()),
        ("/srv/a.db", set()),
    ],
)
def test_what_is_secret_in_a_url(url: str, secret: set[str]) -> None:
    assert set(secrets_of_url(url)) == secret


def test_errors_are_born_without_secrets() -> None:
    remember_secrets(["s3cr3t-word"])

    error = UsageError("Refused s3cr3t-word", remedy="Try redis://:other@host", details="password=third rest")

    assert str(error) == "Refused ***. Try redis://:***@host. password=*** rest."


def test_a_line_of_json_stays_one() -> None:
    line = '{"url":"http://host:80/x","mail":"a@b","target":"postgresql://me:pw@host/db"}'

    assert without_secrets(line) == line.replace(":pw@", ":***@")


def test_long_texts_take_no_long_time() -> None:
    text = "a" * 300_000 + "://" + "b" * 300_000 + "=" + "c" * 300_000

    began = time.process_time()
    without_secrets(text)

    assert time.process_time() - began < 20  # a look from each letter would take hours


def test_what_a_process_prints_is_guarded_and_what_was_asked_for_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    streams = {name: io.StringIO() for name in ("stdout", "stderr", "__stdout__", "__stderr__")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    remember_secrets(["s3cr3t-word"])
    guard_output()
    guard_output()
    token = new_token()

    for name in streams:
        getattr(sys, name).write(f"{name} s3cr3t-word {token}\n")
        getattr(sys, name).writelines(["s3cr3t-word\n"])
    tell_once(token)

    for name, stream in streams.items():
        assert stream.getvalue().startswith(f"{name} *** ***\n***\n")
        guarded = getattr(sys, name)
        assert isinstance(guarded, GuardedStream)
        assert guarded.guarded is stream
    assert streams["stdout"].getvalue().endswith(f"{token}\n")
