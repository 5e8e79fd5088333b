from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from sqlalchemy import text, update

from migration.errors import PermanentError
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import find_run
from migration.ledger.run_requests import fail_run
from migration.mapping_file.mapping_file_reader import read_mapping
from migration.model import IdentifierPolicy, IfExists, Mode, Phase, Source
from migration.queue import CONTROL_QUEUE
from tests.integration.api.conftest import RunningApi
from tests.support.api import listed_answers

JSON = {"Content-Type": "application/json"}

V1 = "/api/v1/migration"
NO_RUN = "018f0000-0000-7000-8000-000000000000"


def start(api: RunningApi, **headers: str) -> dict[str, str]:
    answer = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


def set_phase(api: RunningApi, run_id: str, phase: Phase) -> None:
    with api.engine.begin() as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(phase=phase.value))


def test_start_writes_the_run_and_wakes_the_producer(api: RunningApi, root: Path, valkey_url: str) -> None:
    queue = redis.Redis.from_url(valkey_url)
    of_new_runs = f"{CONTROL_QUEUE}\x06\x166"  # kombu's name for the list of a priority
    before = queue.llen(of_new_runs)

    accepted = start(api)

    run = find_run(api.engine, accepted["run_id"])
    assert (accepted["status"], run.phase, run.options.mode) == ("pending", Phase.PENDING, Mode.MIGRATE)
    assert run.options.sources == (Source("school", str(root / "school.db")),)
    assert queue.llen(of_new_runs) == before + 1
    message = queue.lindex(of_new_runs, 0).decode()
    assert "hunter2" not in message
    queue.close()


@pytest.mark.parametrize(("path", "mode"), [("dry-run", Mode.DRY_RUN), ("validate", Mode.VALIDATE)])
def test_the_other_modes_create_runs_of_their_mode(api: RunningApi, path: str, mode: Mode) -> None:
    answer = api.client.post(f"{V1}/{path}", json={"sources": ["school.db"]})

    assert answer.status_code == 202
    assert find_run(api.engine, answer.json()["run_id"]).options.mode is mode


def test_options_reach_the_ledger(api: RunningApi) -> None:
    body = {
        "sources": [{"path": "school.db", "label": "s"}],
        "options": {
            "target_schema": "music",
            "tables": ["users"],
            "exclude": ["b"],
            "catalog": "educational",
            "if_exists": "replace",
            "identifiers": "snake",
            "source_timezone": "Europe/Vienna",
            "batch_size": 50,
            "chunk_rows": 7,
            "skip_validation": True,
        },
    }

    answer = api.client.post(f"{V1}/start", json=body)

    options = find_run(api.engine, answer.json()["run_id"]).options
    assert options.sources[0].label == "s"
    assert (options.target_schema, options.schema_per_source) == ("music", False)
    assert (options.tables, options.exclude, options.catalog) == (("users",), ("b",), "educational")
    assert (options.if_exists, options.identifiers) == (IfExists.REPLACE, IdentifierPolicy.SNAKE)
    assert (options.source_timezone, options.batch_rows, options.chunk_rows) == ("Europe/Vienna", 50, 7)
    assert options.skip_validation


def test_no_answer_and_no_row_of_the_ledger_holds_the_password(api: RunningApi) -> None:
    links = start(api)["links"]

    shown = [
        api.client.get(path).text for path in (links["status"], links["events"], V1) if "events" not in path
    ]
    with api.engine.connect() as connection:
        kept = connection.execute(text("SELECT array_agg(r::text)::text FROM convoy.runs r")).scalar_one()

    assert "hunter2" not in kept + "".join(shown)
    assert "postgresql://" in kept


def test_status_shows_where_the_run_is(api: RunningApi) -> None:
    accepted = start(api)

    status = api.client.get(accepted["links"]["status"]).json()

    assert status["run_id"] == accepted["run_id"]
    assert (status["phase"], status["finished"], status["percent"]) == ("pending", False, 0.0)
    assert status["eta_seconds"] is None
    assert status["rows"] == {"total": 0, "done": 0, "quarantined": 0, "per_second": 0.0}
    assert (status["tables"], status["workers"]) == ([], [])


def test_the_list_has_the_newest_first(api: RunningApi) -> None:
    ids = [start(api)["run_id"] for _ in range(3)]

    listed = api.client.get(V1, params={"limit": 2}).json()["runs"]

    assert [run["run_id"] for run in listed] == ids[:0:-1]
    assert listed[0]["sources"] == ["school"]


@pytest.mark.parametrize("path", ["status", "summary", "report.html", "events", "findings", "quarantine"])
def test_an_unknown_run_is_not_found(api: RunningApi, path: str) -> None:
    answer = api.client.get(f"{V1}/{NO_RUN}/{path}")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:convoy:problem:run-not-found")


def test_a_run_is_named_by_its_full_id_only(api: RunningApi) -> None:
    run_id = start(api)["run_id"]

    assert api.client.get(f"{V1}/{run_id[:12]}/status").status_code == 404


