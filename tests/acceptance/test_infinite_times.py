"""`infinity` in a column of times: PostgreSQL knows it, and a mapping file leaves the texts of the column to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.mapping_file.mapping_file_reader import read_mapping
from migration.model import Phase
from migration.report.report_builder import build_report

if TYPE_CHECKING:
    from migration.mapping_file_model import MappingFile
    from tests.support.direct import Direct

SPELLED = """CASE WHEN until GLOB '[0-9]*' THEN
    substr(until, 1, 4) || '-' || substr(until, 5, 2) || '-' || substr(until, 7, 2)
    || ' ' || substr(until, 9, 2) || ':' || substr(until, 11, 2) || ':' || substr(until, 13, 2) || '+00'
    ELSE until END"""


def source_of(folder: Path, *values: str | None) -> Path:
    path = folder / "blocks.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE blocks (id INTEGER PRIMARY KEY, until BLOB)")
        connection.executemany("INSERT INTO blocks (until) VALUES (?)", [(value,) for value in values])
        connection.commit()
    return path


def mapping_of(columns: dict[str, object]) -> MappingFile:
    return read_mapping({"tables": {"blocks": {"columns": columns}}}, "m")


@pytest.mark.parametrize("type_", ["timestamptz", "timestamp", "date"])
def test_texts_that_a_mapping_file_leaves_to_the_server_may_never_end(
    direct: Direct, tmp_path: Path, type_: str
) -> None:
    schema = f"endless_{type_}"
    spelled = {"timestamptz": "'+00'", "timestamp": "''", "date": "''"}[type_]
    expression = SPELLED.replace("'+00'", spelled)
    if type_ == "date":
        expression = f"substr({expression}, 1, CASE WHEN until GLOB '[0-9]*' THEN 10 ELSE 99 END)"
    columns = {"until": {"rules": {"text": "text_to_text"}, "expression": expression}}
    with psycopg.connect(direct.url, autocommit=True) as target:
        target.execute(
            f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.blocks (id int PRIMARY KEY, until {type_})".encode()
        )
        run = direct.migrate(
            source_of(tmp_path, "20310102030405", "infinity", None, "-infinity"),
            data_only=True,
            target_schema=schema,
            mapping=mapping_of(columns),
        )
        assert run.phase is Phase.COMPLETED, run.error
        found = target.execute(f"SELECT until::text FROM {schema}.blocks ORDER BY id".encode()).fetchall()
    ended = {
        "timestamptz": "2031-01-02 03:04:05+00",
        "timestamp": "2031-01-02 03:04:05",
        "date": "2031-01-02",
    }[type_]
    assert found == [(ended,), ("infinity",), (None,), ("-infinity",)]


def test_what_the_server_does_not_read_is_kept_apart(direct: Direct, tmp_path: Path) -> None:
    columns = {"until": {"rules": {"text": "text_to_text"}}}
    with psycopg.connect(direct.url, autocommit=True) as target:
        target.execute(
            "CREATE SCHEMA endless_odd; CREATE TABLE endless_odd.blocks (id int PRIMARY KEY, until timestamptz)"
        )
    run = direct.migrate(
        source_of(tmp_path, "infinity", "some day"),
        data_only=True,
        target_schema="endless_odd",
        mapping=mapping_of(columns),
    )
    report = build_report(direct.ledger, run.id)
    assert [(row.key, row.column) for row in report.quarantine.sample] == [("2", "until")]
