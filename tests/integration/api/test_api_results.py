from __future__ import annotations

import json
import time
from base64 import b64decode
from typing import Any

import httpx
from sqlalchemy import insert, text

from api.run_result_routes import MAX_ORIGINAL_BYTES
from migration.ledger.chunk_records import NewChunk
from migration.ledger.ledger_tables import events as event_rows
from migration.ledger.ledger_tables import quarantine
from migration.ledger.run_requests import request_cancel
from migration.ledger.run_results import add_findings
from migration.ledger.table_records import SourceRecord, add_source, add_table
from migration.model import Finding, FindingKind, KeyRange
from migration.source_schema import SourceSchema
from tests.integration.api.conftest import RunningApi

V1 = "/api/v1/migration"


def new_run(api: RunningApi) -> str:
    return str(api.client.post(f"{V1}/start", json={"sources": ["school.db"]}).json()["run_id"])


def pages(api: RunningApi, path: str, key: str) -> tuple[int, list[dict[str, Any]]]:
    """Follow `next` to the last page; return the number of pages and all entries."""
    entries: list[dict[str, Any]] = []
    count = 0
    following: str | None = path
    while following:
        page = api.client.get(following).json()
        entries += page[key]
        following = page["next"]
        count += 1
    return count, entries


def read_events(lines: Any) -> list[dict[str, str]]:
    events: list[dict[str, str]] = [{}]
    for line in lines:
        if not line:
            events.append({})
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            events[-1][name] = value
    return [event for event in events if event]


def test_findings_come_in_pages(api: RunningApi) -> None:
    run_id = new_run(api)
    with api.engine.begin() as connection:
        found = [
            Finding(FindingKind.MISSING_ROW, "pupil", f"row {n} is missing", key=str(n)) for n in range(5)
        ]
        add_findings(connection, run_id, [found[0].of("school"), *found[1:]])

    count, entries = pages(api, f"{V1}/{run_id}/findings?limit=2", "findings")

    assert (count, [entry["key"] for entry in entries]) == (3, ["0", "1", "2", "3", "4"])
    assert entries[0]["kind"] == "missing_row"
    assert [entry["source"] for entry in entries] == ["school", *[""] * 4]
    assert api.client.get(f"{V1}/{run_id}/findings").json()["total"] == 5


def test_quarantine_shows_the_original_bytes(api: RunningApi) -> None:
    run_id = new_run(api)
    originals = [b"\xff\xfe bad", b"x" * (MAX_ORIGINAL_BYTES + 1)]
    with api.engine.begin() as connection:
        record = SourceRecord(0, "school", "school.db", "s", "0" * 64, 1, SourceSchema(()))
        source = add_source(connection, run_id, record)
        table, chunks = add_table(connection, run_id, source, "pupil", [NewChunk(KeyRange(), 2)])
        connection.execute(
            insert(quarantine),
            [
                {
                    "run_id": run_id,
                    "table_id": table,
                    "chunk_id": chunks[0],
                    "key": [number],
                    "column": "name",
                    "storage_class": "text",
                    "original": original,
                    "reason": "invalid UTF-8",
                }
                for number, original in enumerate(originals)
            ],
        )

    count, (bad, long) = pages(api, f"{V1}/{run_id}/quarantine?limit=1", "values")

    assert count == 2
    assert (bad["source"], bad["table"], bad["key"]) == ("school", "pupil", [0])
    assert (b64decode(bad["original_base64"]), bad["truncated"]) == (originals[0], False)
    assert (len(b64decode(long["original_base64"])), long["original_bytes"]) == (4096, 4097)
    assert long["truncated"]


def test_events_are_streamed_until_the_run_ends(api: RunningApi) -> None:
    run_id = new_run(api)

    with api.client.stream("GET", f"{V1}/{run_id}/events") as answer:
        lines = answer.iter_lines()
        first = [next(lines) for _ in range(3)]
        request_cancel(api.engine, run_id)
        rest = read_events(lines)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (first[0].partition(": ")[0], first[1]) == ("id", "event: phase")
    assert json.loads(first[2].partition(": ")[2])["data"] == {"phase": "pending"}
    assert [event["event"] for event in rest] == ["act", "phase", "act", "end"]
    assert json.loads(rest[1]["data"])["data"] == {"phase": "cancelled"}
    assert json.loads(rest[-1]["data"]) == {"status": "cancelled"}


def test_events_of_a_held_run_end_with_what_it_waits_in(api: RunningApi) -> None:
    run_id = new_run(api)
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE convoy.runs SET phase = 'ready' WHERE id = :id"), {"id": run_id})
    events = read_events(api.client.get(f"{V1}/{run_id}/events").text.splitlines())
    assert (events[-1]["event"], json.loads(events[-1]["data"])) == ("end", {"status": "ready"})
    assert api.client.get(f"{V1}/{run_id}/status").json()["finished"] is True


def test_events_go_on_after_the_last_one_seen(api: RunningApi) -> None:
    run_id = new_run(api)
    request_cancel(api.engine, run_id)
    everything = read_events(api.client.get(f"{V1}/{run_id}/events").text.splitlines())

    last_seen = everything[0]["id"]
    by_header = api.client.get(f"{V1}/{run_id}/events", headers={"Last-Event-ID": last_seen})
    by_parameter = api.client.get(f"{V1}/{run_id}/events", params={"after": last_seen})

    assert read_events(by_header.text.splitlines()) == everything[1:]
    assert by_parameter.text == by_header.text


def test_what_a_run_logs_cannot_forge_an_event(api: RunningApi) -> None:
    run_id = new_run(api)
    with api.engine.begin() as connection:
        data = {"text": "x\n\nevent: end\ndata: {}\r\r"}
        connection.execute(insert(event_rows).values(run_id=run_id, kind="note", data=data))
    request_cancel(api.engine, run_id)

    events = read_events(api.client.get(f"{V1}/{run_id}/events").text.splitlines())

    assert [event["event"] for event in events] == ["phase", "act", "note", "phase", "act", "end"]


def test_the_server_stops_although_somebody_listens(api: RunningApi) -> None:
    run_id = new_run(api)

    with httpx.stream(
        "GET", f"{api.url}{V1}/{run_id}/events", headers=dict(api.client.headers), timeout=20, trust_env=False
    ) as answer:
        lines = answer.iter_lines()
        next(lines)
        began = time.monotonic()
        api.server.handle_exit(15, None)
        list(lines)
    api.thread.join(timeout=10)

    assert not api.thread.is_alive()
    assert time.monotonic() - began < 4


def test_ready_once_ledger_and_broker_answer(api: RunningApi) -> None:
    answer = httpx.get(f"{api.url}/readyz", trust_env=False)

    ready = {
        "status": "ready",
        "ledger": "ok",
        "broker": "ok",
        "disks": "ok",
        "producer": "none",
        "worker": "none",
    }
    ages = ("ledger_age_seconds", "broker_age_seconds")
    assert answer.status_code == 200
    assert {name: value for name, value in answer.json().items() if name not in (*ages, "note")} == ready
    assert all(answer.json()[name] >= 0 for name in ages)


def test_metrics_count_runs_by_phase(api: RunningApi) -> None:
    new_run(api)
    request_cancel(api.engine, new_run(api))

    text = api.client.get("/metrics").text

    assert 'convoy_runs{phase="pending"} 1.0' in text
    assert 'convoy_runs{phase="cancelled"} 1.0' in text
    assert 'convoy_runs{phase="completed"} 0.0' in text
    for name in ("convoy_rows_copied", "convoy_rows_quarantined", "convoy_bytes_copied", "convoy_findings"):
        assert f"{name} 0.0" in text
