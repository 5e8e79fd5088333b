from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from migration.ledger.chunk_records import NewChunk
from migration.ledger.run_records import create_run
from migration.ledger.table_records import KnownSources, SourceRecord, add_source, add_table, read_table
from migration.model import KeyRange, Phase
from migration.queue import make_app
from migration.run_options import RunOptions
from migration.settings import Settings
from migration.source_schema import SourceSchema, SourceTable, TableKind
from migration.steps.step_context import StepContext
from producer.run_state_machine import Runner
from producer.transitions.transition_context import TransitionContext
from tests.support.direct import Direct


@pytest.fixture
def context(target_url: str, tmp_path: Path) -> Iterator[StepContext]:
    settings = Settings(target_url=target_url, snapshot_dir=tmp_path, _env_file=None)
    opened = StepContext(settings, "test")
    yield opened
    opened.close()


def _table(name: str) -> SourceTable:
    return SourceTable(name, TableKind.ORDINARY, ())


def _setting(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("SHOW synchronous_commit").scalar_one())


def test_workers_and_commands_differ_in_whether_they_wait_for_the_disk(
    context: StepContext, ledger: Engine
) -> None:
    assert _setting(context.engine) == "off"
    assert _setting(ledger) == "on"


def test_the_producer_waits_for_the_disk_with_tables_with_the_plan_and_at_the_end(
    target_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "waits.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);")
    settings = Settings(target_url=target_url, broker_url="redis://127.0.0.1:1", _env_file=None)
    direct = Direct(target_url, tmp_path)
    direct.workspace = TransitionContext(Runner(make_app(settings), settings).engine, target_url, settings)
    waiting: dict[str, str] = {}

    def look(connection: Connection) -> None:
        (phase,) = connection.exec_driver_sql("SELECT phase FROM convoy.runs ORDER BY id DESC LIMIT 1").one()
        waiting[phase] = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()

    event.listen(direct.workspace.engine, "commit", look)
    try:
        assert direct.migrate(path).phase is Phase.COMPLETED
    finally:
        direct.close()
        direct.workspace.engine.dispose()
    assert waiting == {
        "snapshotting": "off",
        "profiling": "on",
        "copying": "on",
        "indexing": "off",
        "validating": "off",
        "cutting_over": "off",
        "completed": "on",
    }


def test_a_source_is_read_once_for_all_its_tables(ledger: Engine) -> None:
    run_id = create_run(ledger, RunOptions())
    schema = SourceSchema(tables=(_table("a"), _table("b")))
    statements: list[str] = []
    with ledger.connect() as connection, connection.begin() as transaction:
        source_id = add_source(connection, run_id, SourceRecord(0, "s", "s.db", "s.db", "", 0, schema))
        records = [
            read_table(
                connection, add_table(connection, run_id, source_id, name, [NewChunk(KeyRange(), 0)])[0]
            )
            for name in ("a", "b")
        ]
        event.listen(connection, "before_cursor_execute", lambda *args: statements.append(args[2]))
        known = KnownSources()
        assert [known.source_of(connection, record)[1].name for record in records] == ["a", "b"]
        assert len([s for s in statements if "convoy.sources" in s]) == 1
        transaction.rollback()
