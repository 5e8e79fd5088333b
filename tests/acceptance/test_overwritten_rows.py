"""--if-exists merge: which rows are one to the target, which are equal, and what is not written over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migration.mapping_file_model import OnConflict
from migration.model import Mode, Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct
from tests.support.merged_tables import make, merge

Build = Callable[[str], Path]

CODES = (
    "CREATE TABLE up (id INTEGER PRIMARY KEY, code TEXT UNIQUE); INSERT INTO up VALUES (1, 'y'), (2, 'z');"
)
ACTIONS = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.MIGRATE])
def test_rows_of_others_that_refer_to_a_value_keep_it(
    direct: Direct, build: Build, action: str, mode: Mode
) -> None:
    schema = f"mg_refer_{mode.value}_{action}".lower().replace(" ", "_").replace("-", "_")
    script = (
        "CREATE TABLE up (id int PRIMARY KEY, code text UNIQUE); INSERT INTO up VALUES (1, 'x'), (2, 'z');"
        f"CREATE TABLE uc (id int, code text REFERENCES up (code) ON UPDATE {action}); INSERT INTO uc VALUES (1, 'x')"
    )
    make(direct, schema, script)
    source = build(CODES)
    run = merge(direct, source, schema, on_conflict=OnConflict.SOURCE, mode=mode)
    assert run.phase is Phase.FAILED
    assert f"{schema}.uc (code): 1 rows, foreign key uc_code_fkey" in (run.error or "")
    assert direct.query(f"SELECT * FROM {schema}.uc") == [(1, "x")]
    if mode is Mode.MIGRATE:
        direct.query(f"DELETE FROM {schema}.uc")
        run = merge(direct, source, schema, on_conflict=OnConflict.SOURCE)
        assert (run.phase, run.error) == (Phase.COMPLETED, None)


def test_values_that_change_places_are_refused_with_the_key_that_is_in_the_way(
    direct: Direct, build: Build
) -> None:
    table = "CREATE TABLE sw (id int PRIMARY KEY, n text UNIQUE);"
    make(direct, "mg_swap", table + "INSERT INTO sw VALUES (1, 'a'), (2, 'b')")
    source = build(
        "CREATE TABLE sw (id INTEGER PRIMARY KEY, n TEXT); INSERT INTO sw VALUES (1, 'b'), (2, 'a')"
    )
    run = merge(direct, source, "mg_swap", on_conflict=OnConflict.SOURCE)
    assert "cannot be written over those that stand in sw: duplicate key value violates" in (run.error or "")
    error = build_report(direct.ledger, run.id).error_details
    assert error is not None
    assert (error.code, error.exit_status, error.details) == (
        "rows-conflict",
        2,
        "Key (n)=(b) already exists.",
    )
    direct.query("ALTER TABLE mg_swap.sw DROP CONSTRAINT sw_n_key, ADD UNIQUE (n) DEFERRABLE")
    run = merge(direct, source, "mg_swap", on_conflict=OnConflict.SOURCE)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert direct.query("SELECT * FROM mg_swap.sw ORDER BY 1") == [(1, "b"), (2, "a")]


# Two spellings of one key, to the type of the target.
SPANS = "CREATE TABLE cx (k interval PRIMARY KEY, n int); INSERT INTO cx VALUES ('1 day', 1);"


@pytest.mark.parametrize("on_conflict", list(OnConflict))
def test_keys_that_the_target_takes_for_one(direct: Direct, build: Build, on_conflict: OnConflict) -> None:
    schema = f"mg_span_{on_conflict.value}"
    make(direct, schema, SPANS)
    source = build(
        "CREATE TABLE cx (k TEXT PRIMARY KEY, n INTEGER); INSERT INTO cx VALUES ('24:00:00', 3), ('2 days', 2)"
    )
    run = merge(direct, source, schema, on_conflict=on_conflict)
    rows = direct.query(f"SELECT k::text, n FROM {schema}.cx ORDER BY 2")
    expected = {
        OnConflict.ABORT: (Phase.FAILED, [("1 day", 1)]),
        OnConflict.SOURCE: (Phase.COMPLETED, [("2 days", 2), ("24:00:00", 3)]),
        OnConflict.TARGET: (Phase.COMPLETED_WITH_FINDINGS, [("1 day", 1), ("2 days", 2)]),
    }
    assert (run.phase, rows) == expected[on_conflict], run.error


@pytest.mark.parametrize("on_conflict", list(OnConflict))
def test_two_rows_of_the_source_that_are_one_to_the_target_stop_everything(
    direct: Direct, build: Build, on_conflict: OnConflict
) -> None:
    schema = f"mg_two_{on_conflict.value}"
    make(direct, schema, SPANS)
    source = build(
        "CREATE TABLE cx (k TEXT PRIMARY KEY, n INTEGER); INSERT INTO cx VALUES ('24:00:00', 1), ('1 day', 1)"
    )
    run = merge(direct, source, schema, on_conflict=on_conflict)
    assert "cx takes the keys of 1 rows of the source for those of others: k" in (run.error or "")
    assert direct.query(f"SELECT k::text, n FROM {schema}.cx") == [("1 day", 1)]


@pytest.mark.parametrize(
    ("source", "target", "is_equal"),
    [
        ('{"a": 1}', '{ "a":1.0 }', True),
        ('{"a": 1, "a": 2}', '{"a": 2}', False),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}', True),
        ('{"a": "x:y", "b": "\\":"}', '{"b": "\\":", "a": "x:y"}', True),
        ('{"a": -0.0}', '{"a": 0.0}', False),
    ],
)
def test_documents_are_equal_where_nothing_is_lost(
    direct: Direct, build: Build, source: str, target: str, is_equal: bool
) -> None:
    schema = f"mg_json_{abs(hash((source, target)))}"
    make(
        direct, schema, f"CREATE TABLE jj (id int PRIMARY KEY, v json); INSERT INTO jj VALUES (1, '{target}')"
    )
    path = build(f"CREATE TABLE jj (id INTEGER PRIMARY KEY, v JSON); INSERT INTO jj VALUES (1, '{source}')")
    run = merge(direct, path, schema)
    assert (run.phase is Phase.COMPLETED) == is_equal, run.error
