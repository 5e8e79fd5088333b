from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from unittest.mock import Mock

import psycopg
import pytest
from pydantic import SecretStr
from redis import Redis

from migration.announced_targets import (
    announce_target,
    check_target_is_announced,
    other_databases,
    read_claims,
    withdraw_targets,
)
from migration.errors import UsageError
from migration.ledger.ledger_database import target_identity
from migration.model import Phase
from migration.queue import check_broker, make_app, shown_run
from migration.settings import Settings
from migration.target.target_connection import make_engine
from producer.cli.doctor.broker_checks import check_sharing
from producer.cli.doctor.check_result import Health
from producer.run_state_machine import Runner
from producer.watchdog import Watchdog
from tests.support.pipeline import Pipeline


def test_command_with_another_target_than_the_cluster_is_told_so(valkey_url: str) -> None:
    check_broker(valkey_url)
    check_target_is_announced(valkey_url, "1/a", "postgresql://here/a")
    announce_target(valkey_url, "1/a", "postgresql://here/a", lasts_seconds=60)
    check_target_is_announced(valkey_url, "1/a", "postgresql://alias/a")
    with pytest.raises(UsageError, match="writes to postgresql://here/a, not to postgresql://here/b"):
        check_target_is_announced(valkey_url, "1/b", "postgresql://here/b")


def test_command_learns_what_the_cluster_calls_its_target(valkey_url: str) -> None:
    announce_target(valkey_url, "1/a", "postgresql://here/a", lasts_seconds=60)
    announce_target(valkey_url, "1/shop", "postgresql://here/shop", "shop", lasts_seconds=60)
    assert check_target_is_announced(valkey_url, "1/a", "postgresql://here/a") == ""
    assert check_target_is_announced(valkey_url, "1/shop", "postgresql://here/shop") == "shop"
    assert check_target_is_announced(valkey_url, "1/shop", "postgresql://here/shop", "shop") == "shop"
    # One that no producer has announced yet is believed; another database under a known name is not.
    assert check_target_is_announced(valkey_url, "1/crm", "postgresql://here/crm", "crm") == "crm"
    with pytest.raises(UsageError, match="writes to postgresql://here/shop, not to postgresql://here/crm"):
        check_target_is_announced(valkey_url, "1/crm", "postgresql://here/crm", "shop")
    withdraw_targets(valkey_url, ["crm"])
    assert check_target_is_announced(valkey_url, "1/a", "postgresql://here/a") == ""
    with pytest.raises(UsageError, match="writes to postgresql://here/a, not to postgresql://here/shop"):
        check_target_is_announced(valkey_url, "1/shop", "postgresql://here/shop")


def test_a_cluster_whose_processes_are_gone_has_no_say(valkey_url: str) -> None:
    for name in ("", "shop"):
        announce_target(valkey_url, "1/old", "postgresql://here/old", name, lasts_seconds=0.05)
    announce_target(valkey_url, "1/crm", "postgresql://here/crm", "crm", lasts_seconds=60)
    time.sleep(0.1)
    assert check_target_is_announced(valkey_url, "1/new", "postgresql://here/new") == ""
    assert check_target_is_announced(valkey_url, "1/new", "postgresql://here/new", "shop") == "shop"
    # Nor is what an old note calls shop looked for there; who is alive is heard as before.
    assert check_target_is_announced(valkey_url, "1/old", "postgresql://here/old") == ""
    assert check_target_is_announced(valkey_url, "1/crm", "postgresql://here/crm") == "crm"
    with pytest.raises(UsageError, match="writes to postgresql://here/crm"):
        check_target_is_announced(valkey_url, "1/new", "postgresql://here/new", "crm")


def test_a_producer_says_at_its_start_whose_cluster_it_is(valkey_url: str) -> None:
    announce_target(valkey_url, "1/old", "postgresql://here/old", lasts_seconds=60)
    runner = Mock(settings=Settings(), target="")
    runner.announce = lambda: announce_target(valkey_url, "1/new", "postgresql://here/new", lasts_seconds=60)
    watchdog = Watchdog(runner)
    watchdog.stop()  # before its first look
    watchdog._watch()
    assert check_target_is_announced(valkey_url, "1/new", "postgresql://here/new") == ""


