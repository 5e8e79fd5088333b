"""One cluster that serves several databases by name: what is asked of one of them touches no other."""

from __future__ import annotations

import os
import re

import pytest

from migration.full_disk_errors import SnapshotDiskFullError
from migration.ledger.disk_room_notices import RoomNotice
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_records import create_run
from migration.model import Source
from migration.queue import make_app, send_advance
from migration.run_options import RunOptions
from migration.settings import Settings
from tests.support.frozen_servers import frozen, postgres_processes
from tests.support.several_targets import (
    ENDS,
    PASSWORD,
    V1,
    SeveralTargets,
    await_true,
)


@pytest.mark.parametrize(
    ("target", "place"), [(None, "default"), ("shop", "shop"), ("crm", "crm"), ("default", "default")]
)
def test_run_ends_in_the_database_that_is_named(
    targets: SeveralTargets, target: str | None, place: str
) -> None:
    schema = f"goes_{target}".lower()
    run_id = targets.start(targets.source(schema), target, chunk_rows=50)

    found = targets.wait(run_id)
    assert (found["status"], found["target"]) == ("completed", place)
    assert targets.query(place, f"SELECT count(*) FROM {schema}.item") == [(200,)]
    for other in {"default", "shop", "crm"} - {place}:
        schemas = f"SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'"
        runs = f"SELECT count(*) FROM convoy.runs WHERE id = '{run_id}'"
        assert targets.query(other, schemas) == targets.query(other, runs) == [(0,)]


def test_all_that_is_asked_of_a_run_is_answered_from_its_own_ledger(targets: SeveralTargets) -> None:
    run_id = targets.start(targets.source("asked"), "crm")
    targets.wait(run_id)

    report = targets.client.get(f"{V1}/{run_id}/summary").json()
    assert (report["status"], report["target"]["name"]) == ("completed", "crm")
    assert "crm" in targets.client.get(f"{V1}/{run_id}/report.html").text
    for path in ("findings", "quarantine", "chunks", "chunk-map", "throughput"):
        assert targets.client.get(f"{V1}/{run_id}/{path}").status_code == 200
    events = targets.client.get(f"{V1}/{run_id}/events").text
    assert "event: end" in events
    everything = str(report) + events + targets.client.get(V1).text + targets.client.get("/metrics").text
    assert PASSWORD not in everything


def test_list_shows_the_runs_of_all_targets_as_one(targets: SeveralTargets) -> None:
    source = targets.source("listed")
    asked = [(name, targets.start(source, name, hold=True)) for name in ("crm", "shop", "default", "crm")]

    whole = targets.client.get(V1, params={"source": "listed"}).json()
    assert [(run["target"], run["run_id"]) for run in whole["runs"]] == asked[::-1]
    assert "note" not in whole
    seen, path = [], f"{V1}?source=listed&limit=1"
    while path:
        page = targets.client.get(path).json()
        seen += [run["run_id"] for run in page["runs"]]
        path = page["next"]
    assert seen == [run_id for _, run_id in asked[::-1]]
    of_crm = targets.client.get(V1, params={"source": "listed", "target": "crm"}).json()
    assert [run["target"] for run in of_crm["runs"]] == ["crm", "crm"]
    for _, run_id in asked:
        targets.client.post(f"{V1}/{run_id}/cancel")


def test_held_run_is_cut_over_and_rolled_back_in_its_target(targets: SeveralTargets) -> None:
    run_id = targets.start(targets.source("held"), "crm", hold=True)
    targets.wait(run_id, "ready")
    assert targets.client.post(f"{V1}/{run_id}/cutover").status_code == 202
    assert targets.wait(run_id)["status"] == "completed"
    assert targets.query("crm", "SELECT count(*) FROM held.item") == [(200,)]

    rolled = targets.client.post(f"{V1}/{run_id}/rollback")
    assert (rolled.status_code, rolled.json()["status"]) == (200, "rolled_back")
    assert targets.query("crm", "SELECT count(*) FROM pg_tables WHERE schemaname = 'held'") == [(0,)]


