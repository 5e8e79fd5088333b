"""What PostgreSQL has a limit of: the table, row or index stays behind by name, and the dry-run has said so."""

from __future__ import annotations

import random
import sqlite3
import string
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from migration.evidence_errors import RunPurgedError
from migration.ledger.run_requests import request_cancel
from migration.model import IfExists, Mode, ObjectState, OnError, Phase
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from migration.schema_translation.postgres_limits import LIMITS
from migration.steps import run_cancellation
from migration.steps.leftovers.leftover_schemas import LeftoverSchemas
from migration.steps.leftovers.purged_run import purge_run
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from migration.steps.run_rollback import roll_back_run
from migration.target.schema_removal import thin_out_schema
from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.support.direct import Direct, quiet_steps

Build = Callable[[str], Path]

WIDE = f"CREATE TABLE w (id INTEGER PRIMARY KEY, {', '.join(f'c{number} INT' for number in range(1_799))});"
MANY_TEXTS = [f"c{number}" for number in range(899)]


def random_text(length: int) -> str:
    return "".join(random.Random(length).choices(string.ascii_letters, k=length))  # noqa: S311 - the same in each run, and not to be compressed


def fill(path: Path, statement: str, rows: list[tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(statement, rows)
        connection.commit()


def report_of(direct: Direct, path: Path, mode: Mode, schema: str) -> Report:
    run = direct.migrate(path, mode=mode, target_schema=schema)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    report = build_report(direct.ledger, run.id)
    assert report.exit_status == 1
    return report


def skipped(report: Report) -> set[tuple[str, str, str]]:
    return {(o.kind, o.name, o.reason) for o in report.objects if o.state is ObjectState.SKIPPED}


def drafts(report: Report) -> list[str]:
    return [stub.draft for stub in report.stubs]


@pytest.mark.parametrize("limit", [limit for limit in LIMITS if limit.question], ids=lambda limit: limit.name)
def test_server_answers_the_question_of_each_limit(direct: Direct, limit: object) -> None:
    ((answer,),) = direct.query(limit.question)  # type: ignore[attr-defined]
    value = limit.value  # type: ignore[attr-defined]
    assert answer == value if value is not None else answer


def test_table_of_too_many_columns_stays_behind_and_all_else_arrives(direct: Direct, build: Build) -> None:
    path = build(
        f"{WIDE} INSERT INTO w (id, c7) VALUES (1, 9);"
        "CREATE TABLE kid (id INTEGER PRIMARY KEY, w INT REFERENCES w (id)); INSERT INTO kid VALUES (1, 1);"
        "CREATE VIEW of_w AS SELECT c1 FROM w; CREATE VIEW of_kid AS SELECT w FROM kid;"
    )
    foreseen = report_of(direct, path, Mode.DRY_RUN, "wide")
    report = report_of(direct, path, Mode.MIGRATE, "wide")
    assert skipped(report) == skipped(foreseen)
    reasons = {(kind, name): reason for kind, name, reason in skipped(report)}
    assert "1600 columns; 1 row stays in the source" in reasons["table", "w"]
    assert set(reasons) == {("table", "w"), ("view", "of_w"), ("foreign key", "kid_w_fkey")}
    assert direct.query("SELECT w FROM wide.of_kid") == [(1,)]
    assert [(t.name, t.equal) for t in report.tables] == [("kid", True)]
    assert foreseen.verdict.headline.endswith(" 1 table would stay behind: w.")
    assert (
        report.verdict.headline
        == "Proved: 1 row in 1 table is equal on both sides; the schema differs (3 findings). 1 table stayed behind: w."
    )


def test_draft_of_a_table_in_parts_makes_tables_that_arrive(direct: Direct, build: Build) -> None:
    path = build(
        f"{WIDE} INSERT INTO w (id, c7, c1798) VALUES (3, 9, 8);CREATE TABLE other (id INTEGER PRIMARY KEY);"
    )
    (draft,) = [d for d in drafts(report_of(direct, path, Mode.MIGRATE, "before_parts")) if "--tables" in d]
    statements = [line.removeprefix("--     ") for line in draft.splitlines() if line.startswith("--     ")]
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    names = draft.partition("--tables ")[2].partition(". ")[0].split(",")
    run = direct.migrate(path, target_schema="parts", tables=tuple(names))
    assert run.phase is Phase.COMPLETED, run.error
    assert direct.query("SELECT c7, c1798 FROM parts.w_1 JOIN parts.w_6 USING (id)") == [(9, 8)]


@pytest.fixture
def many_texts(build: Build) -> Path:
    """40 rows of 900 columns; every seventh is too large for a page, even with its texts stored apart."""
    path = build(
        f"CREATE TABLE r (id INTEGER PRIMARY KEY, {' TEXT, '.join(MANY_TEXTS)} TEXT);"
        "CREATE TABLE ok (id INTEGER PRIMARY KEY); INSERT INTO ok VALUES (1);"
    )
    rows = [
        (number, *(random_text(30 if number % 7 == 3 else 5) for _ in MANY_TEXTS)) for number in range(1, 41)
    ]
    fill(path, f"INSERT INTO r VALUES ({', '.join('?' * 900)})", rows)
    return path


TOO_LARGE = {"3", "10", "17", "24", "31", "38"}


def kept_out(direct: Direct, report: Report) -> set[tuple[str, str]]:
    rows = direct.query(f"SELECT key->>0, reason FROM convoy.quarantine WHERE run_id = '{report.run_id}'")
    return {(str(key), str(reason)) for key, reason in rows}


def test_rows_too_large_for_a_page_are_kept_out_by_name_as_the_dry_run_has_said(
    direct: Direct, many_texts: Path
) -> None:
    foreseen = report_of(direct, many_texts, Mode.DRY_RUN, "texts")
    report = report_of(direct, many_texts, Mode.MIGRATE, "texts")
    assert {key for key, _ in kept_out(direct, report)} == TOO_LARGE
    assert kept_out(direct, report) == kept_out(direct, foreseen)
    assert all(reason.startswith("row is too big") for _, reason in kept_out(direct, report))
    assert direct.query("SELECT count(*), count(*) FILTER (WHERE id % 7 = 3) FROM texts.r") == [(34, 0)]
    assert all(table.equal and table.conserved for table in report.tables)
    assert [r.title for r in report.recommendations if "too large" in r.title] == [
        "Split the table whose rows are too large"
    ]


def test_retry_says_again_which_rows_are_too_large(direct: Direct, many_texts: Path) -> None:
    report = report_of(direct, many_texts, Mode.MIGRATE, "texts_again")
    before = kept_out(direct, report)
    result = retry_quarantine(direct.ledger, report.run_id)
    assert (result.stored, result.remaining) == (0, 6)
    assert kept_out(direct, report) == before


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_row_too_large_stops_a_run_that_is_to_stop(direct: Direct, many_texts: Path, mode: Mode) -> None:
    with quiet_steps():
        run = direct.migrate(many_texts, mode=mode, target_schema="stops", on_error=OnError.ABORT)
    assert run.phase is Phase.FAILED
    assert "row is too big" in (run.error or "")
    assert "key 3" in (run.error or "")


@pytest.fixture
def long_texts(build: Build) -> Path:
    """Texts that no btree takes, under a primary key, a unique constraint, indexes and a foreign key."""
    path = build(
        "CREATE TABLE feed (url TEXT PRIMARY KEY, guid TEXT NOT NULL UNIQUE, title TEXT, n INT, note TEXT, d DATETIME);"
        "CREATE INDEX feed_title ON feed (title); CREATE INDEX feed_both ON feed (n, title DESC) WHERE n > 0;"
        "CREATE INDEX feed_n ON feed (n); CREATE INDEX feed_note ON feed (note);"
        "CREATE TABLE item (id INTEGER PRIMARY KEY, guid TEXT REFERENCES feed (guid));"
    )
    long = [f"{number}{random_text(6_000)}" for number in range(3)]
    rows: list[tuple[object, ...]] = [(long[0], long[1], long[2], 1, "a" * 6_000, "2024-01-01 10:00:00")]
    rows += [("short", "short", "short", 2, None, None)]
    fill(path, "INSERT INTO feed VALUES (?, ?, ?, ?, ?, ?)", rows)
    fill(path, "INSERT INTO item VALUES (?, ?)", [(1, "short"), (2, long[1])])
    return path


def test_index_of_values_too_long_stays_behind_as_the_dry_run_has_said(
    direct: Direct, long_texts: Path
) -> None:
    foreseen = report_of(direct, long_texts, Mode.DRY_RUN, "long")
    report = report_of(direct, long_texts, Mode.MIGRATE, "long")
    left = {(kind, name) for kind, name, _ in skipped(report)}
    assert left == {(kind, name) for kind, name, _ in skipped(foreseen)}
    assert left == {
        ("primary key", "feed_pkey"),
        ("unique constraint", "feed_guid_key"),
        ("index", "feed_title"),
        ("index", "feed_both"),
        ("foreign key", "item_guid_fkey"),
    }, "6,000 times the same letter are short enough once compressed: the server knows"
    assert all(table.equal for table in report.tables)
    with psycopg.connect(direct.url) as connection:
        for stub in report.stubs:
            if stub.kind != "foreign key":
                connection.execute(stub.draft.encode())
        connection.rollback()


def test_index_of_too_many_columns_gets_a_draft_that_works(direct: Direct, build: Build) -> None:
    kinds = ["TEXT", "INT", "DATE", "DATETIME", "TIME", "REAL", "BLOB", "JSON", "BOOLEAN", "DECIMAL"]
    columns = [(f"c{number}", kinds[number % len(kinds)]) for number in range(34)]
    names = ", ".join(name for name, _ in columns)
    path = build(
        f"CREATE TABLE m (id INTEGER PRIMARY KEY, {', '.join(' '.join(c) for c in columns)}, UNIQUE ({names}));"
        f"CREATE INDEX mi ON m ({names}); INSERT INTO m (id) VALUES (1);"
    )
    value = {
        "DATE": "2024-01-02",
        "DATETIME": "2024-01-02 10:00:00",
        "TIME": "10:00:00",
        "BLOB": b"b",
        "JSON": "{}",
    }
    row = [value.get(kind, 1) for _, kind in columns]
    fill(path, f"INSERT INTO m VALUES (2, {', '.join('?' * 34)})", [tuple(row)])
    foreseen = report_of(direct, path, Mode.DRY_RUN, "many")
    report = report_of(direct, path, Mode.MIGRATE, "many")
    assert skipped(report) == skipped(foreseen)
    with psycopg.connect(direct.url) as connection:
        for draft in drafts(report):
            connection.execute(draft.encode())
        copied = f"INSERT INTO many.m SELECT 3, {names} FROM many.m WHERE id = 2"
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(copied.encode())


def test_row_that_a_plain_index_refuses_is_said_before_rows_are_loaded(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE feed (id INTEGER PRIMARY KEY, url TEXT, title TEXT);")
    fill(path, "INSERT INTO feed VALUES (?, ?, ?)", [(1, "u", random_text(6_000)), (2, "v", "t")])
    direct.query(
        "CREATE SCHEMA app; CREATE TABLE app.feed (id int PRIMARY KEY, url text, title text);"
        "CREATE INDEX feed_title ON app.feed (title); CREATE INDEX feed_expr ON app.feed (lower(url))"
    )
    run = direct.migrate(path, mode=Mode.DRY_RUN, target_schema="app", data_only=True)
    foreseen = build_report(direct.ledger, run.id)
    run = direct.migrate(path, target_schema="app", data_only=True)
    report = build_report(direct.ledger, run.id)
    for one in (foreseen, report):
        (sample,) = one.quarantine.sample
        assert (sample.key, sample.column) == ("1", "title")
        assert 'for index "feed_title"' in sample.reason
        assert any("Take the index out of the way" in r.title for r in one.recommendations)
    direct.query("DROP INDEX app.feed_title; CREATE INDEX feed_title ON app.feed USING hash (title)")
    assert retry_quarantine(direct.ledger, run.id).stored == 1


def test_document_too_deep_for_jsonb_becomes_text(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE j (id INTEGER PRIMARY KEY, doc JSON);")
    fill(path, "INSERT INTO j VALUES (?, ?)", [(1, "{}"), (2, "[" * 9_000 + "]" * 9_000)])
    run = direct.migrate(path, target_schema="deep")
    assert run.phase is Phase.COMPLETED, run.error
    assert direct.query("SELECT max(length(doc)) FROM deep.j") == [(18_000,)]


@pytest.fixture
def few_locks(passable_path: Path, tmp_path: Path) -> Iterator[Direct]:
    """A server whose table of locks is as small as it can be."""
    settings = {"fsync": "off", "max_locks_per_transaction": "10", "max_connections": "20"}
    server = EmbeddedPostgres(passable_path / "postgres", settings=settings)
    server.start()
    direct = Direct(server.url, tmp_path)
    yield direct
    direct.close()
    server.stop()


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_too_few_locks_are_said_before_anything_is_copied(
    few_locks: Direct, build: Build, mode: Mode
) -> None:
    tables = "".join(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, t TEXT);" for number in range(450))
    run = few_locks.migrate(build(tables), mode=mode, target_schema="locks")
    assert run.phase is Phase.FAILED
    error = build_report(few_locks.ledger, run.id).error_details
    assert error is not None
    assert error.code == "target-too-few-locks"
    assert "creates 450 tables" in error.what
    assert "max_locks_per_transaction" in error.remedy
    assert few_locks.query("SELECT count(*) FROM pg_namespace WHERE nspname IN ('locks')") == [(0,)]


def test_a_held_run_of_more_indexes_than_locks_is_cancelled_whole(
    few_locks: Direct, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = ", ".join(f"c{number} TEXT UNIQUE" for number in range(14))
    tables = "".join(
        f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, {columns}"
        f"{', up INTEGER REFERENCES t0 (id)' if number < 3 else ''});"
        for number in range(32)
    )
    run = few_locks.migrate(build(tables), hold=True, target_schema="many")
    assert run.phase is Phase.READY, run.error
    thinned: list[str] = []

    def thin_out(engine: Engine, schema: str, names: Collection[str]) -> None:
        thinned.append(schema)
        thin_out_schema(engine, schema, names)

    monkeypatch.setattr(run_cancellation, "thin_out_schema", thin_out)
    assert run_cancellation.cancel_run(few_locks.ledger, run.id).left == ()
    assert thinned == [run.staging_schema]
    assert few_locks.query(f"SELECT count(*) FROM pg_namespace WHERE nspname = '{run.staging_schema}'") == [
        (0,)
    ]


def test_what_runs_have_left_of_more_indexes_than_locks_goes_in_portions(
    passable_path: Path, tmp_path: Path, build: Build
) -> None:
    columns = ", ".join(f"c{number} TEXT UNIQUE" for number in range(14))
    path = build(
        "".join(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, {columns});" for number in range(32))
        + "CREATE VIEW of_t AS SELECT c0 FROM t0; CREATE VIEW of_view AS SELECT c0 FROM of_t;"
    )
    usual = {"fsync": "off", "max_connections": "20"}
    server = EmbeddedPostgres(passable_path / "postgres", settings=usual)
    server.start()
    direct = Direct(server.url, tmp_path)
    runs = [direct.migrate(path, target_schema="many", if_exists=IfExists.REPLACE) for _ in range(2)]
    held = direct.migrate(path, hold=True, target_schema="other")
    assert [run.error for run in (*runs, held)] == [None] * 3
    request_cancel(direct.ledger, held.id)
    direct.close()
    server.stop()

    server = EmbeddedPostgres(
        passable_path / "postgres", settings={**usual, "max_locks_per_transaction": "10"}
    )
    server.start()
    direct = Direct(server.url, tmp_path)
    try:
        places = LeftoverSchemas(direct.ledger)
        (staged,) = [found for found in places.find() if found.run_id == held.id]
        assert places.remove(staged) == []
        purge_run(direct.ledger, direct.workspace.settings, runs[1].id)
        assert direct.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy\\_%'") == []
        acts = direct.query("SELECT count(*) FROM convoy.events WHERE data->>'act' = 'purged'")
        assert acts == [(1,)]
        with pytest.raises(RunPurgedError):
            roll_back_run(direct.ledger, runs[1].id)
        assert direct.query("SELECT count(*) FROM many.of_view") == [(0,)]
    finally:
        direct.close()
        server.stop()
