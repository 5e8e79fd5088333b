"""Comments in SQLite's DDL arrive as PostgreSQL's comments, also where names change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from migration.mapping_file.mapping_file_reader import load_mapping
from migration.model import IdentifierPolicy, ObjectState, Phase
from migration.report.report_builder import build_report
from migration.schema_translation.comment_ddl import MOST_CHARACTERS
from tests.support.direct import Direct

SCHOOL = """
CREATE TABLE "SchoolPupil" ( -- Who goes to school; it's {schema} \\ 100 % :name
    id INTEGER PRIMARY KEY,
    "fullName" TEXT DEFAULT '-- none', -- First and last
    secret TEXT, -- Nobody's business
    bornOn DATE /* as ISO text */
);
CREATE TABLE plain (a INT);
CREATE INDEX "byName" ON "SchoolPupil" ("fullName") WHERE id > 0 /* for the search */;
CREATE VIEW "AllNames" AS SELECT "fullName" FROM "SchoolPupil" -- for the front page
;
INSERT INTO "SchoolPupil" (id, "fullName") VALUES (1, 'Ann');
"""
# A comment of a column stands under the number of the column: https://www.postgresql.org/docs/current/catalog-pg-description.html
COMMENTS = """
SELECT c.relname, a.attname, d.description FROM pg_catalog.pg_description d
JOIN pg_catalog.pg_class c ON d.classoid = 'pg_catalog.pg_class'::regclass AND d.objoid = c.oid
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0
WHERE c.relnamespace = '{}'::regnamespace ORDER BY c.relname COLLATE "C", d.objsubid
"""


def make(path: Path, script: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    return path


def migrated(direct: Direct, path: Path, **options: Any) -> tuple[list[tuple[Any, ...]], list[Any]]:
    run = direct.migrate(path, **options)
    assert run.phase is Phase.COMPLETED, run.error
    found = direct.query(COMMENTS.format(run.options.target_schema))
    return found, [item for item in build_report(direct.ledger, run.id).objects if item.kind == "comment"]


def test_comments_of_tables_columns_indexes_and_views_arrive(direct: Direct, tmp_path: Path) -> None:
    found, lines = migrated(direct, make(tmp_path / "comments.db", SCHOOL))
    assert found == [
        ("AllNames", None, "for the front page"),
        ("SchoolPupil", None, "Who goes to school; it's {schema} \\ 100 % :name"),
        ("SchoolPupil", "fullName", "First and last"),
        ("SchoolPupil", "secret", "Nobody's business"),
        ("SchoolPupil", "bornOn", "as ISO text"),
        ("byName", None, "for the search"),
    ]
    assert [(line.name, line.state, line.reason) for line in lines] == [
        ("SchoolPupil", ObjectState.CREATED, "4 comments")
    ]


def test_comments_follow_renames_and_leave_out_what_the_mapping_file_skips(
    direct: Direct, tmp_path: Path
) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(
        "[tables.SchoolPupil.columns]\nsecret = { skip = true }\nbornOn = { rename = 'birthday' }\n"
        "[tables.plain]\nskip = true\n"
    )
    path = make(tmp_path / "comments_renamed.db", SCHOOL)
    found, lines = migrated(direct, path, identifiers=IdentifierPolicy.SNAKE, mapping=load_mapping(mapping))
    assert [row[:2] for row in found] == [
        ("all_names", None),
        ("by_name", None),
        ("school_pupil", None),
        ("school_pupil", "full_name"),
        ("school_pupil", "birthday"),
    ]
    assert [(line.name, line.reason) for line in lines] == [("school_pupil", "3 comments")]


def test_load_of_rows_leaves_the_applications_comments_alone(direct: Direct, tmp_path: Path) -> None:
    direct.query(
        "CREATE SCHEMA comments_data_only; CREATE TABLE comments_data_only.t (a int);"
        "COMMENT ON TABLE comments_data_only.t IS 'the application says so'"
    )
    path = make(
        tmp_path / "comments_data_only.db", "CREATE TABLE t (a INT -- one\n); INSERT INTO t VALUES (1)"
    )
    found, lines = migrated(direct, path, data_only=True)
    assert (found, lines) == ([("t", None, "the application says so")], [])


def test_comments_that_change_say_so(direct: Direct, tmp_path: Path) -> None:
    long = "x" * (MOST_CHARACTERS + 1)
    path = make(tmp_path / "comments_odd.db", f"CREATE TABLE t (a INT, -- one#\n b INT /* {long} */)")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = CAST(replace(CAST(sql AS BLOB), '#', x'ff') || x'002d2d' AS TEXT)"
        )
        connection.commit()
    found, (line,) = migrated(direct, path)
    assert found == [("t", "a", "one\ufffd"), ("t", "b", long[:-1])]
    assert (line.state, line.reason) == (
        ObjectState.CHANGED,
        "2 comments; U+FFFD in a comment stands for bytes that are not UTF-8; a comment is cut to 100,000 characters",
    )
