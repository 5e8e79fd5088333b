"""A run of an earlier version is rolled back: its digests accuse no table, and what else is known acquits it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migration.ledger.run_records import RunRecord, find_run
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import Phase
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from tests.support.direct import Direct
from tests.support.later_writes import (
    SCRIPT,
    age_digests,
    blur_horizon,
    forget_snapshots,
    refused,
    undo,
    write,
)

Build = Callable[[str], Path]
FORGET_COPYING = "UPDATE convoy.runs SET copied_in = NULL"
HELD_BACK = SCRIPT + "INSERT INTO author VALUES (7, CAST(x'62ff' AS TEXT));"


@pytest.fixture
def run(direct: Direct, build: Build) -> RunRecord:
    done = direct.migrate(build(SCRIPT), target_schema="shop")
    assert done.phase is Phase.COMPLETED, done.error
    return done


@pytest.fixture
def old_transaction(postgres_url: str) -> Iterator[None]:
    """Somebody in another database of the server, who has begun before the run and has not ended after it."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SELECT pg_current_xact_id()")
        yield


@pytest.mark.parametrize("algorithm", [None, "hash128/duckdb-0.1"])
@pytest.mark.usefixtures("old_transaction")
def test_who_works_in_another_database_accuses_nobody(
    direct: Direct, build: Build, algorithm: str | None
) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="shop")
    age_digests(direct, algorithm)
    forget_snapshots(direct)
    assert undo(direct, run).writes == ()
    assert direct.query("SELECT to_regclass('shop.book')::text") == [(None,)]


@pytest.mark.usefixtures("old_transaction")
def test_the_snapshot_acquits_where_no_age_does(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(SCRIPT), target_schema="shop")
    age_digests(direct)
    write(direct, FORGET_COPYING, "UPDATE shop.book SET title = title")
    assert undo(direct, run).writes == ()


def test_what_nobody_can_tell_is_called_that(direct: Direct, run: RunRecord) -> None:
    age_digests(direct)
    write(direct, FORGET_COPYING)
    blur_horizon(direct, run)
    forget_snapshots(direct)
    error = refused(direct, run)
    assert "It cannot be told whether" in str(error)
    assert "shop.book: perhaps 3 rows of 3 changed" in str(error)
    for claim in ("have been written", "other content", "would lose that"):
        assert claim not in str(error)
    assert {found["uncertain"] for found in error.writes} == {2, 3}
    assert len(undo(direct, run, force=True).kept_schemas) == 1


def test_no_more_rows_are_doubted_than_came_after_the_copying(
    direct: Direct, run: RunRecord, tmp_path: Path
) -> None:
    age_digests(direct)
    blur_horizon(direct, run)
    forget_snapshots(direct)
    write(direct, "UPDATE shop.author SET name = 'Z' WHERE id = 1")
    assert "shop.author: perhaps 1 row of 2 changed" in str(refused(direct, run))
    result = undo(direct, run, export_to=tmp_path / "out")
    assert [(one.table, one.is_whole) for one in result.exported] == [("author", True)]


def test_writes_that_are_known_are_said_of_such_a_run_too(direct: Direct, run: RunRecord) -> None:
    age_digests(direct)
    blur_horizon(direct, run)
    write(direct, "DELETE FROM shop.loose WHERE a IS NULL", "UPDATE shop.author SET name = 'Z' WHERE id = 1")
    error = refused(direct, run)
    assert "have been written to" in str(error)
    assert "shop.loose: at least 1 row deleted" in str(error)
    assert "shop.author: perhaps 1 row of 2 changed" in str(error)


def test_rows_are_counted_by_age_where_nothing_else_was_running(direct: Direct, run: RunRecord) -> None:
    age_digests(direct)
    write(direct, "UPDATE shop.author SET name = 'Z' WHERE id = 1")
    assert "shop.author: 1 row inserted or changed, 1 row of the run changed or deleted" in str(
        refused(direct, run)
    )


def test_rows_of_a_retry_are_no_writes_of_others(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(HELD_BACK), target_schema="shop")
    rules = parse_mapping("[tables.author.columns.name]\nexpression = \"'n' || id\"", "m")
    retry_quarantine(direct.ledger, run.id, rules, settings=direct.workspace.settings)
    age_digests(direct)
    error = refused(direct, find_run(direct.ledger, run.id))
    assert "It cannot be told whether" in str(error)
    assert "shop.author: perhaps 1 row of 3 changed" in str(error)
    assert "book" not in str(error)
