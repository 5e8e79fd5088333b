"""Values that cannot be stored: kept apart, or the end of the run; listed, handed out, and stored after all."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.errors import PermanentError, UsageError
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.mapping_file_model import MappingFile
from migration.model import Mode, OnError, Phase
from migration.report.report_builder import build_report
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
from migration.steps.run_rollback import roll_back_run

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

Build = Callable[[str], Path]

THREE_NAMES = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY);"
    "INSERT INTO other VALUES (1);"
    "INSERT INTO t VALUES (1, 'good'), (2, CAST(x'62ff64' AS TEXT)), (3, 'fine');"
)


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_abort_stops_at_the_first_value_and_names_it(pipeline: Pipeline, build: Build, mode: Mode) -> None:
    run = pipeline.migrate(build(THREE_NAMES), mode=mode, target_schema="aborted", on_error=OnError.ABORT)
    assert run.phase is Phase.FAILED
    assert "A value cannot be stored: " in (run.error or "")
    assert "(table t, key 2, column name)" in (run.error or "")
    assert pipeline.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'aborted'") == [(0,)]
    assert pipeline.query(f"SELECT count(*) FROM convoy.quarantine WHERE run_id = '{run.id}'") == [(0,)]
    (status,) = pipeline.query(
        f"SELECT data->>'exit_status' FROM convoy.events WHERE run_id = '{run.id}' AND kind = 'failed'"
    )
    assert status == ("3",)
    error = build_report(pipeline.ledger, run.id).error_details
    assert error is not None
    assert (error.code, error.table, error.key, error.column) == ("value-rejected", "t", "2", "name")


def test_abort_changes_nothing_where_all_values_can_be_stored(pipeline: Pipeline, build: Build) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 2), (2, NULL);")
    run = pipeline.migrate(path, target_schema="no_abort", on_error=OnError.ABORT)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)


def test_table_whose_every_row_is_rejected_is_quarantined_whole(pipeline: Pipeline, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        "INSERT INTO t SELECT i, CAST(x'ff' || i AS TEXT), CAST(x'fe' || i AS TEXT) FROM n;"
    )
    run = pipeline.migrate(path, target_schema="all_out")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert pipeline.query("SELECT count(*) FROM all_out.t") == [(0,)]
    assert pipeline.query(
        "SELECT count(*), count(DISTINCT key), min(octet_length(original))"
        f" FROM convoy.quarantine WHERE run_id = '{run.id}'"
    ) == [(10_000, 5_000, 2)]


WORDS = """
CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE t (
    id INTEGER PRIMARY KEY, name TEXT, n NUMERIC, at TIMESTAMP, day DATE, j JSON, b BLOB, f DOUBLE, vip BOOLEAN,
    parent_id INTEGER REFERENCES parent (id)
);
CREATE UNIQUE INDEX t_name ON t (name);
INSERT INTO parent VALUES (1, 'one'), (2, CAST(x'74ff' AS TEXT));
INSERT INTO t VALUES
    (1, 'good', 1.50, '2024-02-29 12:00:00.123456', '0001-01-01', '{"b": 1, "a": [2]}', x'00ff', -0.0, 1, 1),
    (2, CAST(x'62ff64' AS TEXT), 12345678901234567, '1969-12-31 23:59:59.5', '9999-12-31', 'null', x'', 1e308, 0, 2),
    (3, CAST(x'ff' AS TEXT), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1);
