"""A command's own cluster and one that serves everybody, on one ledger: neither begins what only the other can read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration.ledger.run_acts import this_person
from migration.ledger.run_records import create_run, find_run
from migration.ledger.run_requests import request_resume
from migration.ledger.waits_behind_others import waits_behind_others
from migration.model import Phase, Source
from migration.own_cluster import OWN_CLUSTER_VARIABLE
from migration.queue import make_app
from migration.run_options import RunOptions
from producer.run_state_machine import Runner
from tests.support.direct import Direct

Build = Callable[[str], Path]
OWN, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()


@pytest.fixture
def runner(direct: Direct) -> Iterator[Runner]:
    settings = direct.context.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    made = Runner(make_app(settings), settings)
    yield made
    made.app.close()
    made.engine.dispose()


@pytest.fixture
def options(build: Build) -> RunOptions:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);")
    return RunOptions(sources=(Source("app", str(path)),))


@pytest.mark.parametrize(
    ("sent_to", "looked_at_by", "begins"),
    [("", "", True), ("", OWN, False), (OWN, "", False), (OWN, OTHER, False), (OWN, OWN, True)],
)
def test_a_run_is_begun_by_the_cluster_that_it_was_sent_to(
    runner: Runner,
    options: RunOptions,
    monkeypatch: pytest.MonkeyPatch,
    sent_to: str,
    looked_at_by: str,
    begins: bool,
) -> None:
    monkeypatch.setenv(OWN_CLUSTER_VARIABLE, looked_at_by)
    run_id = create_run(runner.engine, options, cluster=sent_to)
    runner.advance(run_id, wait=False)
    assert (find_run(runner.engine, run_id).phase is not Phase.PENDING) is begins


def test_whoever_resumes_it_begins_it(runner: Runner, options: RunOptions) -> None:
    run_id = create_run(runner.engine, options, cluster=OTHER)
    runner.advance(run_id, wait=False)
    with runner.engine.connect() as connection:
        told = waits_behind_others(connection, find_run(runner.engine, run_id))
    assert told is not None
    assert f"Only the command on {this_person().host} that asked for it can read its source" in told

    request_resume(runner.engine, run_id, cluster=OWN)
    runner.advance(run_id, wait=False)
    assert find_run(runner.engine, run_id).phase is Phase.PENDING
    request_resume(runner.engine, run_id)  # by the API
    runner.advance(run_id, wait=False)
    assert find_run(runner.engine, run_id).phase is not Phase.PENDING


def test_with_its_snapshot_anybody_moves_it(
    direct: Direct, runner: Runner, options: RunOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = create_run(runner.engine, options, cluster=OWN)
    monkeypatch.setenv(OWN_CLUSTER_VARIABLE, OWN)
    direct.finish(run_id, until=Phase.PROFILING)
    monkeypatch.setenv(OWN_CLUSTER_VARIABLE, OTHER)
    direct.work(find_run(runner.engine, run_id))
    runner.advance(run_id, wait=False)
    assert find_run(runner.engine, run_id).phase not in {Phase.PENDING, Phase.SNAPSHOTTING, Phase.PROFILING}
