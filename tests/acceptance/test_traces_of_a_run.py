"""Traces from the request to the cutover, as a real collector receives them from real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import find_run
from migration.settings import Settings
from migration.trace_context import span_of
from producer.embedded.embedded_cluster import LocalCluster
from tests.support.shell import Shell, make_database, wait_until
from tests.support.trace_receiver import TraceReceiver, receive_traces

PHASES = ["snapshotting", "profiling", "copying", "indexing", "validating", "cutting_over"]
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PASSWORD = "hunter2-of-the-target"


@pytest.fixture
def collector() -> Iterator[TraceReceiver]:
    with receive_traces() as receiver:
        yield receiver


@contextmanager
def _api(environment: dict[str, str], folder: Path) -> Iterator[httpx.Client]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    known = {name: value for name, value in os.environ.items() if not name.startswith("MIGRATION_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "api"],
        cwd=folder,
        env=known
        | environment
        | {
            "MIGRATION_API_PORT": str(port),
            "MIGRATION_API_TOKEN": "t0ken",
            "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        },
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            trust_env=False,
            timeout=30,
            headers={"Authorization": "Bearer t0ken"},
        ) as client:
            assert wait_until(lambda: _answers(client))
            yield client
    finally:
        process.terminate()
        process.wait(30)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


def test_trace_leads_from_the_request_to_the_cutover(
    collector: TraceReceiver, target_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("MIGRATION_SOURCE_ROOT", str(tmp_path))
    make_database(tmp_path / "library.db")
    settings = Settings(
        snapshot_dir=tmp_path / "snapshots",
        report_dir=tmp_path / "reports",
        embedded_dir=tmp_path / "postgres",
        _env_file=None,
    )
    url = f"{target_url}&password={PASSWORD}"
    with LocalCluster(target=url, workers=2, settings=settings) as cluster:
        cluster.wait_ready()
        environment = {
            "MIGRATION_TARGET_URL": url,
            "MIGRATION_BROKER_URL": str(cluster.broker_url),
            "MIGRATION_SOURCE_ROOT": str(tmp_path),
        }
        with _api(environment, tmp_path) as client:
            answer = client.post(
                "/api/v1/migration/start",
                json={"sources": ["library.db"], "options": {"target_schema": "traced"}},
                headers={"traceparent": f"00-{TRACE}-{SPAN}-01"},
            )
            assert answer.status_code == 202, answer.text
            run_id = answer.json()["run_id"]
            ledger = open_ledger(url, "test")
            assert wait_until(lambda: find_run(ledger, run_id).phase.is_end)
            ledger.dispose()
    # All have ended by now, and what they held back was sent.
    assert collector.paths == {"/v1/traces"}
    spans = [span for span in collector.spans if span.trace_id == TRACE]
    by_name = {span.name: span for span in spans}
    request = by_name["POST /api/v1/migration/start"]
    assert (request.parent_id, request.process, request.attributes["http.response.status_code"]) == (
        SPAN,
        "api",
        202,
    )
    run = by_name["run"]
    assert (run.parent_id, run.process) == (request.span_id, "producer")
    assert (run.attributes["convoy.run"], run.attributes["convoy.end"]) == (run_id, "completed")
    for phase in PHASES:
        assert by_name[phase].parent_id == run.span_id
        assert 0 < by_name[phase].seconds <= run.seconds
    copied = [span for span in spans if span.name == "copying step"]
    assert {span.parent_id for span in copied} == {by_name["copying"].span_id}
    assert {span.process for span in copied} == {"worker"}
    (book,) = (span for span in copied if span.attributes["convoy.table"] == "book")
    assert (book.attributes["convoy.rows"], book.attributes["convoy.chunk"]) == (300, 0)
    assert book.attributes["convoy.bytes"] > 0
    assert book.attributes["convoy.source"] == "library"
    assert len({span.span_id for span in spans}) == len(spans)
    assert not any(span.is_error for span in spans)
    assert {span.service for span in collector.spans} == {"convoy"}
    assert PASSWORD not in repr(collector.spans)


def test_run_that_nobody_has_traced_before_has_a_trace_of_its_own_id(
    collector: TraceReceiver, target_url: str, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, target_url)
    shell.environment["MIGRATION_OTLP_ENDPOINT"] = f"{collector.url}/v1/traces"
    source = make_database(tmp_path / "library.db")
    status, out, err = shell.run("migrate", "--source", str(source), "--target-schema", "traced", "--json")
    assert status == 0, err
    import json

    run_id = json.loads(out)["run_id"]
    spans = [span for span in collector.spans if span.trace_id == uuid.UUID(run_id).hex]
    assert set(PHASES) <= {span.name for span in spans}
    (run,) = (span for span in spans if span.name == "run")
    assert (run.parent_id, int(run.span_id, 16)) == ("", span_of(run_id, "run"))


def test_collector_that_is_away_costs_a_run_nothing_but_its_trace(target_url: str, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)  # it takes connections, and never says a word
        shell = Shell(tmp_path, target_url)
        shell.environment["MIGRATION_OTLP_ENDPOINT"] = f"http://127.0.0.1:{silent.getsockname()[1]}"
        source = make_database(tmp_path / "library.db")
        began = time.monotonic()
        status, _, err = shell.run("migrate", "--source", str(source), "--target-schema", "untraced")
        assert status == 0, err
        assert time.monotonic() - began < 60  # a bound on a hang
