"""A process that lives, and takes from another queue than its own, is not taken for one that serves."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from migration.ledger.ledger_database import open_ledger
from migration.ledger.process_presence import QUEUES, PresenceCount, ProcessIdentity, ProcessKind, count_alive
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import create_run
from migration.model import Source
from migration.queue import CONTROL_QUEUE, COPY_QUEUE, make_app
from migration.run_options import RunOptions
from migration.settings import Settings
from tests.support.api import TOKEN
from tests.support.several_targets import serving_api

PATIENCE_SECONDS = 90


def test_queues_of_the_kinds_are_those_of_the_messages() -> None:
    assert QUEUES == {ProcessKind.PRODUCER: CONTROL_QUEUE, ProcessKind.WORKER: COPY_QUEUE}


@contextmanager
def process_on(kind: str, queue: str, settings: Settings, folder: Path) -> Iterator[None]:
    environment = os.environ | {
        "MIGRATION_TARGET_URL": settings.target_url.get_secret_value() if settings.target_url else "",
        "MIGRATION_BROKER_URL": str(settings.broker_url),
        "MIGRATION_SNAPSHOT_DIR": str(settings.snapshot_dir),
    }
    words = ["-A", f"{kind}.app", "worker", "-Q", queue, "--pool", "threads", "--concurrency", "1"]
    with (folder / f"{kind}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", *words, "-n", f"{kind}@here"],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def test_worker_on_another_queue_or_none_is_told_everywhere_and_counts_once_it_serves(
    target_url: str, valkey_url: str, tmp_path: Path
) -> None:
    settings = Settings(
        target_url=target_url,  # type: ignore[arg-type]
        broker_url=valkey_url,
        snapshot_dir=tmp_path / "snapshots",
        api_token=TOKEN,  # type: ignore[arg-type]
        _env_file=None,
    )
    ledger = open_ledger(target_url, "test")
    run_id = create_run(ledger, RunOptions(sources=(Source("s", str(tmp_path / "s.db")),), target_schema="s"))
    with psycopg.connect(target_url) as connection:
        connection.execute("UPDATE convoy.runs SET created_at = created_at - interval '1 min'")
        connection.execute("UPDATE convoy.events SET at = at - interval '1 min'")

    def alive() -> PresenceCount:
        with ledger.connect() as connection:
            return count_alive(connection)

    def until(condition: Callable[[PresenceCount], object]) -> PresenceCount:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition(found := alive()):
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        return found

    app = make_app(settings)
    try:
        with process_on("worker", "cpoy", settings, tmp_path), serving_api(settings) as api:
            found = until(lambda count: count.elsewhere)
            assert (found.workers, [one.queues for one in found.elsewhere]) == (0, ["cpoy"])
            said = "A worker is there and takes from `cpoy`, not `copy`"
            progress = read_progress(ledger, run_id)
            assert progress.workers_alive == 0
            assert [wait for wait in progress.waits if wait.startswith(said)]
            assert not [wait for wait in progress.waits if "No worker" in wait]
            deadline = time.monotonic() + PATIENCE_SECONDS
            # A machine that is busy keeps the worker from its next sign of life: then it is none, for a moment.
            while (ready := api.get("/readyz").json()).get("worker") != "none" or said not in ready["note"]:
                assert time.monotonic() < deadline, ready
                time.sleep(0.2)
            assert "worker@here" not in ready["note"]
            while said not in ((state := api.get("/api/v1/cluster").json())["note"] or ""):
                assert time.monotonic() < deadline, state
                time.sleep(0.2)
            assert " takes " not in state["workers"][0]["version"]
            assert "convoy_workers_alive 0" in api.get("/metrics").text
            app.control.cancel_consumer("cpoy", destination=["worker@here"])
            (idle,) = until(lambda count: [one for one in count.elsewhere if not one.queues]).elsewhere
            assert "takes from no queue" in idle.sentence()
            assert "add_consumer copy -d worker@here" in idle.remedy()
            app.control.add_consumer("copy", destination=["worker@here"])
            assert until(lambda count: count.workers).elsewhere == ()
            assert (
                "worker"
                not in (api.get("/api/v1/cluster").json()["note"] or "")
                .lower()
                .replace("no producer", "")
                .partition("start one")[0]
            )
    finally:
        app.close()
        ledger.dispose()


@pytest.mark.parametrize("queues", [("control",), ("control", "other"), None])
def test_who_serves_or_does_not_say_is_announced_as_ever(queues: tuple[str, ...] | None) -> None:
    identity = ProcessIdentity(ProcessKind.PRODUCER, "producer@far", 4, version="1")
    assert identity.announced(queues)["version"] == "1"
