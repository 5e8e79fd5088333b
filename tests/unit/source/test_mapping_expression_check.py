from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import SourceCorruptError, SourceError
from migration.mapping_file.mapping_file_application import apply_mapping
from migration.mapping_file.mapping_file_reader import read_mapping
from migration.model import KeyRange, StorageClass
from migration.source.row_reading import mapping_expression_check
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.mapping_expression_check import check_expressions
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.source_budget import SourceBudget
from migration.source_form_errors import SourceTooLargeError, SourceTooSlowError
from migration.source_schema import SourceSchema, SourceTable
from migration.value_conversion.batch_conversion import Context

SOURCE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT);
INSERT INTO t VALUES (1, 1, 'x'), (2, 2, 'y'), (3, 3, 'z'), (4, 4, NULL), (5, 5, '{"k": 1}');
CREATE TABLE w (k TEXT PRIMARY KEY, v INT) WITHOUT ROWID;
INSERT INTO w VALUES ('one', 1), ('two', 2);
"""
EVERY_CLASS = "CASE id WHEN 1 THEN 7 WHEN 2 THEN 2.5 WHEN 3 THEN 'text' WHEN 4 THEN x'ff' END"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)
    return path


def schema_with(path: Path, column: str, expression: str, name: str = "t") -> SourceSchema:
    document = {"tables": {name: {"columns": {column: {"expression": expression}}}}}
    return apply_mapping(read_schema(path), "s", read_mapping(document, "m.toml"))


def table_with(path: Path, column: str, expression: str, name: str = "t") -> SourceTable:
    schema = schema_with(path, column, expression, name)
    return next(table for table in schema.tables if table.name == name)


def test_values_of_an_expression_come_in_the_slots_of_their_own_classes(path: Path) -> None:
    table = table_with(path, "a", EVERY_CLASS)
    with SnapshotReader(path) as reader:
        profile = profile_range(reader, table, KeyRange(), Context())["a"]
        (batch,) = reader.batches(table, {"a": profile.classes}, KeyRange(), 10)
    assert profile.counts == dict.fromkeys(StorageClass, 1)
    assert {c: values.to_pylist() for c, values in batch.slots["a"].items()} == {
        StorageClass.INTEGER: [7, None, None, None, None],
        StorageClass.REAL: [None, 2.5, None, None, None],
        StorageClass.TEXT: [None, None, "text", None, None],
        StorageClass.BLOB: [None, None, None, b"\xff", None],
    }


def test_expression_in_the_place_of_the_key_leaves_the_key_alone(path: Path) -> None:
    table = table_with(path, "id", "id * 100")
    with SnapshotReader(path) as reader:
        key_range = KeyRange(("id",), ("1",), ("3",))
        (batch,) = reader.batches(table, {"id": (StorageClass.INTEGER,)}, key_range, 10)
    assert batch.keys[0].to_pylist() == [2, 3]
    assert batch.slots["id"][StorageClass.INTEGER].to_pylist() == [200, 300]


def test_expression_in_a_table_without_rowid(path: Path) -> None:
    table = table_with(path, "k", "upper(k) || v -- a comment", "w")
    with SnapshotReader(path) as reader:
        (batch,) = reader.batches(table, {"k": (StorageClass.TEXT,)}, KeyRange(), 10)
    assert batch.keys[0].to_pylist() == ["one", "two"]
    assert batch.slots["k"][StorageClass.TEXT].to_pylist() == ["ONE1", "TWO2"]


def test_expression_that_fails_on_a_row_says_what_to_do(path: Path) -> None:
    table = table_with(path, "b", "json_extract(b, '$.k')")
    with SnapshotReader(path) as reader, pytest.raises(SourceCorruptError, match="guard it with CASE"):
        profile_range(reader, table, KeyRange(), Context())


SMALL = SourceBudget(seconds=2, computed_bytes=1 << 20)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("hex(zeroblob(450000000))", SourceTooLargeError),
        ("CASE WHEN id = 5 THEN zeroblob(2000000) END", SourceTooLargeError),
        ("length(replace(hex(zeroblob(20000000)), '0', 'xxxxxxxx'))", SourceTooLargeError),
        ("printf('%600000d', id)", SourceTooLargeError),
        (
            "(WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c WHERE x < 0)",
            SourceTooSlowError,
        ),
    ],
)
def test_an_expression_that_computes_more_than_the_budget_is_refused_by_name(
    path: Path, expression: str, kind: type[SourceError]
) -> None:
    with pytest.raises(kind, match=r"mapping") as refused:
        check_expressions(path, schema_with(path, "a", expression), "m.toml", SMALL)
    assert (refused.value.place["table"], refused.value.place["column"]) == ("t", "a")
    assert "m.toml" in str(refused.value)
    assert "expression" in str(refused.value)


@pytest.mark.parametrize(
    "expression",
    ["id + 1000000", "CASE a WHEN 'yes' THEN 1 ELSE 0 END", "coalesce(lower(b), substr(a, 1, 3))", "date(a)"],
)
def test_what_gives_no_more_than_its_row_costs_no_reading(
    path: Path, expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(mapping_expression_check, "try_each", lambda computed, *_: tried.extend(computed))
    check_expressions(path, schema_with(path, "a", expression), "m.toml", SMALL)
    assert tried == []


@pytest.mark.parametrize(
    "expression", ["replace(b, 'x', 'y') || a", "upper(hex(a)) -- a comment", "a IN (SELECT v FROM w)"]
)
def test_an_honest_expression_of_any_function_is_tried_and_taken(path: Path, expression: str) -> None:
    check_expressions(path, schema_with(path, "a", expression), "m.toml", SMALL)