def test_the_summary_of_an_unfinished_run_is_a_conflict(api: RunningApi) -> None:
    accepted = start(api)

    answer = api.client.get(accepted["links"]["summary"])

    assert answer.status_code == 409
    assert (answer.json()["type"], answer.json()["phase"]) == (
        "urn:convoy:problem:run-not-finished",
        "pending",
    )


def test_the_summary_of_a_failed_run_is_its_report(api: RunningApi) -> None:
    accepted = start(api)
    run = find_run(api.engine, accepted["run_id"])
    fail_run(api.engine, run, PermanentError("The disk is full", source="school"))

    report = api.client.get(accepted["links"]["summary"]).json()
    page = api.client.get(f"{V1}/{run.id}/report.html")

    assert (report["run_id"], report["status"]) == (run.id, "failed")
    assert "The disk is full" in report["error"]
    assert (report["error_details"]["code"], report["error_details"]["source"]) == ("step-failed", "school")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.COPYING])
def test_a_rollback_before_the_end_is_a_conflict(api: RunningApi, phase: Phase) -> None:
    accepted = start(api)
    set_phase(api, accepted["run_id"], phase)

    answer = api.client.post(accepted["links"]["rollback"])

    assert (answer.status_code, answer.json()["phase"]) == (409, phase.value)
    assert (answer.json()["code"], answer.json()["run"]) == ("run-state-conflict", accepted["run_id"])


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.CANCELLED, Phase.ROLLED_BACK])
def test_a_run_without_cutover_cannot_be_rolled_back(api: RunningApi, phase: Phase) -> None:
    accepted = start(api)
    set_phase(api, accepted["run_id"], phase)

    answer = api.client.post(accepted["links"]["rollback"])

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:convoy:problem:rollback-refused")


def test_cancel_stops_a_run_once(api: RunningApi) -> None:
    accepted = start(api)

    first = api.client.post(accepted["links"]["cancel"])
    second = api.client.post(accepted["links"]["cancel"])

    assert (first.status_code, first.json()["status"]) == (202, "cancelled")
    assert (second.status_code, second.json()["type"]) == (409, "urn:convoy:problem:cancel-refused")


def test_resume_puts_a_failed_run_back_to_its_phase(api: RunningApi) -> None:
    accepted = start(api)
    set_phase(api, accepted["run_id"], Phase.COPYING)
    fail_run(api.engine, find_run(api.engine, accepted["run_id"]), PermanentError("x"))

    answer = api.client.post(accepted["links"]["resume"])

    assert (answer.status_code, answer.json()["status"]) == (202, "copying")


def test_a_finished_run_cannot_be_resumed(api: RunningApi) -> None:
    accepted = start(api)
    set_phase(api, accepted["run_id"], Phase.COMPLETED)

    answer = api.client.post(accepted["links"]["resume"])

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:convoy:problem:resume-refused")


def test_ledger_that_was_dropped_is_told_by_each_route_and_probe(api: RunningApi) -> None:
    run_id = start(api)["run_id"]
    with api.engine.begin() as connection:
        connection.execute(text("ALTER SCHEMA convoy RENAME TO away"))

    for method, path in (("GET", V1), ("GET", f"{V1}/{run_id}/status"), ("POST", f"{V1}/start")):
        answer = api.client.request(
            method, path, json={"sources": ["school.db"]} if method == "POST" else None
        )
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger-missing"), answer.text
        assert "restore it from a backup" in answer.json()["detail"]
    deadline = time.monotonic() + 20
    while api.client.get("/readyz").status_code == 200:
        assert time.monotonic() < deadline, "the API counts as ready"
        time.sleep(0.1)

    with api.engine.begin() as connection:
        connection.execute(text("ALTER SCHEMA away RENAME TO convoy"))
    assert api.client.get(f"{V1}/{run_id}/status").status_code == 200


def test_the_same_idempotency_key_gives_the_same_run(api: RunningApi) -> None:
    first, second = (start(api, **{"Idempotency-Key": "nightly"}) for _ in range(2))

    assert first == second
    assert start(api, **{"Idempotency-Key": "other"})["run_id"] != first["run_id"]


@pytest.mark.parametrize("kept_by_0_1_0", [False, True])
def test_key_whose_source_is_gone_gives_its_run_all_the_same(
    api: RunningApi, root: Path, kept_by_0_1_0: bool
) -> None:
    # Given a run of a folder, and a client that did not get its answer
    (root / "incoming").mkdir()
    shutil.copy(root / "school.db", root / "incoming" / "monday.db")
    body: dict[str, Any] = {"sources": ["incoming"]}
    key = {"Idempotency-Key": "nightly"}
    first = api.client.post(f"{V1}/start", json=body, headers=key).json()
    if kept_by_0_1_0:
        forget = text("UPDATE convoy.runs SET options = options - 'idempotency_sha256'")
        with api.engine.begin() as connection:
            connection.execute(forget)
    else:
        # When others lie there meanwhile, or none
        shutil.move(root / "incoming" / "monday.db", root / "incoming" / "tuesday.db")
        assert api.client.post(f"{V1}/start", json=body, headers=key).json() == first
        shutil.rmtree(root / "incoming")
    # Then what it sends again is the same request
    again = api.client.post(f"{V1}/start", json=body, headers=key)
    assert (again.status_code, again.json()) == (202, first)
    # And another request is another
    other = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}, headers=key)
    assert (other.status_code, other.json()["type"]) == (422, "urn:convoy:problem:idempotency-key-reused")


