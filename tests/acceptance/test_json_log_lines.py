"""Log lines as JSON, of all processes of a local cluster and of its API, through a run with a quarantined row."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.shell import Shell, make_database, wait_until

SECRET = "s3cret-of-the-target"


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    shell = Shell(tmp_path, f"{target_url}&password={SECRET}")
    shell.environment |= {"MIGRATION_LOG_FORMAT": "json", "MIGRATION_LOG_LEVEL": "DEBUG"}
    return shell


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]


def test_lines_of_producer_and_workers_lead_from_a_task_to_a_table(shell: Shell, tmp_path: Path) -> None:
    source = make_database(tmp_path / "library.db")
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("INSERT INTO book VALUES (9999, 1, CAST(x'ff' AS TEXT), 1)")
        connection.commit()
    status, out, err = shell.run(
        "migrate", "--source", str(source), "--workers", "2", "--target-schema", "logs", "--json", "--verbose"
    )
    assert status == 1, err
    run = json.loads(out)["run_id"]  # standard output is still what programs read
    logs = sorted((tmp_path / ".convoy" / "logs").glob("**/*.log"))
    lines = {log.stem: _lines(log) for log in logs if log.stem.startswith(("producer", "worker"))}
    producer, workers = (
        lines["producer"],
        [line for name in lines if name != "producer" for line in lines[name]],
    )
    assert {line["process"] for line in producer} == {"producer"}
    assert {line["process"] for line in workers} == {"worker"}
    phases = [line["event"] for line in producer if line["event"].startswith(f"Run {run}: ")]
    assert f"Run {run}: copying, after profiling" in phases
    steps = [line for line in workers if line["logger"] == "migration.observers.logging_observer"]
    assert steps
    for line in steps:
        assert line["run"] == run
        assert line["task_id"]
        assert line["worker"]
    copied = [
        line for line in steps if "copying, table book of source library, chunk 0: done" in line["event"]
    ]
    (line,) = copied
    assert "300 rows, 1 quarantined" in line["event"]
    assert (line["phase"], line["table"], line["chunk"], line["source"]) == ("copying", "book", 0, "library")
    assert SECRET not in "".join(log.read_text(encoding="utf-8") for log in logs) + err


def test_requests_of_the_api_are_lines_with_their_ids(shell: Shell, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = shell.environment | {
        "MIGRATION_API_TOKEN": "t0ken-for-tests",
        "MIGRATION_API_PORT": str(port),
        "MIGRATION_LOG_LEVEL": "INFO",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    log = tmp_path / "api.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "api"], cwd=tmp_path, env=environment, stdout=output, stderr=output
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            assert wait_until(lambda: _answers(client))
            headers = {"Authorization": "Bearer t0ken-for-tests", "X-Request-ID": os.urandom(8).hex()}
            answer = client.get("/api/v1/migration/schema/word?app=hidden", headers=headers)
    finally:
        process.terminate()
        process.wait(30)
    assert answer.headers["X-Request-ID"] == headers["X-Request-ID"]
    lines = _lines(log)
    (line,) = (line for line in lines if line.get("request_id") == headers["X-Request-ID"])
    assert line["event"].startswith("GET /api/v1/migration/schema/word: 404 in ")
    assert {line["process"] for line in lines} == {"api"}
    told = log.read_text(encoding="utf-8")
    assert SECRET not in told
    assert "t0ken-for-tests" not in told
    assert "hidden" not in told


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False
