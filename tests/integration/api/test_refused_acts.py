"""What the API refuses of a run, or to begin, says in its answer what to do instead, and changes nothing."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from migration.ledger.ledger_tables import runs
from migration.model import Phase
from tests.integration.api.conftest import RunningApi

V1 = "/api/v1/migration"


def start_in(api: RunningApi, phase: Phase) -> str:
    answer = api.client.post(f"{V1}/start", json={"sources": ["school.db"]})
    assert answer.status_code == 202, answer.text
    run_id = str(answer.json()["run_id"])
    with api.engine.begin() as connection:
        connection.execute(update(runs).where(runs.c.id == run_id).values(phase=phase.value))
    return run_id


@pytest.mark.parametrize(
    ("act", "phase", "commands"),
    [
        ("pause", Phase.READY, ["cutover"]),
        ("resume", Phase.READY, ["cutover", "cancel"]),
        ("cutover", Phase.COPYING, ["status"]),
        ("cutover", Phase.COMPLETED, []),
        ("resume", Phase.COMPLETED, []),
        ("pause", Phase.COMPLETED, []),
    ],
)
def test_next_steps_of_a_refused_act_are_the_commands_that_its_detail_names(
    api: RunningApi, act: str, phase: Phase, commands: list[str]
) -> None:
    run_id = start_in(api, phase)
    answer = api.client.post(f"{V1}/{run_id}/{act}")
    assert answer.status_code == 409, answer.text
    steps = [step["command"] for step in answer.json()["next_steps"]]
    assert [step.split()[1] for step in steps] == commands
    assert all(run_id in step for step in steps)
    assert all(named in steps for named in re.findall("`(migration-cli [^`]+)`", answer.json()["detail"]))


@pytest.mark.parametrize("keys", [[""], ["a", "a"], ["a", "b"], ["", "a"], ["x" * 256]])
def test_a_key_that_is_none_or_several_starts_no_run(api: RunningApi, keys: list[str]) -> None:
    headers = [("Idempotency-Key", key) for key in keys]
    answer = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}, headers=headers)
    assert answer.status_code == 422, answer.text
    assert "header idempotency-key: It may" in answer.text
    assert "entries" not in answer.text
    assert api.client.get(V1).json()["runs"] == []
