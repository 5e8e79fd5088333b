"""Where MIGRATION_TARGETS_FILE is not set, nothing says a word of targets, and none can be named."""

from __future__ import annotations

from tests.integration.api.conftest import RunningApi

V1 = "/api/v1/migration"


def test_answers_are_those_of_a_server_with_one_target(api: RunningApi) -> None:
    run_id = api.client.post(f"{V1}/start", json={"sources": ["school.db"]}).json()["run_id"]

    listed = api.client.get(V1).json()
    assert listed.keys() == {"runs", "next"}
    assert "target" not in listed["runs"][0]
    assert "target" not in api.client.get(f"{V1}/{run_id}/status").json()
    assert "targets" not in api.client.get("/readyz").json()
    assert api.client.get("/api/v1/cluster").json().keys() == {"producers", "workers", "queues", "note"}
    metrics = api.client.get("/metrics").text
    assert ('target="' in metrics, "convoy_target_up" in metrics) == (False, False)


def test_name_is_refused_with_the_setting_that_is_missing(api: RunningApi) -> None:
    for name in ("shop", "default", "postgresql://me:hunter22@db/shop"):
        answers = [
            api.client.post(f"{V1}/{path}", json={"sources": ["school.db"], "target": name})
            for path in ("start", "dry-run", "validate")
        ]
        answers.append(api.client.get(V1, params={"target": name}))
        pointers = [answer.json()["errors"][0]["pointer"] for answer in answers]
        assert pointers == ["#/target", "#/target", "#/target", "query target"]
        for answer in answers:
            assert (answer.status_code, answer.json()["code"]) == (422, "target-unknown")
            assert "MIGRATION_TARGETS_FILE" in answer.json()["detail"]
            assert "hunter22" not in answer.text
    assert api.client.get(V1).json()["runs"] == []
