"""Orphan rows after the run: tried again, and in a load into tables of an application."""

from __future__ import annotations

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.mapping_file_model import OnOrphan
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from tests.support.direct import Direct
from tests.support.orphan_rows import FAMILY, Build, assert_proved, migrate, quarantined


def test_retry_stores_orphans_once_their_parent_is_there(direct: Direct, build: Build) -> None:
    run, _ = migrate(direct, build(FAMILY), OnOrphan.QUARANTINE, target_schema="o_retry")
    result = retry_quarantine(direct.ledger, run.id)
    assert (result.stored, result.remaining) == (0, 5)
    assert "author" in next(iter(result.tables[0].reasons))
    direct.query("INSERT INTO o_retry.author VALUES (99, 'Found')")
    result = retry_quarantine(direct.ledger, run.id)
    assert {table.name: (table.stored, table.remaining) for table in result.tables} == {
        "book": (1, 1),
        "page": (2, 1),
    }
    assert direct.query("SELECT id FROM o_retry.page ORDER BY 1") == [(10,), (20,), (21,), (30,)]


def test_retry_takes_another_mapping(direct: Direct, build: Build) -> None:
    run, _ = migrate(direct, build(FAMILY), OnOrphan.QUARANTINE, target_schema="o_remap")
    mapping = parse_mapping(
        '[tables.book.columns.author]\ntype = "integer"\nexpression = "CASE author WHEN 98 THEN 1 ELSE author END"',
        "m.toml",
    )
    result = retry_quarantine(direct.ledger, run.id, mapping)
    assert direct.query("SELECT id, author FROM o_remap.book ORDER BY 1") == [(1, 1), (3, None), (4, 1)]
    assert result.stored == 1


def test_data_only_load_keeps_orphans_away_from_the_applications_constraints(
    direct: Direct, build: Build
) -> None:
    direct.query("CREATE SCHEMA o_app")
    direct.query("CREATE TABLE o_app.author (id integer PRIMARY KEY, name text)")
    direct.query(
        "CREATE TABLE o_app.book (id integer PRIMARY KEY, title text, author integer REFERENCES o_app.author)"
    )
    direct.query(
        "CREATE TABLE o_app.page (id integer PRIMARY KEY, book integer NOT NULL REFERENCES o_app.book)"
    )
    run, report = migrate(direct, build(FAMILY), OnOrphan.QUARANTINE, target_schema="o_app", data_only=True)
    assert direct.query("SELECT id FROM o_app.book ORDER BY 1") == [(1,), (3,)]
    assert len(quarantined(direct, run)) == 5
    assert_proved(report)
