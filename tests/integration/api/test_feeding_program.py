"""The program of docs/how-to/platform-team.md against a real API on which nobody works, and answers that none gives."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from migration.ledger.access_tokens import AccessScope, create_token, revoke_token
from migration.ledger.run_acts import Person
from tests.integration.api.conftest import RunningApi
from tests.support.api import TOKEN
from tests.support.documentation import ROOT, blocks_of

ADA = Person("ada", "desk")
BOUND_SECONDS = 60


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (block,) = [
        block
        for block in blocks_of(ROOT / "docs" / "how-to" / "platform-team.md")
        if block.file_name == "migrate_all.py"
    ]
    path = tmp_path_factory.mktemp("program") / "migrate_all.py"
    path.write_text(block.text, encoding="utf-8")
    return path


@contextmanager
def running(program: Path, url: str, token: str, patience: str = "5") -> Iterator[subprocess.Popen[str]]:
    environment = {"MIGRATION_API_TOKEN": token, "CONVOY_API": url, "CONVOY_PATIENCE": patience}
    process = subprocess.Popen(
        [sys.executable, str(program), "batch", "school.db"],
        env={"PATH": os.environ["PATH"], "NO_PROXY": "*", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return status and output; a traceback is no way to end."""
    output, errors = process.communicate(timeout=BOUND_SECONDS)
    assert errors == ""
    return process.returncode, output


def wait_for_run(api: RunningApi) -> str:
    deadline = time.monotonic() + BOUND_SECONDS
    while time.monotonic() < deadline:
        with api.engine.connect() as connection:
            found = connection.execute(text("SELECT id::text FROM convoy.runs")).scalar_one_or_none()
        if found:
            return str(found)
        time.sleep(0.05)
    raise AssertionError("the program has started no run")


def test_token_that_opens_nothing_ends_it_in_a_sentence(program: Path, api: RunningApi) -> None:
    with running(program, api.url, "no-such-token") as process:
        status, output = end_of(process)

    assert (status, output.partition(":")[0]) == (2, "unauthorized")


def test_token_that_may_only_read_starts_nothing(program: Path, api: RunningApi) -> None:
    secret, _ = create_token(api.engine, "reader", (AccessScope.READ,), ADA, None)
    with running(program, api.url, secret) as process:
        status, output = end_of(process)

    assert (status, output.partition(":")[0]) == (2, "scope-missing")


def test_token_that_is_revoked_in_the_midst_ends_the_program(program: Path, api: RunningApi) -> None:
    secret, _ = create_token(api.engine, "feeder", (AccessScope.RUN,), ADA, None)
    with running(program, api.url, secret) as process:
        wait_for_run(api)
        revoke_token(api.engine, "feeder", ADA)
        status, output = end_of(process)

    assert status == 3
    assert "unauthorized" in output
    assert "1 runs go on by themselves" in output


def test_run_that_the_ledger_has_forgotten_counts_as_failed(program: Path, api: RunningApi) -> None:
    with running(program, api.url, TOKEN) as process:
        run_id = wait_for_run(api)
        with api.engine.begin() as connection:
            connection.execute(text("DELETE FROM convoy.runs"))
        status, output = end_of(process)

    assert status == 3
    assert f"school.db: run {run_id}: run-unknown: " in output


def test_run_that_is_cancelled_is_told_with_its_own_status(program: Path, api: RunningApi) -> None:
    with running(program, api.url, TOKEN) as process:
        run_id = wait_for_run(api)
        assert api.client.post(f"/api/v1/migration/{run_id}/cancel").is_success
        status, output = end_of(process)

    assert "school.db: cancelled" in output
    assert status != 0


class WornApi:
    """Answers each connection by the next of its words, and the last one for ever; an empty one closes it silently."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65_536)
                connection.sendall(self._answers.pop(0) if len(self._answers) > 1 else self._answers[0])

    def close(self) -> None:
        self._listener.close()


def answer(status: str, body: bytes, length: int | None = None) -> bytes:
    said = len(body) if length is None else length
    return f"HTTP/1.1 {status}\r\nContent-Length: {said}\r\nConnection: close\r\n\r\n".encode() + body


def test_connections_that_break_off_and_pages_of_a_proxy_are_asked_again(program: Path) -> None:
    worn = WornApi(
        b"",
        answer("200 OK", b'{"run_id', 500),
        answer("502 Bad Gateway", b"<html>"),
        answer("503 Service Unavailable", b'{"detail": "busy"}'),
        answer("202 Accepted", b'{"run_id": "r"}'),
        b"",
        answer("200 OK", b'{"finished": true}'),
        answer("409 Conflict", b'{"type": "urn:convoy:problem:run-not-finished"}'),
        answer("200 OK", b'{"finished": true}'),
        answer("200 OK", b'{"status": "completed", "exit_status": 0, "tables": [{"rows_loaded": 7}]}'),
    )
    try:
        with running(program, worn.url, "t", patience="50") as process:
            assert end_of(process) == (0, "school.db: completed, 7 rows\n")
    finally:
        worn.close()


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (b"", 3, "school.db: no-answer: "),
        (answer("502 Bad Gateway", b"<html>"), 2, "school.db: http-502: Bad Gateway"),
        (answer("404 Not Found", b"[]"), 2, "school.db: http-404: Not Found"),
        (answer("500 Internal Server Error", b'{"code": null}'), 2, "school.db: http-500: Internal"),
    ],
)
def test_answer_that_is_no_problem_document_ends_in_a_sentence(
    program: Path, words: bytes, status: int, told: str
) -> None:
    worn = WornApi(words)
    try:
        with running(program, worn.url, "t", patience="0") as process:
            ended, output = end_of(process)
    finally:
        worn.close()

    assert (ended, output[: len(told)]) == (status, told)
