"""What hurts people who move from SQLite to PostgreSQL: one test for each case that they have reported.

The numbers are those of the list in the issue; the details of each case are tested where its code is.
Cases 13 to 17 are in test_field_runs.py.
"""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from migration.mapping_file_model import OnOrphan
from migration.model import IdentifierPolicy, Mode, Phase
from migration.report.report_builder import build_report
from migration.report.report_files import write_report
from tests.support.direct import Direct
from tests.support.field import Build, migrate, plans, types
from tests.support.proof import prove, reported_tables


def test_01_types_are_the_applications_where_it_made_the_table(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, flag INTEGER, done BOOLEAN); INSERT INTO t VALUES (1, 1, 0)"
    )
    migrate(direct, path, target_schema="f01")
    assert types(direct, "f01") == {"id": "integer", "flag": "integer", "done": "boolean"}
    direct.query("CREATE SCHEMA f01_app")
    direct.query("CREATE TABLE f01_app.t (id integer PRIMARY KEY, flag boolean NOT NULL, done smallint)")
    migrate(direct, path, target_schema="f01_app", data_only=True)
    assert direct.query("SELECT id, flag, done FROM f01_app.t") == [(1, True, 0)]


def test_02_the_unit_of_epochs_is_found_and_no_date_is_in_the_year_54191(
    direct: Direct, build: Build
) -> None:
    path = build(
        "CREATE TABLE t (s TIMESTAMP, ms TIMESTAMP, us DATETIME, text TIMESTAMP);"
        "INSERT INTO t VALUES (1700000000, 1700000000123, 1700000000123456, '2023-11-14 22:13:20.5');"
    )
    _, report = migrate(direct, path, target_schema="f02")
    assert direct.query("SELECT s::text, ms::text, us::text, text::text FROM f02.t") == [
        (
            "2023-11-14 22:13:20+00",
            "2023-11-14 22:13:20.123+00",
            "2023-11-14 22:13:20.123456+00",
            "2023-11-14 22:13:20.5+00",
        )
    ]
    assert "milliseconds" in report.tables[0].columns[1].reason


def test_03_defaults_are_translated_or_dropped_by_name(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, flag BOOLEAN DEFAULT 1, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,"
        " name TEXT DEFAULT \"x\", odd INTEGER DEFAULT (unicode('a')), stamp DATETIME DEFAULT (datetime('now')));"
    )
    _, report = migrate(direct, path, target_schema="f03")
    row = direct.query(
        "INSERT INTO f03.t DEFAULT VALUES RETURNING flag, at IS NOT NULL, name, odd, stamp IS NOT NULL"
    )
    assert row == [(True, True, "x", None, True)]
    (dropped,) = [item for item in report.objects if item.kind == "default" and "unicode" in item.reason]
    assert dropped.name.endswith("odd")


def test_04_sequences_go_on_after_the_last_id_and_in_empty_tables(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v); CREATE TABLE none (id INTEGER PRIMARY KEY, v);"
        "INSERT INTO t VALUES (41, 1), (99, 2); DELETE FROM t WHERE id = 99;"
    )
    migrate(direct, path, target_schema="f04")
    assert direct.query("INSERT INTO f04.t (v) VALUES (3) RETURNING id") == [(100,)]
    assert direct.query("INSERT INTO f04.none DEFAULT VALUES RETURNING id") == [(1,)]


@pytest.mark.parametrize(
    ("policy", "table", "column"),
    [
        (IdentifierPolicy.PRESERVE, '"UserTable"', '"UserId"'),
        (IdentifierPolicy.LOWER, "usertable", "userid"),
        (IdentifierPolicy.SNAKE, "user_table", "user_id"),
    ],
)
def test_05_case_of_names_holds_down_to_the_sequence(
    direct: Direct, build: Build, policy: IdentifierPolicy, table: str, column: str
) -> None:
    path = build(
        'CREATE TABLE "UserTable" ("UserId" INTEGER PRIMARY KEY, "Name" TEXT); INSERT INTO UserTable VALUES (7, 1)'
    )
    migrate(direct, path, target_schema=f"f05_{policy}", identifiers=policy)
    assert direct.query(f"INSERT INTO f05_{policy}.{table} DEFAULT VALUES RETURNING {column}") == [(8,)]


