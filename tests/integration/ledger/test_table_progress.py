"""Tables that have changed since a version, and no others."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine, insert, text

from migration.ledger.ledger_tables import chunks, sources, tables
from migration.ledger.run_progress import RunProgress, read_progress
from migration.ledger.table_progress import TableScope, TableVersion

NewRun = Callable[..., str]


def add_tables(ledger: Engine, run_id: str, names: list[str]) -> None:
    with ledger.begin() as connection:
        source = connection.execute(
            insert(sources)
            .values(run_id=run_id, label=names[0], location="x", snapshot="x", sha256="0", bytes=1, schema={})
            .returning(sources.c.id)
        ).scalar_one()
        for name in names:
            table = connection.execute(
                insert(tables)
                .values(run_id=run_id, source_id=source, name=name, rows=10)
                .returning(tables.c.id)
            ).scalar_one()
            connection.execute(
                insert(chunks).values(
                    run_id=run_id, table_id=table, position=0, key_range={}, rows=10, bytes=100
                )
            )


def load(ledger: Engine, name: str, rows: int, quarantined: int = 0) -> None:
    with ledger.begin() as connection:
        connection.execute(
            text(
                "UPDATE convoy.chunks SET state = 'done', rows_loaded = :rows, rows_quarantined = :kept"
                " WHERE table_id = (SELECT id FROM convoy.tables WHERE name = :name)"
            ),
            {"rows": rows, "kept": quarantined, "name": name},
        )


def changed(ledger: Engine, run_id: str, version: str) -> RunProgress:
    return read_progress(ledger, run_id, tables=TableScope.CHANGED, since=TableVersion.parse(version))


@pytest.fixture
def run_id(ledger: Engine, new_run: NewRun) -> str:
    made = new_run()
    add_tables(ledger, made, ["a", "b", "c"])
    return made


def test_only_changed_tables_come_and_the_sums_are_of_all(ledger: Engine, run_id: str) -> None:
    first = read_progress(ledger, run_id)
    assert [table.name for table in first.tables] == ["a", "b", "c"]
    assert changed(ledger, run_id, first.version).tables == ()
    load(ledger, "b", 7, 3)
    second = changed(ledger, run_id, first.version)
    assert (second.tables_scope, second.tables_total) == (TableScope.CHANGED, 3)
    (table,) = second.tables
    assert (table.name, table.state, table.rows_done, table.rows_quarantined) == ("b", "done", 7, 3)
    assert (second.rows_done, second.quarantined, second.rows_total) == (7, 3, 30)
    assert changed(ledger, run_id, second.version).tables == ()


def test_what_was_begun_before_a_version_and_committed_after_it_comes(ledger: Engine, run_id: str) -> None:
    with ledger.connect() as writer:
        writer.execute(text("UPDATE convoy.chunks SET rows_loaded = 1 WHERE position = 0"))
        version = read_progress(ledger, run_id).version
        load_nothing_yet = changed(ledger, run_id, version)
        writer.commit()
    assert load_nothing_yet.tables == ()
    assert [table.name for table in changed(ledger, run_id, version).tables] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "version", ["", "x", "!!", "NC42LzE6MTo", TableVersion("3.6", f"{2**60}:{2**60}:").token, "\u00e9"]
)
def test_a_version_that_tells_nothing_brings_all_tables(ledger: Engine, run_id: str, version: str) -> None:
    progress = changed(ledger, run_id, version)
    assert progress.tables_scope is TableScope.ALL
    assert len(progress.tables) == 3


def test_other_tables_than_there_were_bring_all(ledger: Engine, run_id: str) -> None:
    version = read_progress(ledger, run_id).version
    add_tables(ledger, run_id, ["d"])
    assert len(changed(ledger, run_id, version).tables) == 4
    with ledger.begin() as connection:
        connection.execute(text("DELETE FROM convoy.tables WHERE name = 'a'"))
    assert changed(ledger, run_id, version).tables_scope is TableScope.ALL


def test_without_tables_the_sums_are_the_same(ledger: Engine, run_id: str) -> None:
    load(ledger, "a", 10)
    whole, sums = read_progress(ledger, run_id), read_progress(ledger, run_id, tables=TableScope.NONE)
    assert sums.tables == ()
    assert (sums.rows_done, sums.rows_total, sums.tables_total) == (whole.rows_done, whole.rows_total, 3)