@pytest.mark.parametrize("url", ["postgresql://me:hunter22@db/shop", "SHOP", "../shop", "sh op", "nobody"])
def test_target_is_a_name_of_the_file_and_nothing_else(targets: SeveralTargets, url: str) -> None:
    for path in ("start", "dry-run", "validate"):
        answer = targets.client.post(f"{V1}/{path}", json={"sources": ["refused.db"], "target": url})
        assert answer.status_code == 422
        assert answer.json()["code"] == "target-unknown"
        assert "default, crm, shop" in answer.json()["detail"]
        assert "hunter22" not in answer.text


def test_idempotency_key_is_that_of_one_target(targets: SeveralTargets) -> None:
    source, key = targets.source("once"), {"Idempotency-Key": "the same"}
    first = targets.start(source, "shop", key)
    assert targets.start(source, "shop", key) == first
    other = targets.start(source, "crm", key)
    assert other != first
    assert targets.start(source, "crm", key) == other
    assert targets.wait(first)["status"] == targets.wait(other)["status"] == "completed"


def test_run_that_no_message_was_sent_for_is_found_by_the_watchdog_of_its_target(
    targets: SeveralTargets,
) -> None:
    path = targets.sources / targets.source("unsent")
    ledger = open_ledger(targets.urls["crm"])
    run_id = create_run(ledger, RunOptions(sources=(Source("unsent", str(path)),), target_schema="unsent"))
    ledger.dispose()
    assert targets.wait(run_id)["status"] == "completed"


def test_message_of_the_version_before_moves_a_run_of_the_default_target(targets: SeveralTargets) -> None:
    path = targets.sources / targets.source("older")
    ledger = open_ledger(targets.urls["default"])
    queue = make_app(Settings(broker_url=targets.cluster.broker_url, _env_file=None))
    run_id = create_run(ledger, RunOptions(sources=(Source("older", str(path)),), target_schema="older"))
    send_advance(queue, run_id)
    queue.close()
    ledger.dispose()
    assert targets.wait(run_id)["status"] == "completed"


def test_workers_that_are_killed_in_a_named_target_lose_nothing(targets: SeveralTargets) -> None:
    run_id = targets.start(targets.source("killed", rows=20_000), "crm", chunk_rows=100, batch_size=50)
    done = "SELECT count(*) FROM convoy.chunks WHERE state = 'done'"
    before = targets.query("crm", done)[0][0]
    await_true(lambda: targets.query("crm", done)[0][0] > before + 2, "no chunk was copied")
    targets.kill_workers()
    assert targets.wait(run_id)["status"] == "completed"
    assert targets.query("crm", "SELECT count(*), sum(id) FROM killed.item") == [(20_000, 200_010_000)]


def test_name_that_is_taken_out_of_the_file_loses_nothing(targets: SeveralTargets) -> None:
    run_id = targets.start(targets.source("taken"), "crm", hold=True)
    targets.wait(run_id, "ready")
    targets.write_file("shop")
    try:
        answer = targets.client.post(f"{V1}/{run_id}/cutover")
        assert (answer.status_code, answer.json()["code"]) == (503, "target-name-missing")
        assert "'crm'" in answer.json()["detail"]
        assert str(targets.file) in answer.json()["detail"]
        # The message of somebody who knows the name still does no harm
        queue = make_app(Settings(broker_url=targets.cluster.broker_url, _env_file=None))
        send_advance(queue, run_id, "crm")
        queue.close()
        assert targets.wait(targets.start(targets.source("meanwhile"), "shop"))["status"] == "completed"
        # And whoever lists runs, or looks who is there, is told whose are missing
        for path in (V1, "/api/v1/cluster", "/readyz"):
            assert (
                "target crm is not in the file of targets any more" in targets.client.get(path).json()["note"]
            )
        unknown = targets.client.get(f"{V1}/0198c2a8-0000-7000-8000-000000000000/status")
        assert unknown.status_code == 404
    finally:
        targets.write_file("shop", "crm")
    assert "note" not in targets.client.get(V1).json()
    assert targets.client.post(f"{V1}/{run_id}/cutover").status_code == 202
    assert targets.wait(run_id)["status"] == "completed"