def test_one_key_at_the_same_time_from_many_clients_makes_one_run(api: RunningApi) -> None:
    together = threading.Barrier(12)

    def send(_: int) -> str:
        together.wait()
        answer = httpx.post(
            f"{api.url}{V1}/start",
            json={"sources": ["school.db"]},
            headers={**api.client.headers, "Idempotency-Key": "rush"},
            timeout=20,
            trust_env=False,
        )
        return answer.json()["run_id"]

    with ThreadPoolExecutor(12) as pool:
        ids = set(pool.map(send, range(12)))

    assert len(ids) == 1


def test_a_key_of_another_request_is_refused(api: RunningApi) -> None:
    run_id = start(api, **{"Idempotency-Key": "nightly"})["run_id"]

    for path, options in (("start", {"batch_size": 7}), ("dry-run", {})):
        answer = api.client.post(
            f"{V1}/{path}",
            json={"sources": ["school.db"], "options": options},
            headers={"Idempotency-Key": "nightly"},
        )
        assert (answer.status_code, answer.json()["type"]) == (
            422,
            "urn:convoy:problem:idempotency-key-reused",
        )
        assert answer.json()["run_id"] == run_id


def test_mapping_travels_with_the_run(api: RunningApi) -> None:
    mapping = {"tables": {"pupil": {"rename": "student", "columns": {"name": {"normalise": ["trim"]}}}}}
    body = {"sources": ["school.db"], "options": {"mapping": mapping}}

    answer = api.client.post(f"{V1}/start", json=body)

    assert answer.status_code == 202, answer.text
    kept = find_run(api.engine, answer.json()["run_id"]).options.mapping
    assert kept is not None
    assert replace(kept, sha256="") == read_mapping(mapping, "mapping")
    assert len(kept.sha256) == 64


def test_mapping_that_cannot_be_is_refused_with_its_place(api: RunningApi) -> None:
    body = {"sources": ["school.db"], "options": {"mapping": {"tables": {"pupil": {"renam": "x"}}}}}

    answer = api.client.post(f"{V1}/start", json=body)

    assert answer.status_code == 422
    assert "Did you mean rename" in answer.text


@pytest.mark.parametrize("act", ["cutover", "resume", "cancel", "pause", "rollback"])
def test_a_refused_act_has_status_and_problem_that_errors_json_names(api: RunningApi, act: str) -> None:
    run_id = start(api)["run_id"]
    set_phase(api, run_id, Phase.COMPLETED)
    answer = api.client.post(f"/api/v1/migration/{run_id}/{act}")
    problem = answer.json()
    name = problem["type"].removeprefix("urn:convoy:problem:")
    assert (answer.status_code, problem["code"], name) == (409, "run-state-conflict", f"{act}-refused")
    assert (409, name) in listed_answers()["run-state-conflict"]


def test_no_answer_is_listed_that_a_known_code_never_comes_with() -> None:
    assert listed_answers()["run-unknown"] == {(404, "run-not-found")}
    assert listed_answers()["run-purged"] == {(409, "rollback-refused")}
    assert 422 not in {status for status, _ in listed_answers()["run-state-conflict"]}


def test_a_wrong_path_method_and_key_have_a_code(api: RunningApi) -> None:
    path = "/api/v1/migration"
    key = {"Idempotency-Key": "one"}
    start(api, **key)
    found = {
        api.client.get("/api/v1/nix").json()["code"],
        api.client.delete(path).json()["code"],
        api.client.get(f"{path}/schema/question").json()["code"],
        api.client.get(f"{path}/schema/nix").json()["code"],
        api.client.get(f"{path}/snapshots/{'0' * 64}").json()["code"],
        api.client.get(path, headers={"Authorization": "Bearer x"}).json()["code"],
        api.client.post(f"{path}/start", content=b" " * 2_000_000, headers=JSON).json()["code"],
        api.client.post(f"{path}/start", content=b"x").json()["code"],
        api.client.post(f"{path}/dry-run", json={"sources": ["school.db"]}, headers=key).json()["code"],
    }
    assert found == {
        "not-found",
        "method-not-allowed",
        "ambiguous-table",
        "table-not-found",
        "snapshot-not-found",
        "unauthorized",
        "too-large",
        "unsupported-media-type",
        "idempotency-key-reused",
    }
