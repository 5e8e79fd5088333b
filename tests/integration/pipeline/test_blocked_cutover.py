"""A cutover that others are in the way of lets them go on, says who they are, and gives up in the end."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from migration.cutover_errors import CutoverPatienceError
from migration.ledger.cutover_tries import CutoverTerms
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import find_run
from migration.ledger.run_requests import request_cutover, request_pause, request_resume
from migration.model import IfExists, Phase
from migration.queue import make_app
from migration.steps.run_rollback import roll_back_patiently
from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.run_state_machine import Runner
from tests.support.direct import Direct
from tests.support.ledger_consistency import complaints

Build = Callable[[str], Path]
TABLE = "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)"


@pytest.fixture
def runner(direct: Direct) -> Iterator[Runner]:
    settings = direct.context.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    made = Runner(make_app(settings), settings)
    made._look_again = lambda _run_id, _seconds: None  # type: ignore[method-assign]  # the test is the clock
    yield made
    made.engine.dispose()


def blocked_run(direct: Direct, path: Path, schema: str, **options: object) -> str:
    direct.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t AS SELECT 0 AS id")
    options.setdefault("cutover_lock_timeout_seconds", 0.1)
    run = direct.start(
        path, until=Phase.CUTTING_OVER, target_schema=schema, if_exists=IfExists.REPLACE, **options
    )
    return run.id


def move_next_try(direct: Direct, run_id: str, ahead: str) -> None:
    moved = text(
        "UPDATE convoy.runs SET cutover_next_at = clock_timestamp() + CAST(:ahead AS interval) WHERE id = :id"
    )
    with direct.ledger.begin() as connection:
        connection.execute(moved, {"id": run_id, "ahead": ahead})


def let_pause_pass(direct: Direct, run_id: str) -> None:
    move_next_try(direct, run_id, "0")


def tries(direct: Direct, run_id: str) -> int:
    return int(
        direct.query(f"SELECT count(*) FROM convoy.events WHERE run_id = '{run_id}' AND kind = 'waiting'")[0][
            0
        ]
    )


def test_blocker_is_named_nothing_is_tried_in_the_pause_and_the_run_goes_on_after_it(
    direct: Direct, build: Build, runner: Runner
) -> None:
    run_id = blocked_run(direct, build(TABLE), "b1")
    with psycopg.connect(direct.url, application_name="a report") as reader:
        reader.execute("SELECT * FROM b1.t")
        runner.advance(run_id, wait=True)
        progress = read_progress(direct.ledger, run_id)
        assert (progress.phase, progress.error) == (Phase.CUTTING_OVER, None)
        (said,) = progress.waits
        assert (
            f"process {reader.info.backend_pid} of PostgreSQL (role postgres, a report, idle in transa"
            in said
        )
        assert "holds b1.t" in said
        assert "pauses in which nobody queues behind it" in said
        ((pause,),) = direct.query(
            "SELECT extract(epoch FROM r.cutover_next_at - e.at)::float8 FROM convoy.runs r"
            f" JOIN convoy.events e ON e.run_id = r.id AND e.kind = 'waiting' WHERE r.id = '{run_id}'"
        )
        assert pause > 0.4 - 0.1  # four times the try, counted from a moment before the event
        move_next_try(direct, run_id, "1 hour")
        for _ in range(5):
            runner.advance(run_id, wait=True)
        assert tries(direct, run_id) == 1
        let_pause_pass(direct, run_id)
        runner.advance(run_id, wait=True)
        assert tries(direct, run_id) == 2
        assert complaints(direct.ledger, run_id, {"t": _oid(direct, "b1.t")}) == []
    let_pause_pass(direct, run_id)
    runner.advance(run_id, wait=True)
    done = read_progress(direct.ledger, run_id)
    assert (done.phase, done.waits) == (Phase.COMPLETED, ())
    assert direct.query("SELECT id FROM b1.t") == [(1,)]


@pytest.mark.parametrize("hold", [False, True])
def test_at_the_end_of_its_patience_a_run_fails_names_the_blocker_and_can_go_on(
    direct: Direct, build: Build, runner: Runner, hold: bool
) -> None:
    schema = f"b2_{hold}".lower()
    direct.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t AS SELECT 0 AS id")
    before = {"t": _oid(direct, f"{schema}.t")}
    run = direct.migrate(
        build(TABLE),
        target_schema=schema,
        if_exists=IfExists.REPLACE,
        hold=True,
        cutover_lock_timeout_seconds=0.1,
    )
    if not hold:
        direct.query(
            f"UPDATE convoy.runs SET options = options || '{{\"hold\": false}}' WHERE id = '{run.id}'"
        )
    request_cutover(direct.ledger, run.id, CutoverTerms(patience_seconds=0))
    with psycopg.connect(direct.url, application_name="a report") as reader:
        reader.execute(f"SELECT * FROM {schema}.t")
        pid = reader.info.backend_pid
        runner.advance(run.id, wait=True)
    failed = find_run(direct.ledger, run.id)
    assert (failed.phase, failed.resume_phase) == (Phase.FAILED, Phase.CUTTING_OVER)
    again = f"migration-cli {'cutover' if hold else 'resume'} {run.id}"
    assert failed.error is not None
    assert "others were in the way to the end" in failed.error
    assert "a report" in failed.error
    assert f"No table that users see has changed; end what is in the way, and type `{again}`" in failed.error
    ((details,),) = direct.query(
        f"SELECT data -> 'error_details' FROM convoy.events WHERE run_id = '{run.id}' AND kind = 'failed'"
    )
    assert (details["code"], details["exit_status"]) == (CutoverPatienceError.code, 3)
    assert [step["command"] for step in details["next_steps"]] == [
        again,
        f"SELECT pg_terminate_backend({pid})",
    ]
    assert complaints(direct.ledger, run.id, before) == []
    (request_cutover if hold else request_resume)(direct.ledger, run.id)
    assert direct.finish(run.id).phase is Phase.COMPLETED


def test_prepared_transaction_in_the_way_is_named_by_what_ends_it(tmp_path: Path, build: Build) -> None:
    folder = Path(tempfile.mkdtemp(prefix="convoy-test-"))
    server = EmbeddedPostgres(
        folder / "postgres", settings={"fsync": "off", "max_prepared_transactions": "5"}
    )
    server.start()
    try:
        direct = Direct(server.ensure_database("prepared"), tmp_path)
        runner = Runner(
            make_app(direct.context.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})),
            direct.context.settings,
        )
        runner._look_again = lambda _run_id, _seconds: None  # type: ignore[method-assign]
        run_id = blocked_run(direct, build(TABLE), "b10", cutover_patience_seconds=0.0)
        direct.query("BEGIN; LOCK TABLE b10.t; PREPARE TRANSACTION 'it''s mine'")
        runner.advance(run_id, wait=True)
        failed = find_run(direct.ledger, run_id)
        assert failed.phase is Phase.FAILED
        assert "the prepared transaction 'it''s mine' (role postgres, prepared at" in str(failed.error)
        ((steps,),) = direct.query(
            "SELECT data -> 'error_details' -> 'next_steps' FROM convoy.events"
            f" WHERE run_id = '{run_id}' AND kind = 'failed'"
        )
        end = steps[-1]["command"]
        assert end == "ROLLBACK PREPARED 'it''s mine'"
        with psycopg.connect(direct.url, autocommit=True) as connection:
            connection.execute(end)
        request_resume(direct.ledger, run_id)
        assert direct.finish(run_id).phase is Phase.COMPLETED
        runner.engine.dispose()
        direct.close()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_view_that_somebody_reads_is_an_obstacle_like_a_table(
    direct: Direct, build: Build, runner: Runner
) -> None:
    direct.query("CREATE SCHEMA b3; CREATE TABLE b3.t AS SELECT 0 AS id; CREATE VIEW b3.v AS SELECT 1 AS one")
    path = build(f"{TABLE}; CREATE VIEW v AS SELECT id FROM t")
    run = direct.start(path, until=Phase.CUTTING_OVER, target_schema="b3", if_exists=IfExists.REPLACE)
    with psycopg.connect(direct.url, application_name="looks at v") as reader:
        reader.execute("SELECT * FROM b3.v")
        runner.advance(run.id, wait=True)
        (said,) = read_progress(direct.ledger, run.id).waits
        assert "looks at v" in said
        assert "holds b3.v" in said
    let_pause_pass(direct, run.id)
    runner.advance(run.id, wait=True)
    assert find_run(direct.ledger, run.id).phase is Phase.COMPLETED


@pytest.mark.parametrize(
    "statement", ["GRANT SELECT ON b7.t TO PUBLIC", "GRANT USAGE ON SEQUENCE b7.counter TO PUBLIC"]
)
def test_session_that_has_changed_a_right_is_named(
    direct: Direct, build: Build, runner: Runner, statement: str
) -> None:
    direct.query(
        "CREATE SCHEMA b7; CREATE SEQUENCE b7.counter; CREATE TABLE b7.t (id int DEFAULT nextval('b7.counter'));"
        "ALTER SEQUENCE b7.counter OWNED BY b7.t.id"
    )
    run = direct.migrate(
        build(TABLE),
        target_schema="b7",
        if_exists=IfExists.REPLACE,
        hold=True,
        cutover_lock_timeout_seconds=0.1,
    )
    request_cutover(direct.ledger, run.id, CutoverTerms(patience_seconds=0))
    with psycopg.connect(direct.url, application_name="an administrator") as session:
        session.execute(statement.encode())
        pid = session.info.backend_pid
        runner.advance(run.id, wait=True)
    error = find_run(direct.ledger, run.id).error
    assert error is not None
    assert f"process {pid} of PostgreSQL" in error
    assert "an administrator" in error
    direct.query("DROP SCHEMA b7 CASCADE")


def test_run_that_is_paused_while_it_waits_is_not_tried_and_has_all_its_patience_again(
    direct: Direct, build: Build, runner: Runner
) -> None:
    run_id = blocked_run(direct, build(TABLE), "b4")
    with psycopg.connect(direct.url) as reader:
        reader.execute("SELECT * FROM b4.t")
        runner.advance(run_id, wait=True)
        request_pause(direct.ledger, run_id)
        let_pause_pass(direct, run_id)
        runner.advance(run_id, wait=True)
        assert tries(direct, run_id) == 1
        request_resume(direct.ledger, run_id)
        assert find_run(direct.ledger, run_id).cutover_since is None
    runner.advance(run_id, wait=True)
    assert find_run(direct.ledger, run_id).phase is Phase.COMPLETED


def test_process_looks_again_by_itself(direct: Direct, build: Build) -> None:
    settings = direct.context.settings.model_copy(update={"broker_url": "redis://127.0.0.1:1/0"})
    runner = Runner(make_app(settings), settings)
    run_id = blocked_run(direct, build(TABLE), "b5")
    try:
        with psycopg.connect(direct.url) as reader:
            reader.execute("SELECT * FROM b5.t")
            runner.advance(run_id, wait=True)
            assert find_run(direct.ledger, run_id).phase is Phase.CUTTING_OVER
        for timer in list(runner._timers.values()):
            timer.join(60)
        assert find_run(direct.ledger, run_id).phase is Phase.COMPLETED
    finally:
        runner.engine.dispose()


def test_blocked_rollback_names_who_is_in_the_way_pauses_and_gives_up(direct: Direct, build: Build) -> None:
    direct.query("CREATE SCHEMA b6; CREATE TABLE b6.t AS SELECT 0 AS id")
    run = direct.migrate(build(TABLE), target_schema="b6", if_exists=IfExists.REPLACE)
    said: list[str] = []
    paused: list[float] = []
    with psycopg.connect(direct.url, application_name="a report") as reader:
        reader.execute("SELECT * FROM b6.t")
        with pytest.raises(CutoverPatienceError, match=f"migration-cli rollback {run.id}"):
            roll_back_patiently(
                direct.ledger, run.id, CutoverTerms(None, 0.1, 0), said.append, pause=paused.append
            )
        assert find_run(direct.ledger, run.id).phase is Phase.COMPLETED

        def pause(seconds: float) -> None:
            paused.append(seconds)
            reader.rollback()

        roll_back_patiently(direct.ledger, run.id, CutoverTerms(None, 0.1, 60), said.append, pause=pause)
    assert len(said) == 1
    assert "a report" in said[0]
    assert paused[0] >= 0.4
    assert direct.query("SELECT id FROM b6.t") == [(0,)]


def test_terms_of_a_cutover_stand_in_the_run_from_then_on(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(TABLE), target_schema="b7", hold=True)
    request_cutover(direct.ledger, run.id, CutoverTerms("22:00-05:00 UTC", 0.5, 60))
    ((options,),) = direct.query(f"SELECT options::text FROM convoy.runs WHERE id = '{run.id}'")
    kept = json.loads(options)
    assert (kept["cutover_window"], kept["cutover_patience_seconds"]) == ("22:00-05:00 UTC", 60)
    assert find_run(direct.ledger, run.id).options.hold


def _oid(direct: Direct, name: str) -> int:
    return int(direct.query(f"SELECT '{name}'::regclass::oid::bigint")[0][0])