def test_file_that_is_broken_stops_no_target(targets: SeveralTargets) -> None:
    run_id = targets.start(targets.source("broken"), "shop", hold=True)
    targets.wait(run_id, "ready")
    targets.file.write_text("[shop\nurl = planted\n")
    try:
        answer = targets.client.post(f"{V1}/start", json={"sources": ["broken.db"], "target": "shop"})
        assert (answer.status_code, answer.json()["code"]) == (503, "targets-file-invalid")
        assert "planted" not in answer.text
        assert targets.wait(targets.start(targets.source("unnamed"), None))["status"] == "completed"
        assert "cannot be read" in targets.client.get(V1).json()["note"]
    finally:
        targets.write_file("shop", "crm")
    assert targets.client.post(f"{V1}/{run_id}/cutover").status_code == 202
    assert targets.wait(run_id)["status"] == "completed"


def test_run_goes_on_beside_a_broken_file_without_a_step_that_is_sent_again(targets: SeveralTargets) -> None:
    run_id = targets.start(targets.source("beside", rows=10_000), "shop", chunk_rows=50, batch_size=50)
    targets.wait(run_id, "profiling", "copying")
    try:
        targets.file.write_bytes(b"\xff garbage")
        assert targets.wait(run_id, "copying", "indexing", "validating", *ENDS)
        targets.file.unlink()
        os.mkfifo(targets.file)
        assert targets.wait(run_id)["status"] == "completed"
    finally:
        targets.file.unlink()
        targets.write_file("shop", "crm")
    again = f"SELECT data FROM convoy.events WHERE run_id = '{run_id}' AND kind = 'resend'"
    assert targets.query("shop", again) == []


def test_two_names_of_one_database_are_one_ledger(targets: SeveralTargets) -> None:
    targets.write_file("shop", "crm", again=targets.urls["shop"])
    try:
        run_id = targets.start(targets.source("twice"), "again")
        assert targets.wait(run_id)["status"] == "completed"
        listed = targets.client.get(V1, params={"source": "twice"}).json()["runs"]
        assert [run["run_id"] for run in listed] == [run_id]
        assert targets.query("shop", "SELECT count(*) FROM twice.item") == [(200,)]
    finally:
        targets.write_file("shop", "crm")


def test_metrics_are_told_apart_by_the_target(targets: SeveralTargets) -> None:
    targets.wait(targets.start(targets.source("measured"), "crm"))
    text = targets.client.get("/metrics").text
    for name in ("default", "shop", "crm"):
        assert f'convoy_target_up{{target="{name}"}} 1.0' in text
    copied = dict(re.findall(r'^convoy_rows_copied_total\{target="(\w+)"\} ([0-9.e+]+)$', text, re.MULTILINE))
    assert set(copied) == {"default", "shop", "crm"}
    assert float(copied["crm"]) >= 200
    assert len(re.findall(r"^convoy_build_info\{", text, re.MULTILINE)) == 1


def test_cluster_names_each_process_once_and_every_target(targets: SeveralTargets) -> None:
    await_true(lambda: targets.query("crm", "SELECT 1 FROM convoy.processes"), "no sign of life in crm")
    found = targets.client.get("/api/v1/cluster").json()
    assert len(found["producers"]) == 1
    assert len({worker["name"] for worker in found["workers"]}) == len(found["workers"])
    assert found["targets"] == [{"name": name, "answers": True} for name in ("default", "crm", "shop")]
    assert targets.client.get("/readyz").json()["targets"] == {"crm": "ok", "shop": "ok"}


