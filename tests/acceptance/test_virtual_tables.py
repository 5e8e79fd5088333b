"""Full-text tables and R-Trees: rows that stand nowhere else arrive as plain tables, whose index is a draft."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migration.ledger.run_records import RunRecord
from migration.mapping_file_model import MappingFile, TableOverride
from migration.model import IdentifierPolicy, Mode, Phase
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from migration.source_schema import TableKind
from tests.support.direct import Direct
from tests.support.proof import prove

Build = Callable[[str], Path]

SCRIPT = """
CREATE TABLE note (id INTEGER PRIMARY KEY, title TEXT, body TEXT);
CREATE VIRTUAL TABLE search USING fts5(title, body, note_id UNINDEXED, tokenize='porter unicode61');
CREATE VIRTUAL TABLE Letters USING fts4(sender, text, notindexed=sender);
CREATE VIRTUAL TABLE over_note USING fts5(title, body, content='note', content_rowid='id');
CREATE VIRTUAL TABLE only_index USING fts5(body, content='');
CREATE VIRTUAL TABLE box USING rtree(id, minx, maxx, miny, maxy, +label);
CREATE VIRTUAL TABLE span USING rtree_i32(id, first, last);
CREATE VIRTUAL TABLE words USING fts5vocab(search, row);
INSERT INTO note VALUES (1, 'One', 'first'), (2, 'Two', 'second');
INSERT INTO search(rowid, title, body, note_id) VALUES (7, 'Running', 'the runners ran', 1), (-2, NULL, 'walk', 2);
INSERT INTO Letters(docid, sender, text) VALUES (5000000000, 'me', 'Dear you');
INSERT INTO over_note(over_note) VALUES ('rebuild');
INSERT INTO box VALUES (3, 0.1, 0.2, 1, 2, 'here'), (9, -5, 5, -5, 5, NULL);
INSERT INTO span VALUES (1, 10, 20);
CREATE VIEW found AS SELECT s.rowid AS n, s.title, note.body FROM search AS s JOIN note ON note.id = s.note_id;
CREATE VIEW all_of_it AS SELECT * FROM search;
CREATE VIEW boxes AS SELECT * FROM box;
"""


def migrate(direct: Direct, path: Path, **options: Any) -> tuple[RunRecord, Report]:
    run = direct.migrate(path, accept=("skipped:virtual", "skipped:view"), **options)
    assert run.phase is Phase.COMPLETED, run.error
    return run, build_report(direct.ledger, run.id)


def test_rows_arrive_as_plain_tables(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    run, report = migrate(direct, path, target_schema="v1")
    assert prove(path, direct.url, direct.ledger, run) == []
    rows = {table.name: (table.rows_source, table.equal) for table in report.tables}
    assert rows == {
        "note": (2, True),
        "search": (2, True),
        "Letters": (1, True),
        "box": (2, True),
        "span": (1, True),
    }
    assert direct.query("SELECT * FROM v1.search ORDER BY 1") == [
        (-2, None, "walk", 2),
        (7, "Running", "the runners ran", 1),
    ]
    assert direct.query('SELECT rowid, sender, text FROM v1."Letters"') == [(5_000_000_000, "me", "Dear you")]
    ((low, high),) = direct.query("SELECT minx, maxx FROM v1.box WHERE id = 3")
    with closing(sqlite3.connect(path)) as source:
        assert source.execute("SELECT minx, maxx FROM box WHERE id = 3").fetchone() == (low, high)
    assert low <= 0.1
    assert high >= 0.2
    assert direct.query("SELECT * FROM v1.found WHERE n = 7") == [(7, "Running", "first")]
    assert direct.query("SELECT count(*) FROM v1.boxes") == [(2,)]


def test_report_says_what_came_along_and_where_the_other_rows_are(direct: Direct, build: Build) -> None:
    _, report = migrate(direct, build(SCRIPT), target_schema="v2")
    lines = {item.name: item for item in report.objects if item.kind == "virtual"}
    assert {name: item.state for name, item in lines.items()} == {
        "search": "changed",
        "Letters": "changed",
        "box": "changed",
        "span": "changed",
        "over_note": "skipped",
        "only_index": "skipped",
        "words": "skipped",
    }
    assert lines["search"].reason == (
        "the rows came along as a plain table; its full-text index did not: see not_migrated.sql"
    )
    assert "over the table note, which holds the rows" in lines["over_note"].reason
    assert "the texts are where the application has them" in lines["only_index"].reason
    shadows = {item.name: item.reason for item in report.objects if item.kind == "shadow"}
    assert shadows["search_content"] == "internal storage of the virtual table search"
    views = {item.name: item.reason for item in report.objects if item.kind == "view"}
    assert "rowid of search" in views["all_of_it"]
    assert any("index for search" in advice.title for advice in report.recommendations)


def test_drafts_bring_search_back(direct: Direct, build: Build) -> None:
    _, report = migrate(direct, build(SCRIPT), target_schema="v3", identifiers=IdentifierPolicy.LOWER)
    drafts = {stub.name: stub.draft for stub in report.stubs if stub.kind == "virtual"}
    with psycopg.connect(direct.url) as connection:
        for name in ("search", "Letters", "over_note", "box", "span"):
            connection.execute(drafts[name].encode())
        query = "SELECT {} FROM v3.{} WHERE search @@ websearch_to_tsquery('{}', '{}')"
        for found in (("rowid", "search", "english", "run"), ("id", "note", "simple", "second")):
            (number,) = connection.execute(query.format(*found).encode()).fetchall()
            assert number == ((7,) if found[1] == "search" else (2,))
        assert connection.execute(query.format("1", "letters", "simple", "me").encode()).fetchall() == []
        connection.rollback()
    assert "First, in SQLite" not in drafts["search"]
    assert "stands for the table that has the texts" in drafts["only_index"]


def test_rowid_goes_on_counting(direct: Direct, build: Build) -> None:
    migrate(direct, build(SCRIPT), target_schema="v4")
    assert direct.query("INSERT INTO v4.search (title) VALUES ('new') RETURNING rowid") == [(8,)]


def test_virtual_tables_can_be_named_excluded_and_mapped(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    _, named = migrate(direct, path, target_schema="v5", tables=("search",))
    assert [table.name for table in named.tables] == ["search"]
    _, excluded = migrate(direct, path, target_schema="v6", exclude=("search", "box"))
    assert {"search", "box"} & {table.name for table in excluded.tables} == set()
    mapping = MappingFile(
        "m.toml", (TableOverride("search", skip=True), TableOverride("span", rename="range"))
    )
    _, mapped = migrate(direct, path, target_schema="v7", mapping=mapping)
    states = {(item.kind, item.name): item for item in mapped.objects}
    assert states["table", "search"].state == "skipped"
    assert ("virtual", "search") not in states
    assert "range" in states["virtual", "span"].reason
    assert direct.query("SELECT first FROM v7.range") == [(10,)]


def test_load_of_rows_leaves_virtual_tables_out_unless_they_are_named(direct: Direct, build: Build) -> None:
    direct.query("CREATE SCHEMA v8; CREATE TABLE v8.note (id int PRIMARY KEY, title text, body text)")
    direct.query("CREATE TABLE v8.search (title text, body text, note_id int)")
    path = build(SCRIPT)
    _, report = migrate(direct, path, target_schema="v8", data_only=True)
    assert [table.name for table in report.tables] == ["note"]
    assert {i.state for i in report.objects if i.kind == TableKind.VIRTUAL} == {"skipped"}
    options = {"tables": ("search",), "exclude": ("search.rowid",), "data_only": True}
    migrate(direct, path, target_schema="v8", **options)
    assert direct.query("SELECT count(*) FROM v8.search") == [(2,)]


@pytest.mark.parametrize(
    "said",
    [{"exclude": ("search", "BOX")}, {"left_alone": ("se*", "box"), "app": "wagtail"}],
    ids=["asked", "app"],
)
def test_virtual_tables_that_somebody_leaves_out_are_nothing_to_see_to(
    direct: Direct, build: Build, said: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    schema = f"left_out_{request.node.callspec.id}"
    direct.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.note (id int PRIMARY KEY, body text)")
    path = build(
        "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT); INSERT INTO note VALUES (1, 'first');"
        "CREATE VIRTUAL TABLE search USING fts5(body); CREATE VIRTUAL TABLE box USING rtree(id, low, high);"
        "INSERT INTO search VALUES ('first'); INSERT INTO box VALUES (1, 2, 3);"
    )
    run = direct.migrate(path, target_schema=schema, data_only=True, **said)
    report = build_report(direct.ledger, run.id)
    assert report.findings == ()
    assert run.phase is Phase.COMPLETED
    states = {item.name: item.state for item in report.objects if item.kind == TableKind.VIRTUAL}
    assert states == {"search": "skipped", "box": "skipped"}


def test_validate_compares_them(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    migrate(direct, path, target_schema="v9")
    run = direct.migrate(path, target_schema="v9", mode=Mode.VALIDATE)
    (found,) = [f for f in build_report(direct.ledger, run.id).findings if f.kind == "view"]
    assert (found.table, found.message) == (
        "all_of_it",
        "The view is missing",
    )  # the run could not translate it
    run = direct.migrate(path, target_schema="v9", mode=Mode.VALIDATE, ignore=("view",))
    assert run.phase is Phase.COMPLETED, run.error
    direct.query("UPDATE v9.box SET maxx = 6 WHERE id = 9")
    run = direct.migrate(path, target_schema="v9", mode=Mode.VALIDATE, ignore=("view",))
    assert run.phase is not Phase.COMPLETED


def test_empty_full_text_table_keeps_its_columns(direct: Direct, build: Build) -> None:
    migrate(direct, build("CREATE VIRTUAL TABLE empty USING fts5(a, b)"), target_schema="v10")
    assert direct.query("SELECT rowid, a, b FROM v10.empty") == []


@pytest.mark.parametrize("module", ["fts5(a)", "fts4(a)", "fts3(a)"])
def test_texts_that_cannot_be_stored_are_in_quarantine_under_their_rowid(
    direct: Direct, build: Build, module: str
) -> None:
    path = build(
        f"CREATE VIRTUAL TABLE x USING {module};"
        "INSERT INTO x(rowid, a) VALUES (41, 'good'), (42, CAST(x'ff61' AS TEXT)), (43, 'a' || char(0) || 'b');"
    )
    run = direct.migrate(path, target_schema=f"v11 {module[:4]}")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert prove(path, direct.url, direct.ledger, run) == []
    report = build_report(direct.ledger, run.id)
    assert report.quarantine.total == 1
