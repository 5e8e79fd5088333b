from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from migration.ledger.chunks import NewChunk
from migration.ledger.contents import KnownSources, SourceRecord, add_source, add_table, read_table
from migration.ledger.runs import create_run, move_run, read_run
from migration.model import KeyRange, Phase, RunOptions
from migration.queue import make_app
from migration.settings import Settings
from migration.source_schema import SourceSchema, SourceTable, TableKind
from migration.steps.context import StepContext
from producer.runner import Runner


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


@pytest.mark.parametrize(("following", "setting"), [(Phase.SNAPSHOTTING, "off"), (Phase.COMPLETED, "on")])
def test_the_producer_waits_for_the_disk_only_where_a_run_ends(
    target_url: str, following: Phase, setting: str
) -> None:
    settings = Settings(target_url=target_url, broker_url="redis://127.0.0.1:1", _env_file=None)
    engine = Runner(make_app(settings), settings).engine
    run_id = create_run(engine, RunOptions())
    with engine.begin() as connection:
        assert move_run(connection, read_run(connection, run_id), following)
        assert connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == setting
    assert _setting(engine) == "off"
    engine.dispose()


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
