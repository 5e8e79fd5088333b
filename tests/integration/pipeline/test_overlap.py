"""Rows are read back while indexes are built on them: what is sent, what is done ahead, and what a failure leaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import redis
from sqlalchemy import text

from migration.errors import UsageError
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_requests import request_resume
from migration.model import Mode, Phase
from migration.queue import make_app
from migration.steps.run_cancellation import cancel_run
from migration.steps.step_execution import run_step
from producer import run_state_machine as sender
from producer.run_state_machine import Runner
from producer.watchdog import Watchdog
from tests.support.direct import Direct, quiet_steps

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

SOURCE = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE child (id INTEGER PRIMARY KEY, parent_id INTEGER REFERENCES parent, note TEXT CHECK (note <> ''));
CREATE VIEW both_of_them AS SELECT p.name, c.note FROM parent p JOIN child c ON c.parent_id = p.id;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO parent SELECT i, printf('parent %060d', i) FROM n;
INSERT INTO child SELECT id, 3001 - id, 'child ' || id FROM parent;
"""

PATIENCE_SECONDS = 60


class Stage:
    """A producer whose messages nobody takes: the test itself says which step is done when."""

    def __init__(self, direct: Direct, runner: Runner, path: Path) -> None:
        self.direct = direct
        self.runner = runner
        self.run_id = direct.start(path, until=Phase.INDEXING, target_schema="overlap").id
        self.advance()

    def advance(self) -> RunRecord:
        self.runner.advance(self.run_id, wait=True)
        return self.run()

    def run(self) -> RunRecord:
        return find_run(self.direct.ledger, self.run_id)

    def steps(self, phase: Phase, where: str = "true") -> list[int]:
        """Return the steps of a phase that work on tables: the hashing of the snapshot is nobody's matter here."""
        where += " AND (phase <> 'validating' OR table_id IS NOT NULL)"
        rows = self.direct.query(
            f"SELECT id FROM convoy.steps WHERE run_id = '{self.run_id}' AND phase = '{phase}' AND {where} ORDER BY id"
        )
        return [step_id for (step_id,) in rows]

    def work(self, phase: Phase) -> int:
        """Do the steps of a phase that have been sent, as workers do; return how many were done."""
        for (step_id,) in self.direct.query(
            f"SELECT id FROM convoy.steps WHERE run_id = '{self.run_id}' AND phase = '{phase}'"
            " AND spec ? 'source_id' AND sent_at IS NOT NULL"
        ):
            run_step(self.direct.context, step_id)
        sent = self.steps(phase, "sent_at IS NOT NULL")
        return sum(run_step(self.direct.context, step_id) for step_id in sent)

    def percent(self) -> float:
        return read_progress(self.direct.ledger, self.run_id).percent

    def end(self) -> RunRecord:
        """Do whatever is sent until the run is at its end; what something passing has ended is sent again in time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (run := self.advance()).phase.is_end:
            if not self.work(Phase.INDEXING) + self.work(Phase.VALIDATING):
                assert time.monotonic() < deadline, "no step is sent"
                time.sleep(0.1)
        return run

    def set_steps(self, values: str, where: str) -> None:
        with self.direct.ledger.begin() as connection:
            connection.execute(
                text(f"UPDATE convoy.steps SET {values} WHERE run_id = :run AND {where}"),
                {"run": self.run_id},
            )


@pytest.fixture
def stage(
    direct: Direct, valkey_url: str, build: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    monkeypatch.setattr(sender, "send_steps", lambda *_args, **_options: None)
    settings = direct.context.settings.model_copy(update={"broker_url": valkey_url})
    runner = Runner(make_app(settings), settings)
    yield Stage(direct, runner, build(SOURCE))
    runner.app.close()
    runner.engine.dispose()
    with redis.Redis.from_url(valkey_url) as broker:
        broker.flushdb()


def test_rows_are_read_back_before_the_first_index_stands(stage: Stage) -> None:
    assert stage.steps(Phase.VALIDATING) == stage.steps(Phase.VALIDATING, "sent_at IS NOT NULL")
    seen = [stage.percent()]
    assert stage.work(Phase.VALIDATING) == len(stage.steps(Phase.VALIDATING)) == 2
    assert stage.advance().phase is Phase.INDEXING
    seen.append(stage.percent())
    stages = 0
    while stage.advance().phase is Phase.INDEXING:
        assert stage.work(Phase.INDEXING)
        seen.append(stage.percent())
        stages += 1
    run = stage.run()
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert stages == 3
    assert (seen[0], seen[1], seen[-1]) == (70.0, 84.0, 99.0)
    assert seen == sorted(seen)
    assert stage.steps(Phase.VALIDATING, "attempts <> 1") == []


def test_run_that_failed_at_an_index_resumes_with_its_reading_done(stage: Stage) -> None:
    first, second = stage.steps(Phase.VALIDATING)
    assert run_step(stage.direct.context, first)
    index = stage.steps(Phase.INDEXING, "stage = 1")[0]
    stage.set_steps("attempts = 5", f"id = {index}")
    with quiet_steps():
        assert not run_step(stage.direct.context, index)
        run = stage.advance()
    assert (run.phase, run.resume_phase) == (Phase.FAILED, Phase.INDEXING)
    assert not run_step(stage.direct.context, second)  # its message comes late
    percent = stage.percent()

    request_resume(stage.direct.ledger, stage.run_id)
    assert stage.percent() == percent
    assert stage.advance().phase is Phase.INDEXING
    assert stage.steps(Phase.VALIDATING, "sent_at IS NOT NULL AND state = 'pending'") == [second]
    run = stage.end()
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert stage.steps(Phase.VALIDATING, "attempts <> 1") == []


def test_failed_reading_shows_when_validating_is_reached(stage: Stage) -> None:
    first, second = stage.steps(Phase.VALIDATING)
    stage.set_steps("attempts = 5", f"id = {first}")
    with quiet_steps():
        assert not run_step(stage.direct.context, first)
        assert stage.advance().phase is Phase.INDEXING
        run = stage.end()
    assert (run.phase, run.resume_phase) == (Phase.FAILED, Phase.VALIDATING)
    request_resume(stage.direct.ledger, stage.run_id)
    assert stage.end().phase is Phase.COMPLETED
    assert stage.steps(Phase.VALIDATING, "attempts <> 1") == []
    assert second


def test_lost_messages_of_the_reading_are_sent_again_in_validating(stage: Stage) -> None:
    watchdog = Watchdog(stage.runner)
    lost = "sent_at = sent_at - interval '1 hour', finished_at = finished_at - interval '1 hour'"
    stage.set_steps(lost, "phase = 'validating'")
    sent = "sent_at > clock_timestamp() - interval '1 minute'"
    while stage.advance().phase is Phase.INDEXING:
        watchdog.look_once()
        assert (
            stage.steps(Phase.VALIDATING, sent) == []
        )  # long index builds must not fill the queue with doubles
        assert stage.work(Phase.INDEXING)
    assert stage.run().phase is Phase.VALIDATING
    watchdog.look_once()
    assert len(stage.steps(Phase.VALIDATING, sent)) == 2
    assert stage.end().phase is Phase.COMPLETED


def test_reading_of_a_killed_worker_is_sent_again_at_once(stage: Stage) -> None:
    dead, _ = stage.steps(Phase.VALIDATING)
    stage.set_steps("state = 'running', attempts = 1, lease_expires_at = '2020-01-01'", f"id = {dead}")
    Watchdog(stage.runner).look_once()
    assert stage.run().phase is Phase.INDEXING
    assert stage.steps(Phase.VALIDATING, "state = 'pending' AND sent_at IS NOT NULL AND attempts = 1") == [
        dead
    ]
    assert stage.end().phase is Phase.COMPLETED


def test_cancelled_run_reads_nothing_more_and_leaves_nothing(stage: Stage) -> None:
    assert run_step(stage.direct.context, stage.steps(Phase.VALIDATING)[0])
    cancel_run(stage.direct.ledger, stage.run_id)
    assert stage.work(Phase.INDEXING) + stage.work(Phase.VALIDATING) == 0
    assert stage.direct.query("SELECT 1 FROM pg_namespace WHERE nspname LIKE 'convoy\\_%'") == []
    with pytest.raises(UsageError):
        request_resume(stage.direct.ledger, stage.run_id)


def test_row_that_changes_after_the_copy_stops_the_run_whenever_it_is_read(stage: Stage) -> None:
    stage.direct.forge(stage.run(), "child", "UPDATE {t} SET note = 'other' WHERE id = 7")
    assert stage.work(Phase.VALIDATING) == 2
    run = stage.end()
    assert (run.phase, run.resume_phase) == (Phase.FAILED, Phase.VALIDATING)
    assert "differ in child" in str(run.error)


def test_run_laid_out_by_an_older_version_is_read_back_after_its_indexes(stage: Stage) -> None:
    with stage.direct.ledger.begin() as connection:
        connection.execute(text("DELETE FROM convoy.steps WHERE phase = 'validating'"))
    assert stage.end().phase is Phase.COMPLETED
    assert len(stage.steps(Phase.VALIDATING, "state = 'done'")) == 2


@pytest.mark.parametrize("options", [{"skip_validation": True}, {"mode": Mode.DRY_RUN}])
def test_nothing_is_laid_out_to_be_read_where_nothing_is_to_be_proved(
    direct: Direct, build: Callable[[str], Path], options: dict[str, object]
) -> None:
    run = direct.migrate(build(SOURCE), **options)
    assert run.phase.is_end
    assert run.error is None
    assert direct.query("SELECT 1 FROM convoy.steps WHERE phase = 'validating'") == []


def test_reading_waits_for_a_constraint_and_holds_no_lock_afterwards(stage: Stage) -> None:
    staging = stage.run().staging_schema
    # A role or database may give up waiting soon: a run must not.
    stage.direct.query(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET lock_timeout = 50', current_database()); END $$"
    )
    (step_id, *_) = stage.steps(Phase.VALIDATING, "table_id = (SELECT max(table_id) FROM convoy.steps)")
    done: list[bool] = []
    with psycopg.connect(stage.direct.url) as builder:
        builder.execute("SET lock_timeout = 0")
        builder.execute(f"LOCK TABLE {staging}.child".encode())
        reader = threading.Thread(target=lambda: done.append(run_step(stage.direct.context, step_id)))
        reader.start()
        _wait_for(lambda: bool(stage.direct.query("SELECT 1 FROM pg_locks WHERE NOT granted")))
        time.sleep(0.2)
        assert done == []
    reader.join()
    assert done == [True]
    # ALTER TABLE takes its lock although the reading connection is still open.
    stage.direct.query(f"SET lock_timeout = '5s'; LOCK TABLE {staging}.child; LOCK TABLE {staging}.parent")
    assert stage.end().phase is Phase.COMPLETED


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_workers_read_other_tables_back_while_one_waits_at_an_index(
    pipeline: Pipeline, build: Callable[[str], Path]
) -> None:
    run_id = pipeline.start(build(SOURCE), target_schema="beside", chunk_rows=250, batch_rows=50)
    staging = find_run(pipeline.ledger, run_id).staging_schema
    parts = f"SELECT t.name FROM convoy.steps s JOIN convoy.tables t ON t.id = s.table_id WHERE s.run_id = '{run_id}'"
    with psycopg.connect(pipeline.url) as reader:
        _wait_for(lambda: pipeline.query(f"SELECT to_regclass('{staging}.child')") != [(None,)])
        reader.execute(
            f"SELECT FROM {staging}.child LIMIT 0".encode()
        )  # no key can be added before this ends
        # The larger table comes first; the other one's reading stands behind the key that is waited for.
        _wait_for(
            lambda: (
                pipeline.query(f"{parts} AND s.phase = 'validating' AND s.state = 'done'") == [("parent",)]
            )
        )
        assert find_run(pipeline.ledger, run_id).phase is Phase.INDEXING
    run = pipeline.wait(run_id)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