def test_06_references_without_columns_point_to_the_parents_primary_key(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE child (p INTEGER REFERENCES parent); CREATE TABLE parent (x TEXT, code INTEGER PRIMARY KEY);"
        "INSERT INTO parent VALUES ('a', 5); INSERT INTO child VALUES (5), (NULL);"
    )
    migrate(direct, path, target_schema="f06")
    (definition,) = direct.query(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'f06'::regnamespace"
    )
    assert "REFERENCES f06.parent(code)" in definition[0]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        direct.query("INSERT INTO f06.child VALUES (6)")


def test_07_orphan_rows_are_told_and_stay_and_the_constraint_holds_for_new_ones(
    direct: Direct, build: Build
) -> None:
    path = build(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY); CREATE TABLE child (p INTEGER REFERENCES parent (id));"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1), (2), (2), (3);"
    )
    run, report = migrate(direct, path, target_schema="f07")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    (orphans,) = [finding for finding in report.findings if finding.kind == "orphan_rows"]
    assert "3" in orphans.message
    assert direct.query("SELECT count(*) FROM f07.child") == [(4,)]
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        direct.query("INSERT INTO f07.child VALUES (9)")


@pytest.mark.parametrize(
    ("choice", "rows", "kept_out"),
    [
        (OnOrphan.NOT_VALID, [(1, 1), (2, 2), (3, 2), (4, 3), (5, None)], 0),
        (OnOrphan.QUARANTINE, [(1, 1), (5, None)], 3),
        (OnOrphan.SET_NULL, [(1, 1), (2, None), (3, None), (4, None), (5, None)], 0),
    ],
)
def test_07_orphan_rows_are_listed_before_the_run_and_the_user_says_what_becomes_of_them(
    direct: Direct, build: Build, choice: OnOrphan, rows: list[tuple[int, int | None]], kept_out: int
) -> None:
    path = build(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
        "CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent (id));"
        "INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1), (2, 2), (3, 2), (4, 3), (5, NULL);"
    )
    schema = f"f07_{choice}"
    _, trial = migrate(direct, path, target_schema=schema, mode=Mode.DRY_RUN, on_orphan=choice)
    (listed,) = [finding for finding in trial.findings if finding.kind == "orphan_rows"]
    assert "3 rows have no parent row in parent (id), for example p = 2 in row 2" in listed.message
    assert "Decide what becomes of the orphan rows" in [advice.title for advice in trial.recommendations]
    assert direct.query(f"SELECT count(*) FROM pg_namespace WHERE nspname = '{schema}'") == [(0,)]

    run = direct.migrate(path, target_schema=schema, on_orphan=choice)
    if choice is not OnOrphan.SET_NULL:  # of which the proof from outside knows nothing
        assert prove(path, direct.url, direct.ledger, run) == []
    report = build_report(direct.ledger, run.id)
    assert direct.query(f'SELECT id, p FROM "{schema}".child ORDER BY id') == rows
    assert (report.tables[1].rows_quarantined, report.tables[1].equal) == (kept_out, True)
    lost = {"lossy_value"} if choice is OnOrphan.SET_NULL else set()
    assert {finding.kind for finding in report.findings} == {"orphan_rows", *lost}
    valid = f"SELECT convalidated FROM pg_constraint WHERE contype = 'f' AND conrelid = '\"{schema}\".child'::regclass"
    assert direct.query(valid) == [(choice is not OnOrphan.NOT_VALID,)]


def test_08_nul_characters_are_stripped_by_name_and_the_comparison_knows(
    direct: Direct, build: Build
) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT, j JSON);"
        "INSERT INTO t VALUES (1, 'a' || char(0) || 'b', '{\"a\":\"\\u0000\"}'), (2, 'plain', '[1]');"
    )
    _, report = migrate(direct, path, target_schema="f08")
    assert direct.query("SELECT s, j FROM f08.t ORDER BY id") == [("ab", '{"a":"\\u0000"}'), ("plain", "[1]")]
    assert [(t.name, t.values) for t in report.tables[0].columns[1].transforms] == [("nul_stripped", 1)]
    assert report.tables[0].equal


