"""The list by pages and filters, ETags, versions, and acts on runs that have ended."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update

from migration.errors import PermanentError
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import find_run
from migration.ledger.run_requests import fail_run
from migration.model import Mode, Phase
from tests.integration.api.conftest import RunningApi

V1 = "/api/v1/migration"


def start(api: RunningApi, path: str = "start") -> str:
    answer = api.client.post(f"{V1}/{path}", json={"sources": ["school.db"]})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


def set_phase(api: RunningApi, run_id: str, phase: Phase) -> None:
    with api.engine.begin() as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(phase=phase.value))


def test_pages_lead_through_all_runs_once_while_runs_are_added(api: RunningApi) -> None:
    ids = [start(api) for _ in range(5)]
    seen: list[str] = []
    path: str | None = f"{V1}?limit=2"
    while path is not None:
        answer = api.client.get(path)
        seen += [run["run_id"] for run in answer.json()["runs"]]
        path = answer.json()["next"]
        assert answer.headers.get("link") == (f'<{path}>; rel="next"' if path else None)
        start(api)
    assert seen == ids[::-1]
    assert api.client.get(f"{V1}?after=nonsense").status_code == 404


def test_filters_hold_on_every_page(api: RunningApi) -> None:
    dry = [start(api, "dry-run") for _ in range(3)]
    failed = start(api)
    set_phase(api, failed, Phase.FAILED)
    page = api.client.get(V1, params={"mode": Mode.DRY_RUN.value, "limit": 2}).json()
    assert [run["run_id"] for run in page["runs"]] == dry[:0:-1]
    assert [run["run_id"] for run in api.client.get(page["next"]).json()["runs"]] == dry[:1]
    found = api.client.get(V1, params={"status": ["failed", "cancelled"]}).json()["runs"]
    assert [run["run_id"] for run in found] == [failed]
    assert len(api.client.get(V1, params={"source": "SCHO"}).json()["runs"]) == 4
    assert api.client.get(V1, params={"source": "%"}).json()["runs"] == []
    assert api.client.get(V1, params={"since": "2999-01-01T00:00:00Z"}).json()["runs"] == []


@pytest.mark.parametrize("name", ["findings", "quarantine", "events"])
def test_a_cursor_that_no_id_can_be_is_refused(api: RunningApi, name: str) -> None:
    path = f"{V1}/{start(api)}/{name}"
    for after in ("9223372036854775808", "-1", "x"):
        answer = api.client.get(path, params={"after": after})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "query after")


@pytest.mark.parametrize("path", ["/status", "/status?tables=none", "/summary", ""])
def test_what_is_the_same_is_sent_once(api: RunningApi, path: str) -> None:
    run_id = start(api)
    assert api.client.post(f"{V1}/{run_id}/cancel").status_code == 202
    url = f"{V1}/{run_id}{path}" if path else V1
    first = api.client.get(url)
    with api.engine.begin() as connection:  # other writes, which move PostgreSQL's snapshot on
        connection.execute(text("CREATE TABLE other (a int)"))
    again = api.client.get(url, headers={"If-None-Match": f'"x", {first.headers["etag"]}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    with api.engine.begin() as connection:
        connection.execute(text("UPDATE convoy.runs SET error = 'changed'"))
    if path != "/summary":
        assert api.client.get(url, headers={"If-None-Match": first.headers["etag"]}).status_code == 200


def test_a_failed_run_keeps_its_end_when_it_is_cancelled(api: RunningApi) -> None:
    run_id = start(api)
    fail_run(api.engine, find_run(api.engine, run_id), PermanentError("It broke"))
    before = api.client.get(f"{V1}/{run_id}/status").json()
    assert api.client.post(f"{V1}/{run_id}/cancel").status_code == 202
    after = api.client.get(f"{V1}/{run_id}/status").json()
    kept = ("status", "error", "finished_at", "resume_phase")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert (after["status"], before["given_up_at"]) == ("failed", None)
    assert after["given_up_at"] is not None
    for act in ("cancel", "resume", "pause", "cutover", "rollback"):
        assert api.client.post(f"{V1}/{run_id}/{act}").status_code == 409, act
