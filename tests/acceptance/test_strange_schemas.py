"""--data-only into schemas that are the application's own business: what is told of them, and what is left alone."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from rich.console import Console

from migration.model import FindingKind, IfExists, Mode
from migration.report.report_builder import build_report
from migration.report.terminal_report import print_report
from tests.support.direct import Direct

if TYPE_CHECKING:
    from migration.report.report_model import Report

Build = Callable[[str], Path]


def make(direct: Direct, schema: str, script: str) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"SET search_path = {schema}")
        connection.execute(script.encode())


def load(direct: Direct, source: Path, schema: str, **options: Any) -> Report:
    run = direct.migrate(source, target_schema=schema, data_only=True, **options)
    return build_report(direct.ledger, run.id)


def test_sequences_that_no_column_names_are_told_in_dry_run_and_run(direct: Direct, build: Build) -> None:
    make(
        direct,
        "odd_sequences",
        "CREATE SEQUENCE ev_stream_seq; CREATE SEQUENCE \"it's\" START 7; SELECT nextval('\"it''s\"');"
        "CREATE SEQUENCE by_default; CREATE TABLE ev (id bigint PRIMARY KEY DEFAULT nextval('by_default'), n text);"
        "CREATE TABLE other (id serial PRIMARY KEY, x int GENERATED ALWAYS AS IDENTITY);",
    )
    source = build("CREATE TABLE ev (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO ev VALUES (36, 'a');")
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        report = load(direct, source, "odd_sequences", mode=mode)
        found = [f for f in report.findings if f.kind is FindingKind.SEQUENCE_UNNAMED]
        assert [f.key for f in found] == ['"odd_sequences"."ev_stream_seq"', '"odd_sequences"."it\'s"']
        assert ["(it begins with 1)" in f.message for f in found] == [True, False]
        assert ["(it has given out 7)" in f.message for f in found] == [False, True]
        assert report.exit_status == 0
        (advice,) = [a for a in report.recommendations if "to no column" in a.title]
        assert advice.title == "Set 2 sequences that belong to no column"
    with psycopg.connect(direct.url) as connection:
        connection.execute("INSERT INTO odd_sequences.other DEFAULT VALUES")
        for line in advice.commands:
            filled = line.replace("COLUMN", "id").replace("TABLE", "odd_sequences.other")
            assert connection.execute(filled.encode()).fetchall() == [(1,)]
    assert direct.query("SELECT nextval('odd_sequences.by_default')") == [(37,)]


def test_sequences_of_a_migration_that_makes_its_tables_are_nobodys_affair(
    direct: Direct, build: Build
) -> None:
    make(direct, "odd_plain", "CREATE SEQUENCE free;")
    run = direct.migrate(build("CREATE TABLE t (id INTEGER PRIMARY KEY)"), target_schema="odd_plain")
    assert not build_report(direct.ledger, run.id).findings


SEARCHED = (
    "CREATE VIRTUAL TABLE ev_search USING fts4(body); CREATE VIRTUAL TABLE full USING fts4(body);"
    "CREATE VIRTUAL TABLE lone USING fts4(body); INSERT INTO ev_search VALUES ('hello');"
    "CREATE TABLE k (id INTEGER PRIMARY KEY); INSERT INTO k VALUES (1);"
)
SEARCHES = (
    "CREATE TABLE k (id int PRIMARY KEY); CREATE TABLE ev_search (id bigint, body text, vector tsvector);"
    'CREATE TABLE "full" (body text); INSERT INTO "full" VALUES (1);'
)


def test_search_table_that_stands_empty_is_told_as_such(direct: Direct, build: Build) -> None:
    make(direct, "odd_search", SEARCHES)
    source = build(SEARCHED)
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        report = load(direct, source, "odd_search", mode=mode)
        reasons = {item.name: item.reason for item in report.objects if item.kind == "virtual"}
        assert "the application's own ev_search is empty: what the source has in it" in reasons["ev_search"]
        assert "the application's own full stays as it is" in reasons["full"]
        assert "the target has no table of its name" in reasons["lone"]
        titles = [advice.title for advice in report.recommendations]
        assert "Let the application build ev_search anew" in titles
        assert "See to 2 virtual tables that did not come along" in titles
        assert "GIN index" not in str(report.recommendations)
    assert report.verdict.headline.endswith("equal on both sides; 3 findings beside the rows.")
    assert report.verdict.schema.state.value == "not_checked"


def test_column_that_the_target_lacks_is_named_with_what_helps(direct: Direct, build: Build) -> None:
    make(direct, "odd_columns", SEARCHES + 'CREATE TABLE "Mü It" ();')
    source = build(SEARCHED + 'CREATE TABLE "Mü It" (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT);')
    for table, column in (("ev_search", "rowid"), ("Mü It", "id")):
        run = direct.migrate(source, target_schema="odd_columns", data_only=True, tables=(table,))
        assert f"{table}.{column} is not there (the target's {table} has no such column)" in (run.error or "")
        assert "--exclude" in (run.error or "")
    report = load(direct, source, "odd_columns", tables=("ev_search",), exclude=("ev_search.rowid",))
    assert report.exit_status == 0
    assert direct.query("SELECT body FROM odd_columns.ev_search") == [("hello",)]


def test_tables_of_an_application_get_no_key_of_ours(direct: Direct, build: Build) -> None:
    make(direct, "odd_keyless", "CREATE TABLE log (line text);")
    source = build("CREATE TABLE log (line TEXT); INSERT INTO log VALUES ('a');")
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        report = load(direct, source, "odd_keyless", mode=mode)
        assert "ALTER TABLE" not in str(report.recommendations)
        assert "primary key" not in str(report.recommendations)


BAG = "CREATE TABLE t (a INTEGER, b NUMERIC, c TEXT);"
SAME = "INSERT INTO t VALUES (1, 1.50, NULL), (1, 1.50, NULL), (2, NULL, 'x');"


@pytest.mark.parametrize(
    ("name", "rows", "refused"),
    [
        ("equal", SAME, ""),
        ("fewer", SAME.replace("(1, 1.50, NULL), ", "", 1), ""),
        ("none", "", ""),
        ("once_more", SAME + SAME, "t, where 3 rows of the source do not stand yet"),
        ("other", SAME.replace("'x'", "'y'"), "t, where 1 row of the source does not stand yet"),
    ],
)
def test_rows_that_stand_need_no_key_to_be_merged(
    direct: Direct, build: Build, name: str, rows: str, refused: str
) -> None:
    schema = f"odd_bag_{name}"
    make(
        direct,
        schema,
        "CREATE TABLE t (a int, b numeric(8,3), c text, d int DEFAULT 7);"
        + SAME.replace("t V", "t (a, b, c) V"),
    )
    before = direct.query(f"SELECT * FROM {schema}.t ORDER BY 1")
    source = build(BAG + rows)
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        report = load(direct, source, schema, mode=mode, if_exists=IfExists.MERGE)
        assert (report.exit_status, refused in (report.error or "")) == (2 if refused else 0, True)
    assert direct.query(f"SELECT * FROM {schema}.t ORDER BY 1") == before


BOOKS = (
    "CREATE TABLE version_info (version_info_id INTEGER NOT NULL PRIMARY KEY, schema_version INTEGER,"
    " library_version VARCHAR(256)); INSERT INTO version_info VALUES (1, 12, '5.0.0');"
    "CREATE TABLE applied_schema_deltas (version INTEGER NOT NULL, file TEXT NOT NULL);"
    "INSERT INTO applied_schema_deltas VALUES (72, '72/01_x.sql.{engine}');"
    "CREATE TABLE schema_version (lock CHAR(1) NOT NULL, version INTEGER NOT NULL, upgraded BOOL NOT NULL);"
    "INSERT INTO schema_version VALUES ('X', {version}, {upgraded});"
    'CREATE TABLE directus_migrations (version VARCHAR(255) PRIMARY KEY, name VARCHAR(255), "timestamp" TIMESTAMP);'
    "INSERT INTO directus_migrations VALUES ('20201028A', 'Remove', '{day}');"
)


def test_books_of_versions_are_compared_and_left_alone(direct: Direct, build: Build) -> None:
    make(direct, "odd_books", BOOKS.format(engine="postgres", version=72, upgraded="false", day="2024-01-01"))
    own = "SELECT file, upgraded FROM odd_books.applied_schema_deltas, odd_books.schema_version"
    before = direct.query(own)
    same = build(BOOKS.format(engine="sqlite", version=72, upgraded="1", day="2020-01-01"))
    report = load(direct, same, "odd_books")
    assert (report.exit_status, report.error) == (0, None)
    assert direct.query(own) == before
    with sqlite3.connect(same) as connection:
        connection.execute("UPDATE schema_version SET version = 71")
    report = load(direct, same, "odd_books", mode=Mode.DRY_RUN)
    assert report.exit_status == 2
    assert "Synapse's table schema_version: " in (report.error or "")


def test_every_table_that_has_to_be_emptied_is_named(direct: Direct, build: Build) -> None:
    names = [f"t{number:02}" for number in range(12)]
    make(
        direct,
        "odd_full",
        "".join(
            f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} VALUES (1);" for name in names
        ),
    )
    source = build("".join(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY);" for name in names))
    run = direct.migrate(source, target_schema="odd_full", data_only=True)
    assert f"All of them: {', '.join(names)}." in (run.error or "")


def test_terminal_calls_no_schema_incomplete_that_is_the_applications(direct: Direct, build: Build) -> None:
    make(direct, "odd_words", "CREATE TABLE t (id int PRIMARY KEY);")
    out = io.StringIO()
    report = load(direct, build("CREATE TABLE t (id INTEGER PRIMARY KEY);"), "odd_words")
    print_report(report, Console(file=out, width=200))
    assert "came along as they were" not in out.getvalue()
    assert "Around the rows (the schema is the application's own)" in out.getvalue()
