from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.ledger.event_log import read_events
from migration.ledger.table_records import read_tables
from migration.model import IfExists, Mode, Phase
from migration.report.report_builder import build_report
from migration.steps.run_rollback import roll_back_run

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

Build = Callable[[str], Path]

SHOP = """
CREATE TABLE customer (id INTEGER PRIMARY KEY AUTOINCREMENT, name VARCHAR(40) NOT NULL, vip BOOLEAN, joined TIMESTAMP);
CREATE TABLE sale (
    id INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL REFERENCES customer, price DECIMAL(10,2), note TEXT
);
CREATE TABLE setting (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE log (line TEXT);
CREATE TABLE bare (id INTEGER PRIMARY KEY);
CREATE TABLE part (a INTEGER, b TEXT, v REAL, PRIMARY KEY (a, b));
CREATE INDEX sale_customer ON sale (customer_id);
INSERT INTO customer VALUES (1, 'Žofie', 1, '2024-02-29 12:00:00'), (7, '王小明', 0, NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO sale SELECT i, CASE i % 2 WHEN 0 THEN 1 ELSE 7 END, i / 100.0, 'sale ' || i FROM n;
INSERT INTO setting VALUES ('theme', 'dark'), ('size', '12');
INSERT INTO log SELECT 'line' FROM sale LIMIT 100;
INSERT INTO part VALUES (1, 'x', 1.5), (1, 'y', -0.0);
"""


def test_database_arrives_whole_and_proved(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(SHOP), chunk_rows=500, target_schema="shop")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert pipeline.query("SELECT count(*), sum(price) FROM shop.sale") == [(5000, 125025)]
    assert pipeline.query("SELECT id, name, vip, joined::text FROM shop.customer ORDER BY id") == [
        (1, "Žofie", True, "2024-02-29 12:00:00+00"),
        (7, "王小明", False, None),
    ]
    assert pipeline.query("SELECT count(*) FROM shop.log") == [(100,)]
    with pipeline.ledger.connect() as connection:
        assert all(table.rows >= 0 and table.plan for table in read_tables(connection, run.id))


def test_new_rows_get_new_ids(pipeline: Pipeline, build: Build) -> None:
    pipeline.migrate(build(SHOP), target_schema="ids")
    assert pipeline.query("INSERT INTO ids.customer (name) VALUES ('new') RETURNING id") == [(8,)]
    assert pipeline.query("INSERT INTO ids.bare DEFAULT VALUES RETURNING id") == [(1,)]


def test_keys_and_foreign_keys_are_there(pipeline: Pipeline, build: Build) -> None:
    pipeline.migrate(build(SHOP), target_schema="keys")
    kinds = pipeline.query(
        "SELECT c.relname, contype::text FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid"
        " WHERE connamespace = 'keys'::regnamespace AND contype IN ('p', 'f') ORDER BY 1, 2"
    )
    assert kinds == [
        ("bare", "p"),
        ("customer", "p"),
        ("part", "p"),
        ("sale", "f"),
        ("sale", "p"),
        ("setting", "p"),
    ]


def test_empty_database_is_success_with_nothing_to_do(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    assert pipeline.migrate(path).phase is Phase.COMPLETED


def test_bad_utf8_is_quarantined_with_its_bytes_and_the_rest_arrives(
    pipeline: Pipeline, build: Build
) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);"
        "INSERT INTO t VALUES (1, 'good'), (2, CAST(x'62ff64' AS TEXT)), (3, 'fine');"
    )
    run = pipeline.migrate(path, target_schema="bad_utf8")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert pipeline.query("SELECT id FROM bad_utf8.t ORDER BY id") == [(1,), (3,)]
    assert pipeline.query(
        f"SELECT key, \"column\", storage_class, original FROM convoy.quarantine WHERE run_id = '{run.id}'"
    ) == [([2], "name", "text", b"b\xffd")]


def test_dry_run_writes_nothing_but_the_ledger(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(SHOP), mode=Mode.DRY_RUN, target_schema="dry")
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    schemas = pipeline.query("SELECT nspname FROM pg_namespace")
    assert not {("dry",), (run.staging_schema,)} & set(schemas)


def test_standing_table_is_refused_and_replaced_and_put_back(pipeline: Pipeline, build: Build) -> None:
    path = build(SHOP)
    first = pipeline.migrate(path, target_schema="again")
    second = pipeline.migrate(path, target_schema="again")
    assert second.phase is Phase.FAILED
    assert "--if-exists replace" in (second.error or "")
    pipeline.query("UPDATE again.customer SET name = 'changed' WHERE id = 1 RETURNING 1")
    third = pipeline.migrate(path, target_schema="again", if_exists=IfExists.REPLACE)
    assert third.phase is Phase.COMPLETED, third.error
    assert pipeline.query("SELECT name FROM again.customer WHERE id = 1") == [("Žofie",)]
    roll_back_run(pipeline.ledger, third.id)
    assert pipeline.query("SELECT name FROM again.customer WHERE id = 1") == [("changed",)]
    assert first.phase is Phase.COMPLETED


def test_missing_file_fails_with_status_2_and_leaves_nothing(pipeline: Pipeline, tmp_path: Path) -> None:
    run = pipeline.migrate(tmp_path / "nowhere.db")
    assert run.phase is Phase.FAILED
    (failed,) = [event for event in read_events(pipeline.ledger, run.id) if event.kind == "failed"]
    assert failed.data["exit_status"] == 2
    details = failed.data["error_details"]
    assert (details["code"], details["source"]) == ("source-not-found", "nowhere")
    assert (details["file"], details["exit_status"]) == (str(tmp_path / "nowhere.db"), 2)
    report = build_report(pipeline.ledger, run.id).error_details
    assert report is not None
    assert (report.code, report.run, report.file) == ("source-not-found", run.id, details["file"])


def test_unknown_table_offers_the_nearest(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(SHOP), tables=("custmer",))
    assert run.phase is Phase.FAILED
    assert "Did you mean customer" in (run.error or "")


@pytest.mark.parametrize("tables", [("sale", "customer"), ("LOG",)])
def test_only_the_named_tables_migrate(pipeline: Pipeline, build: Build, tables: tuple[str, ...]) -> None:
    schema = f"only_{len(tables)}"
    assert pipeline.migrate(build(SHOP), tables=tables, target_schema=schema).phase is Phase.COMPLETED
    there = pipeline.query(
        f"SELECT relname FROM pg_class WHERE relnamespace = '{schema}'::regnamespace AND relkind = 'r'"
    )
    assert {name for (name,) in there} == {name.lower() for name in tables}


def test_sequence_that_a_replaced_table_did_not_have_belongs_to_its_owner(
    pipeline: Pipeline, build: Build
) -> None:
    with psycopg.connect(pipeline.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE had_none (id int PRIMARY KEY)")
    source = build("CREATE TABLE had_none (id INTEGER PRIMARY KEY); INSERT INTO had_none VALUES (1)")
    run = pipeline.migrate(source, target_schema="public", if_exists=IfExists.REPLACE)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    rights = (
        "SELECT relacl::text FROM pg_class WHERE oid = pg_get_serial_sequence('had_none', 'id')::regclass"
    )
    assert pipeline.query(rights) == [(None,)]
