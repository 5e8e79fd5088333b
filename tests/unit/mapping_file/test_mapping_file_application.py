"""What a mapping file makes of a whole database, as far as no server is needed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from migration.errors import UsageError
from migration.mapping_file.mapping_file_application import apply_mapping, check_mapping
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import ColumnPlan, ObjectState, StorageClass, TablePlan
from migration.run_options import RunOptions
from migration.source.schema_reading.schema_introspection import read_schema
from tests.support.planning import planned, planned_with

INTEGER, REAL, TEXT = (
    StorageClass.INTEGER,
    StorageClass.REAL,
    StorageClass.TEXT,
)

SOURCE = """
CREATE TABLE t (
    id INTEGER PRIMARY KEY, padded INTEGER NOT NULL, blank INTEGER NOT NULL, ms INTEGER,
    moment TIMESTAMP, name VARCHAR(9), flag TEXT, mixed, dirty TEXT, made TEXT DEFAULT 'x',
    twice INT GENERATED ALWAYS AS (id * 2)
);
INSERT INTO t (id, padded, blank, ms, moment, name, flag, mixed, dirty) VALUES
    (1, char(160) || '12', '', 1700000000000, 1700000000, 'Ada', 'true', 5, 'a' || char(0)),
    (2, '13' || char(160), '5', 1600000000000, 1600000000.5, 'Bob', 'f', 'x', 'b');
CREATE TABLE pair (a INT, b TEXT, c INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TABLE child (id INTEGER PRIMARY KEY, t INT REFERENCES t (id), a INT, b TEXT, UNIQUE (a, b));
CREATE INDEX by_name ON t (name);
CREATE VIEW names AS SELECT name FROM t;
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SOURCE)
    return path


def column_of(tables: tuple[TablePlan, ...], name: str, table: str = "t") -> ColumnPlan:
    (found,) = [c for t in tables if t.name == table for c in t.columns if c.name == name]
    return found


DECISIONS = [
    ("padded", "", "text", {TEXT: "text_to_text"}),
    ("padded", 'normalise = ["trim"]', "integer", {TEXT: "text_to_int32"}),
    ("padded", 'type = "bigint"', "bigint", {TEXT: "text_to_int64"}),
    ("blank", "", "text", {INTEGER: "integer_to_text", TEXT: "text_to_text"}),
    (
        "blank",
        'normalise = ["empty_to_null"]',
        "integer",
        {INTEGER: "integer_to_int32", TEXT: "text_to_int32"},
    ),
    ("ms", 'epoch = "ms"', "timestamp with time zone", {INTEGER: "epoch_ms_to_timestamptz"}),
    ("ms", 'type = "timestamp"', "timestamp", {INTEGER: "epoch_ms_to_timestamp"}),
    ("ms", 'rules = { integer = "integer_to_text" }', "text", {INTEGER: "integer_to_text"}),
    ("ms", 'type = "smallint"', "smallint", {INTEGER: "integer_to_int16"}),
    (
        "moment",
        'epoch = "s"',
        "timestamp with time zone",
        {INTEGER: "epoch_s_to_timestamptz", REAL: "epoch_fraction_to_timestamptz"},
    ),
    ("name", 'type = "varchar(2)"', "varchar(2)", {TEXT: "text_to_text"}),
    ("flag", 'type = "boolean"', "boolean", {TEXT: "text_to_bool"}),
    ("flag", "expression = \"flag = 'true'\"", "text", {INTEGER: "integer_to_text"}),
    ("flag", 'expression = "flag = \'true\'"\ntype = "boolean"', "boolean", {INTEGER: "integer_to_bool"}),
    ("mixed", "", "text", {INTEGER: "integer_to_text", TEXT: "text_to_text"}),
    ("mixed", 'type = "bigint"', "bigint", {INTEGER: "integer_to_int64", TEXT: "text_to_int64"}),
    ("mixed", 'type = "bigint"\nrules = { text = "quarantine" }', "bigint", {INTEGER: "integer_to_int64"}),
    (
        "mixed",
        'rules = { integer = "integer_to_text", text = "quarantine" }',
        "text",
        {INTEGER: "integer_to_text"},
    ),
    ("dirty", "", "text", {TEXT: "text_strip_nul"}),
    ("dirty", 'nul = "quarantine"', "text", {TEXT: "text_to_text"}),
    ("dirty", 'nul = "strip"', "text", {TEXT: "text_to_text"}),
    ("dirty", 'nul = { replace = "?" }', "text", {TEXT: "text_to_text"}),
]