def test_09_invalid_utf8_keeps_its_bytes_with_key_and_column(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT); INSERT INTO t VALUES (7, CAST(x'61ff' AS TEXT))"
    )
    run, _ = migrate(direct, path, target_schema="f09")
    ((table, rows),) = reported_tables(direct.ledger, run)
    assert table.quarantine is not None
    (value,) = table.quarantine
    assert (rows, value.key, value.column, value.original) == (1, (7,), "s", b"a\xff")


def test_10_blobs_in_text_columns_and_text_in_blob_columns_arrive(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, words TEXT, raw BLOB);"
        "INSERT INTO t VALUES (1, 'text', x'00ff'), (2, x'6162', 'größe'), (3, x'ff', x'');"
    )
    run, report = migrate(direct, path, target_schema="f10")
    assert direct.query("SELECT words, raw FROM f10.t ORDER BY id") == [
        ("text", b"\x00\xff"),
        ("ab", "größe".encode()),
    ]
    assert report.quarantine.total == 1
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS


def test_11_text_longer_than_declared_widens_and_the_dry_run_says_so(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE t (s VARCHAR(3), c CHAR(2)); INSERT INTO t VALUES ('größer', 'a')")
    _, report = migrate(direct, path, target_schema="f11", mode=Mode.DRY_RUN)
    wide, kept = report.tables[0].columns
    assert (wide.target_type, kept.target_type) == ("text", "char(2)")
    assert "6 characters" in wide.reason
    migrate(direct, path, target_schema="f11")
    assert direct.query("SELECT s, c FROM f11.t") == [("größer", "a ")]


def test_12_words_in_numeric_columns_are_counted_before_loading(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (n INTEGER, m NUMERIC); INSERT INTO t VALUES (1, 1.5), ('many', 2), (3, 'none')"
    )
    _, report = migrate(direct, path, target_schema="f12", mode=Mode.DRY_RUN)
    assert [column.target_type for column in report.tables[0].columns] == ["text", "text"]
    assert report.tables[0].columns[0].stored == {"integer": 2, "text": 1}
    migrate(direct, path, target_schema="f12")
    assert direct.query("SELECT n, m FROM f12.t") == [("1", "1.5"), ("many", "2"), ("3", "none")]


def test_18_generated_columns_stay_generated_or_are_copied_and_told(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (a INTEGER, twice INTEGER AS (a * 2) STORED, kind TEXT AS (typeof(a)) VIRTUAL);"
        "INSERT INTO t (a) VALUES (21), (NULL);"
    )
    _, report = migrate(direct, path, target_schema="f18")
    assert direct.query("INSERT INTO f18.t (a) VALUES (4) RETURNING twice") == [(8,)]
    assert direct.query("SELECT kind FROM f18.t WHERE a = 21") == [("integer",)]
    assert [item.name for item in report.objects if "plain column" in item.reason] == ["t.kind"]


def test_19_views_come_along_or_are_handed_out_with_the_reason(
    direct: Direct, build: Build, tmp_path: Path
) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT); INSERT INTO t VALUES (1, '2024-01-01');"
        "CREATE VIEW good AS SELECT id, ifnull(at, 'never') AS at FROM t;"
        "CREATE VIEW bad AS SELECT strftime('%j', at) AS day FROM t;"
    )
    _, report = migrate(direct, path, target_schema="f19")
    assert direct.query("SELECT * FROM f19.good") == [(1, "2024-01-01")]
    states = {item.name: item.state for item in report.objects if item.kind == "view"}
    assert states == {"good": "created", "bad": "skipped"}
    write_report(report, tmp_path / "report")
    stub = (tmp_path / "report" / "not_migrated.sql").read_text()
    assert "CREATE VIEW bad" in stub
    assert "good" not in stub


def test_20_virtual_tables_and_missing_modules_stop_nothing_else(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);"
        "CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('hello');"
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1); INSERT INTO boxes VALUES (5, 1, 2);"
        "PRAGMA writable_schema = ON;"
        "INSERT INTO sqlite_schema VALUES"
        " ('table', 'places', 'places', 0, 'CREATE VIRTUAL TABLE places USING spatial()');"
    )
    _, report = migrate(direct, path, target_schema="f20")
    assert [table.name for table in report.tables] == ["t", "words", "boxes"]
    assert direct.query("SELECT * FROM f20.words, f20.boxes") == [(1, "hello", 5, 1.0, 2.0)]
    lines = {item.name: (item.state, item.reason) for item in report.objects if item.kind == "virtual"}
    assert {name: state for name, (state, _) in lines.items()} == {
        "words": "changed",
        "boxes": "changed",
        "places": "skipped",
    }
    assert "spatial" in lines["places"][1]


