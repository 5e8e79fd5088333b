from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from migration.errors import UsageError
from migration.ledger.event_log import read_events
from migration.ledger.ledger_database import MIGRATIONS, newest_revision, open_ledger
from migration.ledger.ledger_tables import LEDGER_SCHEMA, metadata
from migration.ledger.run_lock import run_lock
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import find_run, list_runs
from migration.ledger.run_requests import request_cancel, request_resume
from migration.model import Phase


def test_migrations_build_exactly_the_tables_described(ledger: Engine) -> None:
    with ledger.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table_schema": LEDGER_SCHEMA,
                "include_schemas": True,
                "include_name": lambda name, kind, _: kind != "schema" or name == LEDGER_SCHEMA,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_newest_revision_is_the_one_that_alembic_would_upgrade_to() -> None:
    folder = ScriptDirectory(str(MIGRATIONS))
    assert newest_revision() == folder.get_current_head()


def test_ledger_of_an_earlier_version_is_upgraded(ledger: Engine, target_url: str) -> None:
    with ledger.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        downgrade(config, "0001")
    open_ledger(target_url, "test").dispose()
    with ledger.connect() as connection:
        assert (
            MigrationContext.configure(
                connection, opts={"version_table_schema": LEDGER_SCHEMA}
            ).get_current_revision()
            == newest_revision()
        )


def test_many_processes_may_open_a_new_ledger_at_once(target_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for engine in pool.map(lambda _: open_ledger(target_url, "test"), range(4)):
            assert list_runs(engine) == []
            engine.dispose()


def test_run_is_found_by_the_beginning_of_its_id(ledger: Engine, new_run: Callable[..., str]) -> None:
    run_id = new_run()
    assert find_run(ledger, run_id[:20]).id == run_id
    with pytest.raises(UsageError, match="does not know"):
        find_run(ledger, "ffffffff")
    new_run()
    with pytest.raises(UsageError, match="More than one"):
        find_run(ledger, run_id[:4])


def test_cancelled_run_cannot_be_resumed_or_cancelled_again(
    ledger: Engine, new_run: Callable[..., str]
) -> None:
    run_id = new_run(steps=1)
    request_cancel(ledger, run_id)
    assert find_run(ledger, run_id).phase is Phase.CANCELLED
    with pytest.raises(UsageError, match="nothing to resume"):
        request_resume(ledger, run_id)
    with pytest.raises(UsageError, match="cannot be cancelled"):
        request_cancel(ledger, run_id)


def test_only_one_holds_the_lock_of_a_run(ledger: Engine, new_run: Callable[..., str]) -> None:
    run_id = new_run()
    with run_lock(ledger, run_id, wait=False) as first, run_lock(ledger, run_id, wait=False) as second:
        assert (first(), second()) == (True, False)
    with run_lock(ledger, run_id, wait=False) as again:
        assert again()


def test_a_lock_whose_session_was_ended_is_noticed_and_free(
    ledger: Engine, new_run: Callable[..., str]
) -> None:
    run_id = new_run()
    with run_lock(ledger, run_id, wait=False) as is_held:
        with ledger.begin() as connection:
            ended = connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
            ).all()
        assert len(ended) == 1
        assert not is_held()
        with run_lock(ledger, run_id, wait=True) as other:
            assert other()


def test_time_left_is_told_by_what_was_done_since_the_phase_began(
    ledger: Engine, new_run: Callable[..., str]
) -> None:
    run_id = new_run(phase=Phase.VALIDATING, steps=10)
    at_work = (
        "state = 'done', claimed_at = clock_timestamp() - interval '1 hour', finished_at = clock_timestamp()"
    )
    with ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.events SET at = clock_timestamp() - interval '10 seconds'"))
        four = "SELECT id FROM convoy.steps ORDER BY id LIMIT 4"
        ahead = f"UPDATE convoy.steps SET {at_work} - interval '1 minute' WHERE id IN ({four})"
        connection.execute(text(ahead))
    assert read_progress(ledger, run_id).eta_seconds is None
    with ledger.begin() as connection:
        last = f"UPDATE convoy.steps SET {at_work} WHERE id = (SELECT max(id) FROM convoy.steps)"
        connection.execute(text(last))
    assert read_progress(ledger, run_id).eta_seconds == pytest.approx(50, abs=5)


def test_new_run_has_progress_and_an_event(ledger: Engine, new_run: Callable[..., str]) -> None:
    run_id = new_run(steps=2)
    progress = read_progress(ledger, run_id)
    assert (progress.phase, progress.percent, progress.eta_seconds) == (Phase.PROFILING, 5.0, None)
    phase, act = read_events(ledger, run_id)
    assert phase.data == {"phase": "pending"}
    assert (act.kind, act.data["act"], bool(act.data["person"])) == ("act", "started", True)