@pytest.mark.parametrize(("column", "options", "target_type", "rules"), DECISIONS)
def test_type_and_rules_of_a_column(
    source: Path, column: str, options: str, target_type: str, rules: dict[StorageClass, str]
) -> None:
    plan = column_of(planned_with(source, f"[tables.t.columns.{column}]\n{options}").tables, column)
    assert (plan.target_type, plan.rules) == (target_type, rules)


def test_type_without_values_is_kept(source: Path) -> None:
    plan = planned_with(source, 'tables.child.columns.a = { type = "real" }')
    assert column_of(plan.tables, "a", "child").rules == {REAL: "real_to_float32"}


def test_not_null_yields_where_a_normalisation_makes_nulls(source: Path) -> None:
    plan = planned_with(source, 'tables.t.columns.blank.normalise = ["empty_to_null"]')
    blank = column_of(plan.tables, "blank")
    assert not blank.not_null
    assert "NOT NULL dropped: holds 1 NULLs" in blank.reason


def test_reason_says_what_the_file_does(source: Path) -> None:
    text = "tables.t.columns.name = { expression = 'name', normalise = ['lower'], nul = 'strip', timezone = 'UTC' }"
    reason = column_of(planned_with(source, text).tables, "name").reason
    assert reason == (
        "VARCHAR(9) as declared; the value of name; normalised: lower; NUL characters: strip; times in UTC"
    )


def test_skipped_column_takes_its_index_along_and_says_so(source: Path) -> None:
    plan = planned_with(source, "tables.t.columns = { name = { skip = true }, id = { skip = true } }")
    lines = {(o.kind, o.name, o.state) for o in plan.objects if "mapping file" in o.reason}
    assert lines == {
        ("column", "t.id", ObjectState.SKIPPED),
        ("column", "t.name", ObjectState.SKIPPED),
        ("primary key", "t", ObjectState.SKIPPED),
    }
    (t,) = [table for table in plan.tables if table.name == "t"]
    assert "name" not in t.create_sql
    assert [o.reason for o in t.objects if o.kind == "index"] == ["the column name is not migrated"]
    assert not any(o.kind == "primary key" for o in t.objects)
    (child,) = [table for table in plan.tables if table.name == "child"]
    assert [o.state for o in child.objects if o.kind == "foreign key"] == [ObjectState.SKIPPED]


def test_skipped_table_is_neither_read_nor_made(source: Path) -> None:
    schema, profiles, plan = planned(source, parse_mapping("tables.T.skip = true", "m.toml"))
    assert {table.name for table in plan.tables} == {"pair", "child"} == profiles.keys()
    assert ("table", "t", "the mapping file skips it") in {(o.kind, o.name, o.reason) for o in schema.objects}
    assert {(o.kind, o.name) for o in plan.objects if "not migrated" in o.reason} == {("view", "names")}


def test_renames_reach_constraints_views_and_ddl(source: Path) -> None:
    text = "tables.t = { rename = 'People', columns.id.rename = 'Key', columns.name.rename = 'full name' }"
    plan = planned_with(source, text)
    (t,) = [table for table in plan.tables if table.name == "t"]
    assert t.target_name == "People"
    assert '"full name" varchar(9)' in t.create_sql
    sql = " ".join(o.sql for table in plan.tables for o in table.objects)
    assert 'PRIMARY KEY ("Key")' in sql
    assert 'REFERENCES {schema}."People" ("Key")' in sql
    assert 'FROM {schema}."People"' in sql
    lines = {(o.name, o.reason) for o in plan.objects if o.kind in {"table", "column"} and o.reason}
    assert ("t", "renamed to People by the mapping file") in lines


def test_default_of_the_file_replaces_or_drops_that_of_the_source(source: Path) -> None:
    for default, expected in (('"now()::text"', "now()::text"), ('""', None)):
        plan = planned_with(source, f"tables.t.columns.made.default = {default}")
        assert column_of(plan.tables, "made").default_sql == expected