@pytest.mark.parametrize("target", ["default", "shop", "crm"])
def test_full_disk_of_any_target_is_told_to_who_asks_whether_all_is_ready(
    targets: SeveralTargets, target: str
) -> None:
    ledger = open_ledger(targets.urls[target])
    notice = RoomNotice(ledger)
    notice.give(SnapshotDiskFullError("no room"), "0198c2a8-0000-7000-8000-000000000000", 60)
    try:
        await_true(
            lambda: targets.client.get("/readyz").json()["disks"] == "full: snapshots",
            "the disk counts as ok",
        )
        ready = targets.client.get("/readyz")
        assert (ready.status_code, f"runs of the target {target} wait" in ready.json()["note"]) == (200, True)
    finally:
        notice.end()
        ledger.dispose()
    await_true(lambda: targets.client.get("/readyz").json()["disks"] == "ok", "the disk stays full")


def test_target_that_is_frozen_stops_no_other(targets: SeveralTargets) -> None:
    # Given runs that work in crm, with both workers, when its server hangs
    source = targets.source("frozen", rows=30_000)
    stuck = targets.start(source, "crm", chunk_rows=100, batch_size=50)
    targets.wait(stuck, "copying", "indexing", "validating")
    with frozen(postgres_processes(targets.urls["crm"])):
        # Then runs of the others come to their end all the same
        moving = [targets.start(targets.source(f"moving_{name}"), name) for name in ("shop", "default")]
        for run_id in moving:
            assert targets.wait(run_id)["status"] == "completed"
        # And it is said which one does not answer
        await_true(
            lambda: targets.client.get("/readyz").json()["targets"] == {"crm": "unreachable", "shop": "ok"},
            "the frozen target counts as ready",
        )
        ready = targets.client.get("/readyz")
        assert (ready.status_code, "crm (unreachable)" in ready.json()["note"]) == (200, True)
        answer = targets.client.get(f"{V1}/{stuck}/status")
        assert (answer.status_code, answer.json()["code"]) == (503, "target-unreachable")
        listed = targets.client.get(V1).json()
        assert "target crm does not answer" in listed["note"]
        assert {run["run_id"] for run in listed["runs"]} >= set(moving)
        unknown = targets.client.get(f"{V1}/0198c2a8-0000-7000-8000-000000000000/status")
        assert (unknown.status_code, "crm" in unknown.json()["detail"]) == (503, True)
        assert 'convoy_target_up{target="crm"} 0.0' in targets.client.get("/metrics").text
    # And once it answers again, its run goes on
    await_true(lambda: targets.client.get("/readyz").json()["targets"]["crm"] == "ok", "crm stays unready")
    assert targets.wait(stuck)["status"] == "completed"
    assert targets.query("crm", "SELECT count(*), sum(id) FROM frozen.item") == [(30_000, 450_015_000)]


def test_named_target_goes_on_while_the_default_one_is_frozen(targets: SeveralTargets) -> None:
    source = targets.source("without_default")
    targets.wait(targets.start(source, "crm"))  # whose ledger has been opened
    with frozen(postgres_processes(targets.urls["default"])):
        run_id = targets.start(targets.source("on_its_own"), "crm")
        assert targets.wait(run_id)["status"] == "completed"
        await_true(
            lambda: targets.client.get("/readyz").status_code == 503, "the default target counts as ready"
        )
        assert targets.client.get("/readyz").json()["targets"] == {"crm": "ok", "shop": "unreachable"}
        listed = targets.client.get(V1, params={"source": "on_its_own"}).json()
        assert [run["run_id"] for run in listed["runs"]] == [run_id]
        assert "target default does not answer" in listed["note"]
        refused = targets.client.post(f"{V1}/start", json={"sources": [source]})
        assert (refused.status_code, refused.json()["code"]) == (503, "target-unreachable")
    await_true(lambda: targets.client.get("/readyz").status_code == 200, "the default target stays unready")
    assert targets.wait(targets.start(targets.source("afterwards"), None))["status"] == "completed"


def test_no_log_of_the_cluster_holds_a_password(targets: SeveralTargets) -> None:
    logs = {path.name: path.read_text(errors="replace") for path in targets.cluster.logs.glob("*.log")}
    assert {"producer.log", "worker1.log"} <= logs.keys()
    assert [name for name, text in logs.items() if PASSWORD in text] == []
    assert "target=crm" in logs["producer.log"] + logs["worker1.log"]
