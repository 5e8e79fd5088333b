"""A request whose COMMIT waits for a standby that is gone: the answer says so, and no session is left waiting."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from api.app import create_app
from migration.ledger.run_progress import read_progress
from migration.target.session_waits import WITHOUT_STANDBY
from migration.target.target_connection import make_engine
from tests.integration.api.conftest import RunningApi
from tests.support.api import TOKEN, ApiClient, api_settings
from tests.support.lost_standby import lost_standby, replicating_server, waiting_commits
from tests.support.shell import wait_until

RUNS = "/api/v1/migration"


@pytest.fixture
def target_url() -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-") as folder,
        replicating_server(Path(folder)) as url,
    ):
        yield url


def test_a_commit_that_waits_for_a_standby_is_told_to_who_asks_and_to_who_watches(
    api: RunningApi, target_url: str
) -> None:
    started = api.client.post(f"{RUNS}/start", json={"sources": ["school.db"]})
    assert started.status_code == 202, started.text
    with lost_standby(target_url):
        answer = api.client.post(f"{RUNS}/start", json={"sources": ["school.db"]}, timeout=40)
        assert answer.status_code == 503, answer.text
        problem = answer.json()
        assert problem["code"] == "target-busy"
        assert (
            "a synchronous standby (synchronous_standby_names = 'nobody', and none is attached)"
            in problem["detail"]
        )
        assert problem["next_steps"][0]["command"] == WITHOUT_STANDBY
        assert wait_until(lambda: waiting_commits(target_url) == 0)

        # And a producer that waits so is told of by the run that waits for it
        engine = make_engine(target_url, "convoy producer host:1")
        thread = threading.Thread(target=_commit, args=[engine])
        thread.start()
        run_id = started.json()["run_id"]
        words = "convoy producer host:1 waits for a synchronous standby (synchronous_standby_names = 'nobody', and none"
        assert wait_until(lambda: words in " ".join(read_progress(api.engine, run_id).waits))
    thread.join()
    engine.dispose()
    with psycopg.connect(target_url) as connection:
        assert connection.execute("SELECT count(*) FROM convoy.runs").fetchone() == (2,)


def _commit(engine: object) -> None:
    with engine.begin() as connection:  # type: ignore[attr-defined]
        connection.execute(text("INSERT INTO public.commits VALUES (2)"))


def test_what_the_opening_of_the_ledger_waits_for_is_named(
    target_url: str, valkey_url: str, root: Path
) -> None:
    client = ApiClient(
        create_app(api_settings(root, target_url=target_url, broker_url=valkey_url)),
        {"Authorization": f"Bearer {TOKEN}"},
    )
    with lost_standby(target_url):
        answer = client.post(f"{RUNS}/start", json={"sources": ["school.db"]})
        assert answer.status_code == 503, answer.text
        assert "since it waits for a synchronous standby" in answer.json()["detail"]