def test_expression_on_a_generated_column_and_on_the_rowid_makes_plain_columns(source: Path) -> None:
    text = "tables.t.columns = { twice.expression = 'id * 3', id.expression = 'id + 100' }"
    plan = planned_with(source, text)
    assert column_of(plan.tables, "twice").generated_sql is None
    assert not column_of(plan.tables, "id").identity


def test_what_is_said_of_one_source_goes_before_what_is_said_of_all(source: Path) -> None:
    text = "tables.t.rename = 'a'\nsources.SHOP.tables.t.rename = 'b'"
    assert "b" in {table.target_name for table in planned_with(source, text).tables}
    mapping = parse_mapping(text, "m.toml")
    other = apply_mapping(read_schema(source), "other", mapping)
    assert [t.override.rename for t in other.tables if t.override] == ["a"]


def test_key_of_the_file_names_the_rows(source: Path) -> None:
    plan = planned_with(source, "tables.t.key = ['NAME', 'ms']")
    assert [table.key for table in plan.tables if table.name == "t"] == [("name", "ms")]


REFUSED = [
    ("tables.tt.skip = true", "No source has a table tt (mapping.toml, table tt). Did you mean t."),
    (
        "sources.shp.tables.t.skip = true",
        "No source has the label shp (mapping.toml, source shp, table t). Did you mean shop.",
    ),
    (
        "tables.t.columns.nam.skip = true",
        "has no column nam (mapping.toml, table t, column nam). Did you mean name.",
    ),
    (
        "tables.t.key = ['nam']",
        "key names a column nam that t does not have (mapping.toml, table t). Did you mean name.",
    ),
    (
        "tables.t = { key = ['name'], columns.name.skip = true }",
        "key names the column name, which is skipped",
    ),
    ("tables.t.key = ['mixed', 'made', 'moment', 'twice']", "The key of the mapping file names twice, but"),
    ("tables.pair.columns.a.skip = true", "WITHOUT ROWID table are found by this column"),
    ("tables.pair.columns = { a.skip = true, b.skip = true, c.skip = true }", "found by this column"),
    ("tables.t.columns.id.default = '1'", "the column's numbers come from a sequence"),
    ("tables.t.columns.twice.default = '1'", "the column is generated"),
    ("tables.t.rename = 'child'", "renames t to child, which is the name of child (source shop)"),
    ("tables = { t.rename = 'x', child.rename = 'x' }", "renames both t and child to x (source shop)"),
    ("tables.t.columns.name.rename = 'ms'", "renames name to ms, which is the name of ms (table t)"),
    ("tables.t.columns.name.rename = 'xmin'", "PostgreSQL has that name for itself"),
    ("tables.t.columns.name.expression = 'nam'", "no such column: nam (mapping.toml, table t, column name)"),
    ("tables.t.columns.name.expression = 'max(name)'", "misuse of aggregate"),
    ("tables.t.columns.name.expression = 'row_number() over ()'", "misuse of"),
    ("tables.t.columns.name.expression = 'name, 1'", "does not take the expression"),
    ("tables.t.columns.name.expression = '1) FROM t --'", "does not take the expression"),
    ("tables.t.columns.name.expression = 'random()'", "another value at each reading: random"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_mapping_that_does_not_fit_the_source_is_refused(source: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        planned_with(source, text)
    assert message in str(refused.value)


def test_table_that_is_asked_for_and_skipped_is_refused(source: Path) -> None:
    options = RunOptions(mapping=parse_mapping("tables.t.skip = true", "m.toml"), tables=("T",))
    with pytest.raises(UsageError, match="--tables asks for a table that the mapping file skips"):
        check_mapping([("shop", read_schema(source))], options)


@pytest.mark.parametrize(
    "expression", ["upper(name) -- note", "(SELECT max(id) FROM child)", "json_array(id, ms)"]
)
def test_expression_may_be_whatever_gives_one_value(source: Path, expression: str) -> None:
    profiles = planned(source, parse_mapping(f"tables.t.columns.name.expression = '{expression}'", "m"))[1]
    assert sum(profiles["t"]["name"].counts.values()) == 2
