from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from migration.ledger.chunks import NewChunk
from migration.ledger.contents import KnownSources, SourceRecord, add_source, add_table, read_table
from migration.ledger.runs import create_run
from migration.model import KeyRange, RunOptions
from migration.settings import Settings
from migration.source_schema import SourceSchema, SourceTable, TableKind
from migration.steps.context import StepContext


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


def test_workers_do_not_wait_for_the_disk_but_the_cutover_does(context: StepContext, ledger: Engine) -> None:
    assert _setting(context.engine) == "off"
    assert _setting(ledger) == "on"


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