def test_21_odd_type_names_and_none_follow_sqlites_affinity(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (a, b FLOATING POINT, c STRING, d LONGVARCHAR, e MONEY, f REALLY, g BLOBBY);"
        "INSERT INTO t VALUES ('x', 1, 'word', 'text', 1.25, 2.5, x'01');"
    )
    migrate(direct, path, target_schema="f21")
    assert types(direct, "f21") == {
        "a": "text",
        "b": "integer",
        "c": "text",
        "d": "text",
        "e": "numeric",
        "f": "double precision",
        "g": "bytea",
    }


def test_22_infinity_stays_nan_is_null_and_bad_json_stays_text(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL, n NUMERIC, good JSON, bad JSON)")
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO t (r, n, good, bad) VALUES (?, ?, ?, ?)",
            [
                (math.inf, 1, '{"a": 1}', "{a: 1}"),
                (-math.inf, -math.inf, "[]", "[]"),
                (math.nan, 2, None, None),
            ],
        )
        connection.commit()
    _, report = migrate(direct, path, target_schema="f22")
    assert direct.query("SELECT r, n FROM f22.t ORDER BY id") == [
        (math.inf, 1),
        (-math.inf, -math.inf),
        (None, 2),
    ]
    assert {**types(direct, "f22")}["good"] == "jsonb"
    (bad,) = [column for column in report.tables[0].columns if column.name == "bad"]
    assert bad.target_type == "text"
    assert "{a: 1}" in bad.reason


def test_23_the_applications_own_bookkeeping_is_left_alone(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); "
        "CREATE TABLE django_migrations (id INTEGER PRIMARY KEY, app TEXT, name TEXT, applied TEXT);"
        "INSERT INTO t VALUES (1); INSERT INTO django_migrations VALUES (1, 'a', '0001', 'old');"
    )
    direct.query("CREATE SCHEMA f23")
    direct.query("CREATE TABLE f23.t (id integer PRIMARY KEY)")
    direct.query(
        "CREATE TABLE f23.django_migrations AS SELECT 1 AS id, 'a' AS app, '0001' AS name, 'new' AS applied"
    )
    migrate(direct, path, target_schema="f23", data_only=True)
    assert direct.query("SELECT applied FROM f23.django_migrations") == [("new",)]
    assert direct.query("SELECT id FROM f23.t") == [(1,)]


def test_24_the_target_is_reached_by_whatever_libpq_takes(
    direct: Direct, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = urlsplit(direct.url)
    options = {name: value for name, (value,) in parse_qs(url.query).items()}
    lines = [f"{name}={value}" for name, value in {**options, "dbname": "direct", "user": "postgres"}.items()]
    (tmp_path / "services").write_text("[convoy]\n" + "\n".join(lines) + "\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    by_service = Direct("postgresql:///?service=convoy", tmp_path)
    try:
        path = build("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)")
        assert by_service.migrate(path, target_schema="f24").phase is Phase.COMPLETED
    finally:
        by_service.close()
    assert direct.query("SELECT id FROM f24.t") == [(1,)]


def test_25_long_names_that_collide_once_cut_are_shortened_and_told(direct: Direct, build: Build) -> None:
    long = "a_name_of_more_than_sixty_three_bytes_that_postgresql_would_have_cut_to_"
    path = build(
        f"CREATE TABLE {long}1 ({long}x TEXT, {long}y TEXT); CREATE TABLE {long}2 (id INTEGER PRIMARY KEY);"
        f"INSERT INTO {long}1 VALUES ('x', 'y'); INSERT INTO {long}2 VALUES (2);"
    )
    run, report = migrate(direct, path, target_schema="f25")
    names = {plan.target_name for plan in plans(direct, run).values()}
    assert len(names) == 2
    assert all(len(name.encode()) <= 63 for name in names)
    renamed = {item.name for item in report.objects if item.state == "changed" and "63 bytes" in item.reason}
    assert renamed >= {f"{long}1", f"{long}2"}
