from __future__ import annotations

from collections.abc import Callable, Iterator
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
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.ledger_database import (
    MIGRATIONS,
    newest_revision,
    open_ledger,
    upgrade_ledger,
)
from migration.ledger.ledger_tables import metadata
from migration.ledger.run_lock import run_lock
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import find_run, list_runs
from migration.ledger.run_requests import request_cancel, request_resume
from migration.ledger.run_results import add_findings
from migration.ledger.table_records import SourceRecord, add_source, add_tables
from migration.model import Finding, FindingKind, Phase
from migration.observers.run_happenings import PhaseEntered
from migration.source_schema import SourceSchema
from migration.target.own_schemas import LEDGER_SCHEMA
from migration.target.target_connection import make_engine

# Of pg_catalog, all that makes up the tables, but for the order of their columns, which versions append.
_SHAPE = """
SELECT c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity::text,
       a.attgenerated::text, a.attcollation, coalesce(pg_get_expr(d.adbin, d.adrelid), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'convoy'::regnamespace AND c.relkind IN ('r', 'S', 'v', 'm')
UNION ALL
SELECT c.conrelid::regclass::text, 'constraint', c.conname, pg_get_constraintdef(c.oid), false, '', '', 0, ''
FROM pg_constraint c WHERE c.connamespace = 'convoy'::regnamespace AND c.contype <> 'n'
UNION ALL
SELECT i.indrelid::regclass::text, 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid),
       false, '', '', 0, ''
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'convoy'::regnamespace
UNION ALL
SELECT p.proname, 'function', pg_get_functiondef(p.oid), '', false, '', '', 0, ''
FROM pg_proc p WHERE p.pronamespace = 'convoy'::regnamespace
UNION ALL
SELECT t.tgrelid::regclass::text, 'trigger', pg_get_triggerdef(t.oid), '', false, '', '', 0, ''
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace = 'convoy'::regnamespace AND NOT t.tgisinternal
ORDER BY 1, 2, 3, 4
"""


def _shape(engine: Engine) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(_SHAPE))]


@pytest.fixture
def migrated(target_url: str) -> Iterator[Engine]:
    """A ledger that went through every version."""
    engine = make_engine(target_url, "test")
    with engine.begin() as connection:
        upgrade_ledger(connection)
    yield engine
    engine.dispose()


def test_new_ledger_is_the_one_that_the_migrations_lead_to(migrated: Engine, target_url: str) -> None:
    # Given what all versions one after the other leave
    expected = _shape(migrated)
    with migrated.begin() as connection:
        connection.execute(text("DROP SCHEMA convoy CASCADE"))

    # When a ledger is opened where none stands
    engine = open_ledger(target_url, "test")

    # Then it is the same, and of the same version
    assert _shape(engine) == expected
    assert len(expected) > len(metadata.tables)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM convoy.alembic_version")).scalars().all() == [
            newest_revision()
        ]
    engine.dispose()


def test_schema_of_the_ledgers_name_without_its_tables_is_used(target_url: str) -> None:
    engine = make_engine(target_url, "test")
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA convoy"))
    engine.dispose()
    opened = open_ledger(target_url, "test")
    assert list_runs(opened) == []
    opened.dispose()


def test_migrations_build_exactly_the_tables_described(migrated: Engine) -> None:
    with migrated.connect() as connection:
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


@pytest.mark.parametrize("earlier", ["0013", "0009"])
def test_findings_of_an_earlier_version_get_the_source_that_alone_has_their_table(
    ledger: Engine, target_url: str, new_run: Callable[..., str], earlier: str
) -> None:
    run_id = new_run()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with ledger.begin() as connection:
        for label, tables in {"north": ["users", "of_north"], "south": ["users"]}.items():
            source = SourceRecord(0, label, f"{label}.db", "s", "0", 1, SourceSchema(()))
            add_tables(connection, run_id, add_source(connection, run_id, source), dict.fromkeys(tables, ()))
        found = [Finding(FindingKind.SEQUENCE, table, "m").of("lost") for table in ("users", "of_north", "")]
        add_findings(connection, run_id, found)
        config.attributes["connection"] = connection
        downgrade(config, earlier)
    open_ledger(target_url, "test").dispose()
    with ledger.connect() as connection:
        statement = text('SELECT "table", source FROM convoy.findings WHERE run_id = :run')
        told = dict(connection.execute(statement, {"run": run_id}).all())
    assert told == {"users": "", "of_north": "north", "": ""}


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


@pytest.mark.parametrize(
    ("phase", "percent"), [(Phase.PENDING, 0.0), (Phase.COPYING, 20.0), (Phase.READY, 99.0)]
)
def test_a_cancelled_run_shows_how_far_it_came(
    ledger: Engine, new_run: Callable[..., str], phase: Phase, percent: float
) -> None:
    run_id = new_run(phase=phase)
    with ledger.begin() as connection:
        if phase is not Phase.PENDING:
            EventLogObserver(connection).observe(PhaseEntered(run_id, phase, Phase.PENDING))
        EventLogObserver(connection).observe(PhaseEntered(run_id, Phase.CANCELLED, phase))
        connection.execute(text("UPDATE convoy.runs SET phase = 'cancelled'"))
    progress = read_progress(ledger, run_id)
    assert (progress.phase, progress.percent) == (Phase.CANCELLED, percent)
