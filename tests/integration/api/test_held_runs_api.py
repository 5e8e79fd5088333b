"""A held run over HTTP: `POST .../cutover` lets it go on, and nothing else does."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import update

from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import find_run
from migration.ledger.run_requests import request_cancel
from migration.model import Phase
from tests.integration.api.conftest import RunningApi

V1 = "/api/v1/migration"


def held(api: RunningApi, **options: object) -> dict[str, Any]:
    answer = api.client.post(
        f"{V1}/start", json={"sources": ["school.db"], "options": {"hold": True, **options}}
    )
    assert answer.status_code == 202, answer.text
    accepted: dict[str, Any] = answer.json()
    with api.engine.begin() as connection:
        of_run = update(runs).where(runs.c.id == accepted["run_id"])
        connection.execute(of_run.values(phase=Phase.READY.value))
    return accepted


def test_options_on_the_cutover_reach_the_ledger_and_a_request_replaces_them(api: RunningApi) -> None:
    accepted = held(api, cutover_window="22:00-05:00", cutover_lock_timeout=0.5, cutover_patience=60)
    options = find_run(api.engine, accepted["run_id"]).options
    assert (options.hold, options.cutover_window) == (True, "22:00-05:00 UTC")
    assert (options.cutover_lock_timeout_seconds, options.cutover_patience_seconds) == (0.5, 60)

    status = api.client.get(accepted["links"]["status"]).json()
    assert (status["status"], status["finished"]) == ("ready", True)
    assert api.client.get(accepted["links"]["summary"]).json()["status"] == "ready"
    assert api.client.post(accepted["links"]["resume"]).json()["type"] == "urn:convoy:problem:resume-refused"

    asked = {"cutover_window": "always", "cutover_patience": 5}
    answer = api.client.post(accepted["links"]["cutover"], json=asked)
    assert (answer.status_code, answer.json()["status"]) == (202, "cutting_over")
    options = find_run(api.engine, accepted["run_id"]).options
    assert (options.cutover_window, options.cutover_patience_seconds) == ("", 5)
    assert options.cutover_lock_timeout_seconds == 0.5


def test_cutover_needs_no_body_and_a_run_that_is_as_far(api: RunningApi) -> None:
    assert api.client.post(held(api)["links"]["cutover"]).status_code == 202
    fresh = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}).json()
    answer = api.client.post(fresh["links"]["cutover"])
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:convoy:problem:cutover-refused")


@pytest.mark.parametrize(
    ("name", "value"),
    [("cutover_window", "22-5"), ("cutover_window", "22:00-05:00 Vienna"), ("cutover_lock_timeout", 0)],
)
def test_options_that_make_no_sense_are_refused(api: RunningApi, name: str, value: object) -> None:
    asked = {"sources": ["school.db"], "options": {name: value}}
    answer = api.client.post(f"{V1}/start", json=asked)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].endswith(name)


def test_the_events_of_a_held_run_end_and_go_on_with_its_cutover(api: RunningApi) -> None:
    """Nothing happens to it by itself: a stream that stayed open would keep a program that waits for the end."""
    accepted = held(api)
    until_held = api.client.get(accepted["links"]["events"]).text
    assert until_held.endswith('event: end\ndata: {"status":"ready"}\n\n')
    last_seen = re.findall(r"^id: (\d+)$", until_held, re.MULTILINE)[-1]

    assert api.client.post(accepted["links"]["cutover"]).status_code == 202
    assert api.client.get(accepted["links"]["status"]).json()["finished"] is False
    request_cancel(api.engine, accepted["run_id"])
    rest = api.client.get(accepted["links"]["events"], headers={"Last-Event-ID": last_seen}).text
    assert "cutover" in rest
    assert rest.endswith('event: end\ndata: {"status":"cancelled"}\n\n')