"""


def mapping(text: str) -> MappingFile:
    return parse_mapping(text, "test.toml")


def in_quarantine(pipeline: Pipeline, run_id: str) -> list[tuple[Any, ...]]:
    return pipeline.query(
        'SELECT t.name, q.key, q."column", q.reason FROM convoy.quarantine q'
        f" JOIN convoy.tables t ON t.id = q.table_id WHERE q.run_id = '{run_id}' ORDER BY t.id, q.key"
    )


def test_retry_by_the_same_rules_stores_nothing_and_says_why(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(THREE_NAMES), target_schema="same_rules")
    before = in_quarantine(pipeline, run.id)
    result = retry_quarantine(pipeline.ledger, run.id)
    assert (result.stored, result.remaining, result.phase) == (0, 1, Phase.COMPLETED_WITH_FINDINGS)
    assert dict(result.tables[0].reasons) == {before[0][3]: 1}
    assert in_quarantine(pipeline, run.id) == before


def test_retry_with_a_mapping_stores_the_rows_and_completes_the_run(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(WORDS), target_schema="by_mapping", chunk_rows=1)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert [entry[:3] for entry in in_quarantine(pipeline, run.id)] == [
        ("parent", [2], "name"),
        ("t", [2], "name"),
        ("t", [3], "name"),
    ]
    rules = mapping(
        """
        [tables.parent.columns.name]
        expression = "CASE WHEN id = 2 THEN 'two' ELSE name END"
        [tables.t.columns.name]
        expression = "CASE WHEN id IN (2, 3) THEN 'name ' || id ELSE name END"
        """
    )
    result = retry_quarantine(pipeline.ledger, run.id, rules)
    assert (result.stored, result.remaining, result.phase) == (3, 0, Phase.COMPLETED)
    assert pipeline.query(
        "SELECT id, name, n, at::text, day::text, j, b, f, vip FROM by_mapping.t ORDER BY id"
    )[1:] == [
        (
            2,
            "name 2",
            Decimal(12345678901234567),
            "1969-12-31 23:59:59.5+00",
            "9999-12-31",
            None,
            b"",
            1e308,
            False,
        ),
        (3, "name 3", None, None, None, None, None, None, None),
    ]
    assert in_quarantine(pipeline, run.id) == []
    report = build_report(pipeline.ledger, run.id)
    assert (report.exit_status, report.status, report.quarantine.total) == (0, Phase.COMPLETED, 0)
    assert all(table.equal and table.rows_loaded == table.rows_source for table in report.tables)
    assert pipeline.query("INSERT INTO by_mapping.t (name) VALUES ('next') RETURNING id") == [(4,)]
    roll_back_run(pipeline.ledger, run.id, force=True)
    assert pipeline.query("SELECT to_regclass('by_mapping.t')") == [(None,)]


def test_rows_that_a_constraint_refuses_stay_with_its_reason(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(WORDS), target_schema="refused")
    rules = mapping(
        """
        [tables.parent.columns.name]
        expression = "CASE WHEN id = 2 THEN 'two' ELSE name END"
        [tables.t.columns.name]
        expression = "CASE WHEN id = 3 THEN 'good' WHEN id = 2 THEN 'other' ELSE name END"
        """
    )
    result = retry_quarantine(pipeline.ledger, run.id, rules)
    assert (result.stored, result.remaining, result.phase) == (2, 1, Phase.COMPLETED_WITH_FINDINGS)
    ((table, key, column, reason),) = in_quarantine(pipeline, run.id)
    assert (table, key, column) == ("t", [3], "name")
    assert "t_name" in reason
    assert pipeline.query("SELECT id, name FROM refused.t ORDER BY id") == [(1, "good"), (2, "other")]
    again = retry_quarantine(
        pipeline.ledger, run.id, mapping("[tables.t.columns.name]\nexpression = \"name || id || 'x'\"")
    )
    assert again.remaining == 1  # the bytes are still not UTF-8
    last = mapping("[tables.t.columns.name]\nexpression = \"'n' || id\"")
    assert retry_quarantine(pipeline.ledger, run.id, last).remaining == 0
    report = build_report(pipeline.ledger, run.id)
    assert (report.status, report.tables[1].rows_loaded) == (Phase.COMPLETED, 3)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ('[tables.t.columns.name]\ntype = "integer"', r"need the type integer.*stands there as text"),
        ('[tables.t.columns.name]\nrename = "title"', r"renames the column to title"),
        ("[tables.t.columns.name]\nskip = true", r"adds or leaves out the column name"),
        ("[tables.t]\nskip = true", r"skips a table that has rows in quarantine"),
        ("[tables.u]\nskip = true", r"No source has a table u"),
    ],
)
def test_retry_that_would_need_another_table_says_so(
    pipeline: Pipeline, build: Build, rules: str, sentence: str, request: pytest.FixtureRequest
) -> None:
    schema = f"shape_{abs(hash(request.node.name)) % 10**8}"
    run = pipeline.migrate(build(THREE_NAMES), target_schema=schema)
    with pytest.raises(UsageError, match=sentence):
        retry_quarantine(pipeline.ledger, run.id, mapping(rules))
    assert len(in_quarantine(pipeline, run.id)) == 1


def test_retry_proves_the_rows_alone_where_the_table_has_been_written_to(
    pipeline: Pipeline, build: Build
) -> None:
    run = pipeline.migrate(
        build(THREE_NAMES + "INSERT INTO t VALUES (4, CAST(x'ff' AS TEXT)), (5, CAST(x'fe' AS TEXT));"),
        target_schema="written",
    )
    pipeline.query("INSERT INTO written.t VALUES (77, 'of the application'), (4, 'mine') RETURNING 1")
    pipeline.query("UPDATE written.t SET name = 'changed' WHERE id = 1 RETURNING 1")
    rules = mapping("[tables.t.columns.name]\nexpression = \"'n' || id\"")
    result = retry_quarantine(pipeline.ledger, run.id, rules)
    (table,) = result.tables
    assert (table.stored, table.remaining, table.written_since) == (2, 1, True)
    assert 'unique constraint "t_pkey"' in next(iter(table.reasons))
    assert pipeline.query("SELECT id, name FROM written.t ORDER BY id") == [
        (1, "changed"), (2, "n2"), (3, "fine"), (4, "mine"), (5, "n5"), (77, "of the application")
    ]  # fmt: skip
    assert [entry[1] for entry in in_quarantine(pipeline, run.id)] == [[4]]
    report = build_report(pipeline.ledger, run.id)
    assert report.tables[0].equal
    (line,) = [item for item in report.objects if (item.kind, item.name) == ("table", "t")]
    assert "proved by themselves" in line.reason


def test_retry_changes_nothing_where_a_trigger_changes_the_rows(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(THREE_NAMES), target_schema="meddled")
    with psycopg.connect(pipeline.url) as connection:
        connection.execute(
            "CREATE FUNCTION meddled.meddle() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN NEW.name := 'meddled'; RETURN NEW; END$$"
        )
        connection.execute(
            "CREATE TRIGGER m BEFORE INSERT ON meddled.t FOR EACH ROW EXECUTE FUNCTION meddled.meddle()"
        )
    rules = mapping("[tables.t.columns.name]\nexpression = \"'n' || id\"")
    with pytest.raises(PermanentError, match="would not be those of the source"):
        retry_quarantine(pipeline.ledger, run.id, rules)
    assert pipeline.query("SELECT id FROM meddled.t ORDER BY id") == [(1,), (3,)]
    assert len(in_quarantine(pipeline, run.id)) == 1


def test_retry_finds_a_table_that_was_renamed_and_moved(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(THREE_NAMES), target_schema="moved")
    with psycopg.connect(pipeline.url) as connection:
        connection.execute("CREATE SCHEMA elsewhere")
        connection.execute("ALTER TABLE moved.t RENAME TO people")
        connection.execute("ALTER TABLE moved.people SET SCHEMA elsewhere")
    rules = mapping("[tables.t.columns.name]\nexpression = \"'n' || id\"")
    assert retry_quarantine(pipeline.ledger, run.id, rules).stored == 1
    assert pipeline.query("SELECT name FROM elsewhere.people WHERE id = 2") == [("n2",)]


def test_rows_of_tables_without_rowid_and_without_key_are_found_again(
    pipeline: Pipeline, build: Build
) -> None:
    run = pipeline.migrate(
        build(
            "CREATE TABLE w (a TEXT, b BLOB, name TEXT, PRIMARY KEY (a, b)) WITHOUT ROWID;"
            "CREATE TABLE heap (name TEXT);"
            "CREATE TABLE hidden (rowid TEXT, _rowid_ TEXT, oid TEXT);"
            "INSERT INTO w VALUES ('k', x'01', 'fine'), ('k', x'02', CAST(x'ff' AS TEXT)),"
            " ('nul' || char(0), x'', CAST(x'fe' AS TEXT));"
            "INSERT INTO heap VALUES ('fine'), (CAST(x'fd' AS TEXT)), ('fine');"
            "INSERT INTO hidden VALUES ('a', 'b', CAST(x'fc' AS TEXT));"
        ),
        target_schema="odd_keys",
    )
    rules = mapping(
        """
        [tables.w.columns.name]
        expression = "hex(name)"
        [tables.heap.columns.name]
        expression = "CASE WHEN name = 'fine' THEN name ELSE 'healed' END"
        """
    )
    retry_quarantine(pipeline.ledger, run.id)
    assert len(in_quarantine(pipeline, run.id)) == 4  # no entry is lost or doubled
    result = retry_quarantine(pipeline.ledger, run.id, rules)
    found = {table.name: (table.stored, table.remaining) for table in result.tables}
    assert found == {"w": (2, 0), "heap": (1, 0), "hidden": (0, 1)}
    assert pipeline.query("SELECT name FROM odd_keys.w ORDER BY name") == [("FE",), ("FF",), ("fine",)]
    assert pipeline.query("SELECT count(*) FROM odd_keys.heap WHERE name = 'healed'") == [(1,)]
    hidden = next(table for table in result.tables if table.name == "hidden")
    assert list(hidden.reasons) == ["the row has no key by which it could be found again"]


def test_a_dry_run_and_a_failed_run_have_nothing_to_retry(pipeline: Pipeline, build: Build) -> None:
    run = pipeline.migrate(build(THREE_NAMES), mode=Mode.DRY_RUN)
    with pytest.raises(UsageError, match="only a completed migration"):
        retry_quarantine(pipeline.ledger, run.id)


def test_many_rejected_rows_are_retried_in_bounded_memory(pipeline: Pipeline, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)"
        "INSERT INTO t SELECT i, CAST(x'ff' || printf('%02000d', i) AS TEXT) FROM n;"
    )
    run = pipeline.migrate(path, target_schema="many_out")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    rules = mapping("[tables.t.columns.name]\nexpression = \"'n' || id\"")
    tracemalloc.start()
    try:
        result = retry_quarantine(pipeline.ledger, run.id, rules)
        assert tracemalloc.get_traced_memory()[1] < 15 << 20
    finally:
        tracemalloc.stop()
    assert (result.stored, result.remaining, result.phase) == (10_000, 0, Phase.COMPLETED)
    assert pipeline.query("SELECT count(*), max(name) FROM many_out.t") == [(10_000, "n9999")]