@pytest.fixture
def other_database(postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE other_database TEMPLATE template0")
    yield postgres_url.replace("/postgres?", "/other_database?", 1)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE other_database WITH (FORCE)")


def runner_on(valkey_url: str, target_url: str) -> Runner:
    settings = Settings(broker_url=valkey_url, target_url=SecretStr(target_url), _env_file=None)
    return Runner(make_app(settings), settings)


def test_producers_of_two_databases_on_one_broker_say_so_and_doctor_too(
    valkey_url: str, target_url: str, other_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Redis.from_url(valkey_url) as client:
        client.delete("convoy:target", "convoy:target-claims")
    first, second = runner_on(valkey_url, target_url), runner_on(valkey_url, other_database)
    try:
        # One producer, or several of one database, are as it should be
        for _ in range(2):
            first.announce()
        assert (caplog.messages, check_sharing(valkey_url)) == ([], [])
        # When another has come, each of them says so once, whoever was there before
        for runner in (second, first, second, first):
            runner.announce()
        told = [message for message in caplog.messages if "Two clusters share this broker" in message]
        assert len(told) == 2
        assert all("a database of it (the number after the slash)" in message for message in told)
        (found,) = check_sharing(valkey_url)
        assert (found.health, "Two clusters share this broker" in found.found) == (Health.FAILED, True)
        # And a message of the other's is one line, that says why
        caplog.clear()
        first.advance("0198c2a8-0000-7000-8000-000000000000", wait=True)
        (line,) = caplog.records
        assert (line.levelname, line.exc_info) == ("WARNING", None)
        assert "came from a cluster with another database" in line.getMessage()
    finally:
        for runner in (first, second):
            runner.close()
            runner.app.close()


def test_claim_of_a_cluster_that_is_gone_is_soon_over(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as client:
        client.delete("convoy:target-claims")
    announce_target(valkey_url, "1/old", "postgresql://here/old", lasts_seconds=60, claim_seconds=0.05)
    announce_target(valkey_url, "1/new", "postgresql://here/new", lasts_seconds=60)
    announce_target(valkey_url, "1/old", "postgresql://here/old", "shop", lasts_seconds=60)  # another name
    time.sleep(0.1)
    assert [claim.shown for claim in read_claims(valkey_url) if not claim.target] == ["postgresql://here/new"]
    assert other_databases(read_claims(valkey_url), "1/new") == ()


def test_databases_of_one_server_have_different_identities(target_url: str, postgres_url: str) -> None:
    identities = set()
    for url in (target_url, postgres_url, target_url):
        engine = make_engine(url, "test")
        identities.add(target_identity(engine))
        engine.dispose()
    assert len(identities) == 2


def test_chords_move_a_run_on_without_the_watchdog(pipeline: Pipeline, tmp_path: Path) -> None:
    # Headers ignore their results; the chord must count them all the same. The watchdog sends no messages.
    log = pipeline.cluster.logs / "producer.log"
    path = tmp_path / "chords.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE a (n INTEGER PRIMARY KEY); INSERT INTO a VALUES (1);")
    run = pipeline.migrate(path)
    assert run.phase is Phase.COMPLETED
    # The start, and for each phase that has steps its chord, and the worker that ended its last step; both workers,
    # where each finds that the other has ended its own.
    phases = (Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING)
    expected = 1 + 2 * len(phases)
    deadline = time.monotonic() + 10
    while _advances(log, run.id) < expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert expected <= _advances(log, run.id) <= expected + len(phases)


def _advances(log: Path, run_id: str) -> int:
    """Count by run: the last message of the run before, of another test, may come while this one is at work."""
    return len(
        re.findall(
            rf"TaskPool: Apply .*convoy\.advance.*{shown_run(run_id)}", log.read_text(encoding="utf-8")
        )
    )
