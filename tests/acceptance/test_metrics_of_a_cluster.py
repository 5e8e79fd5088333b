"""A scrape of a real cluster after a run: its names, the page that documents them, the board and the alert rules."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from api.prometheus_metrics import ANSWER_METRIC
from migration.ledger.run_requests import request_cancel
from migration.model import Phase
from migration.run_options import RunOptions
from migration.settings import Settings
from migration.steps.leftovers.purged_run import purge_run
from tests.support.api import TOKEN, ApiClient, api_settings
from tests.support.pipeline import Pipeline

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
BOARD = DEPLOY / "grafana" / "convoy_board.json"
ALERTS = DEPLOY / "prometheus" / "convoy_alerts.yml"
RULE_TESTS = DEPLOY / "prometheus" / "convoy_alerts_test.yml"
PAGE = REPOSITORY / "docs" / "reference" / "metrics.md"
GUIDE = REPOSITORY / "docs" / "observability.md"
_METRIC = re.compile(r"\b(?:convoy|process)_[a-z0-9_]+")
_OF_PROMETHEUS = {"up"}
Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, CAST(x'ff' AS TEXT));
CREATE INDEX by_v ON t (v);
"""


@pytest.fixture
def client(pipeline: Pipeline, tmp_path: Path) -> Iterator[ApiClient]:
    settings = api_settings(tmp_path, target_url=pipeline.url, broker_url=pipeline.cluster.broker_url)
    app = create_app(settings)
    yield ApiClient(app, {"Authorization": f"Bearer {TOKEN}"})
    app.state.cluster.close()


def _scrape(client: ApiClient) -> str:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


def _samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _declared(text: str) -> dict[str, str]:
    """Names of metrics with their types."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))


def test_counters_tell_what_a_run_has_done_and_outlive_its_purge(
    pipeline: Pipeline, client: ApiClient, build: Build
) -> None:
    before = _samples(_scrape(client))
    run = pipeline.migrate(build(SCRIPT))
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    after = _samples(_scrape(client))

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0.0)

    assert grown("convoy_rows_copied_total") == 2
    assert grown("convoy_rows_quarantined_total") == 1
    assert grown("convoy_values_quarantined_total", reason="not_utf8") == 1
    assert grown("convoy_rows_verified_total") == 2
    assert grown("convoy_bytes_copied_total") > 0
    assert grown("convoy_runs_started_total") == 1
    assert grown("convoy_runs_ended_total", phase="completed_with_findings") == 1
    for phase, steps in (("profiling", 1), ("copying", 1), ("indexing", 1), ("validating", 2)):
        assert grown("convoy_step_seconds_count", phase=phase) == steps
        assert grown("convoy_step_queue_seconds_count", phase=phase) == steps
        assert grown("convoy_step_seconds_bucket", phase=phase, le="1800.0") == steps
        assert grown("convoy_step_seconds_sum", phase=phase) > 0
    assert after["convoy_producers_alive", ()] >= 1
    assert after["convoy_workers_alive", ()] >= 1

    # Whatever becomes of the run
    settings = Settings(snapshot_dir=pipeline.cluster.settings.snapshot_dir, _env_file=None)
    purge_run(pipeline.ledger, settings, run.id)
    pipeline.query(f"DELETE FROM convoy.runs WHERE id = '{run.id}' RETURNING id")
    purged = _samples(_scrape(client))
    fallen = [
        key
        for key, value in after.items()
        if key[0].endswith(("_total", "_count", "_sum", "_bucket")) and purged[key] < value
    ]
    assert fallen == []


def test_runs_that_wait_and_their_steps_are_shown_by_queue(pipeline: Pipeline, client: ApiClient) -> None:
    from migration.ledger.run_lock import run_lock
    from migration.ledger.run_records import create_run
    from migration.model import Source

    run_id = create_run(pipeline.ledger, RunOptions(sources=(Source("x", "/nowhere"),), target_schema="x"))
    key = ("convoy_open_steps", (("queue", "control"), ("state", "waiting")))
    with run_lock(pipeline.ledger, run_id, wait=True):  # no watchdog of the cluster moves it meanwhile
        assert _samples(_scrape(client))[key] >= 1
    request_cancel(pipeline.ledger, run_id)


def test_every_metric_is_documented_and_every_documented_one_is_shown(client: ApiClient) -> None:
    client.get("/healthz")
    shown = _declared(_scrape(client))
    ours = {name: kind for name, kind in shown.items() if name.startswith("convoy_")}
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    of_targets = {ANSWER_METRIC.name: ANSWER_METRIC.kind}  # where targets have names
    assert dict(rows) == ours | of_targets
    assert len(rows) == len(ours) + len(of_targets)
    of_process = re.findall(r"`(process_\w+)`", GUIDE.read_text(encoding="utf-8"))
    assert set(of_process) == set(shown) - set(ours)


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "expr":
                yield str(inner)
            else:
                yield from _expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _expressions(inner)


def _board_and_rules() -> list[str]:
    import yaml

    board = json.loads(BOARD.read_text(encoding="utf-8"))
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))
    return [*_expressions(board), *_expressions(rules)]


_OF_NAMED_TARGETS = {"convoy_target_up"}
"""This cluster has none; tests/integration/pipeline/test_several_targets.py scrapes one that has."""


def test_board_and_rules_name_only_what_a_scrape_has(client: ApiClient) -> None:
    client.get("/healthz")
    series = {name for name, _ in _samples(_scrape(client))} | _OF_NAMED_TARGETS
    expressions = _board_and_rules()
    assert len(expressions) > 30
    for expression in expressions:
        named = set(_METRIC.findall(expression))
        assert named <= series, expression
        assert named or any(name in expression for name in _OF_PROMETHEUS), expression
    labels = {label for _, pairs in _samples(_scrape(client)) for label, _ in pairs} | {"job", "instance"}
    for expression in expressions:
        assert set(re.findall(r"[{,]\s*(\w+)=~?\"", expression)) <= labels, expression


def test_every_rule_has_a_test_of_its_own() -> None:
    import yaml

    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    tests = yaml.safe_load(RULE_TESTS.read_text(encoding="utf-8"))["tests"]
    fired = {check["alertname"] for test in tests for check in test["alert_rule_test"] if check["exp_alerts"]}
    assert {rule["alert"] for rule in rules} == fired


def test_labels_have_few_values(pipeline: Pipeline, client: ApiClient, build: Build) -> None:
    run = pipeline.migrate(build("CREATE TABLE rarely_named (id INTEGER PRIMARY KEY);"))
    client.get(f"/api/v1/migration/{run.id}/status")
    text = _scrape(client)
    assert run.id not in text
    assert "rarely_named" not in text
    assert "/api/v1/migration/{id}/status" in text


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not here: it comes with the package prometheus")
    return found


def _run(*command: str, text: str = "", folder: Path = REPOSITORY) -> None:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )
    assert (done.returncode, done.stderr.strip()) == (0, ""), done.stdout + done.stderr


def test_promtool_has_nothing_to_say_of_a_scrape(promtool: str, client: ApiClient) -> None:
    client.get("/healthz")
    _run(promtool, "check", "metrics", text=_scrape(client))


def test_promtool_accepts_rules_and_runs_their_tests(promtool: str) -> None:
    _run(promtool, "check", "rules", str(ALERTS))
    _run(promtool, "test", "rules", RULE_TESTS.name, folder=RULE_TESTS.parent)
