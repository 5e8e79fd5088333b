"""What becomes of rows that point nowhere: the decision for each foreign key, and what a batch is without them."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from migration.errors import PermanentError, UsageError
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.mapping_file_model import OnOrphan, TableOverride
from migration.model import ColumnPlan, Orphans, StorageClass, TablePlan, ValueKind
from migration.schema_translation.foreign_keys import find_references
from migration.source_schema import SourceForeignKey, SourceIndex, SourceIndexColumn
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.orphan_row_policy import comparable, orphan_action, wanted_for
from migration.value_conversion.orphan_row_removal import OrphanRows
from tests.support import column_factories

LEAVE, OUT, NULL = OnOrphan.NOT_VALID, OnOrphan.QUARANTINE, OnOrphan.SET_NULL


def plan(name: str, kind: ValueKind = ValueKind.INT32, **more: object) -> ColumnPlan:
    rules = {StorageClass.INTEGER: "integer_to_int32"}
    return replace(ColumnPlan(name, name, "INTEGER", "integer", kind, rules, ""), **more)  # type: ignore[arg-type]


CHILD = column_factories.table(
    column_factories.column("id", "INTEGER", pk_position=1),
    column_factories.column("a", "INTEGER"),
    column_factories.column("b", "INTEGER"),
    name="child",
    rowid_name="id",
    rowid_alias="id",
)
PLAIN = {"id": plan("id", not_null=True, identity=True), "a": plan("a"), "b": plan("b")}
STRICT = PLAIN | {"b": plan("b", not_null=True)}
COMPUTED = PLAIN | {"b": plan("b", generated_sql="a + 1")}
KEYLESS = replace(CHILD, rowid_name=None, rowid_alias=None)


@pytest.mark.parametrize(
    ("wanted", "table", "plans", "columns", "action", "why"),
    [
        (LEAVE, CHILD, PLAIN, ("a",), LEAVE, ""),
        (LEAVE, KEYLESS, STRICT, ("b",), LEAVE, ""),
        (OUT, CHILD, PLAIN, ("a",), OUT, ""),
        (OUT, CHILD, STRICT, ("A", "B"), OUT, ""),
        (OUT, CHILD, PLAIN, ("id",), OUT, ""),
        (OUT, CHILD, COMPUTED, ("b",), LEAVE, "PostgreSQL computes b"),
        (OUT, KEYLESS, PLAIN, ("a",), LEAVE, "no key by which they could be found"),
        (OUT, replace(KEYLESS, without_rowid=True), PLAIN, ("a",), OUT, ""),
        (NULL, CHILD, PLAIN, ("a",), NULL, ""),
        (NULL, CHILD, PLAIN, ("a", "b"), NULL, ""),
        (NULL, CHILD, STRICT, ("a",), NULL, ""),
        (NULL, CHILD, STRICT, ("a", "b"), LEAVE, "b is NOT NULL"),
        (NULL, CHILD, PLAIN, ("a", "id"), LEAVE, "id is part of the primary key"),
        (NULL, CHILD, COMPUTED, ("b",), LEAVE, "PostgreSQL computes b"),
        (NULL, KEYLESS, PLAIN, ("a",), LEAVE, "no key by which they could be found"),
    ],
)
def test_action_of_a_foreign_key(
    wanted: OnOrphan,
    table: column_factories.SourceTable,
    plans: dict[str, ColumnPlan],
    columns: tuple[str, ...],
    action: OnOrphan,
    why: str,
) -> None:
    parents = [plan("p", ValueKind.INT64)] * len(columns)
    decided, refusal = orphan_action(table, plans, columns, parents, wanted)
    assert decided is action
    assert refusal.startswith(f"{wanted} is not possible here: ") if why else not refusal
    assert why in refusal


def test_types_that_are_not_compared_leave_the_rows() -> None:
    days = [plan("p", ValueKind.DATE, target_type="date")]
    action, refusal = orphan_action(CHILD, PLAIN, ("a",), days, OUT)
    assert (action, refusal) == (LEAVE, "quarantine is not possible here: integer is not compared with date")


@pytest.mark.parametrize(
    ("asked", "of_the_run", "wanted"), [(None, OUT, OUT), (LEAVE, OUT, LEAVE), (NULL, LEAVE, NULL)]
)
def test_mapping_file_goes_before_the_option(
    asked: OnOrphan | None, of_the_run: OnOrphan, wanted: OnOrphan
) -> None:
    table = replace(CHILD, override=TableOverride("child", on_orphan=asked))
    assert wanted_for(table, of_the_run) is wanted


@pytest.mark.parametrize(
    ("child", "parent", "taken"),
    [
        (ValueKind.INT16, ValueKind.INT64, True),
        (ValueKind.INT64, ValueKind.INT16, True),
        (ValueKind.INT32, ValueKind.NUMERIC, True),
        (ValueKind.INT32, ValueKind.FLOAT64, True),
        (ValueKind.NUMERIC, ValueKind.INT32, False),
        (ValueKind.NUMERIC, ValueKind.FLOAT64, True),
        (ValueKind.FLOAT64, ValueKind.NUMERIC, False),
        (ValueKind.FLOAT64, ValueKind.INT32, False),
        (ValueKind.FLOAT32, ValueKind.FLOAT64, True),
        (ValueKind.TEXT, ValueKind.TEXT, True),
        (ValueKind.TEXT, ValueKind.INT32, False),
        (ValueKind.INT32, ValueKind.TEXT, False),
        (ValueKind.BYTES, ValueKind.BYTES, True),
        (ValueKind.DATE, ValueKind.TIMESTAMPTZ, False),
    ],
)
def test_types_that_a_foreign_key_may_join(child: ValueKind, parent: ValueKind, taken: bool) -> None:
    assert comparable(plan("c", child), plan("p", parent)) is taken


PARENT = column_factories.table(
    column_factories.column("id", "INTEGER", pk_position=1),
    column_factories.column("code", "INTEGER"),
    column_factories.column("loose", "INTEGER"),
    name="Parent",
    rowid_name="id",
    indexes=(SourceIndex("u", True, "u", (SourceIndexColumn("code"),)),),
)


@pytest.mark.parametrize(
    ("key", "found"),
    [
        (SourceForeignKey(("A",), "PARENT"), ("id",)),
        (SourceForeignKey(("a",), "parent", ("CODE",)), ("code",)),
        (SourceForeignKey(("a",), "parent", ("loose",)), None),
        (SourceForeignKey(("a",), "parent", ("missing",)), None),
        (SourceForeignKey(("a", "b"), "parent", ("id",)), None),
        (SourceForeignKey(("a",), "nowhere", ("id",)), None),
        (SourceForeignKey(("a",), "child", ("id",)), ("id",)),
    ],
)
def test_foreign_keys_that_are_looked_at(key: SourceForeignKey, found: tuple[str, ...] | None) -> None:
    declared = [replace(CHILD, foreign_keys=(key,)), PARENT]
    plans = {
        "child": TablePlan("s", "child", "public", "child", tuple(PLAIN.values()), ""),
        "Parent": TablePlan("s", "Parent", "public", "parent", (plan("id"), plan("code"), plan("loose")), ""),
    }
    references = find_references(declared, plans, OUT)
    assert [r.parent_columns for r in references] == ([] if found is None else [found])
    assert all((r.child, r.columns, r.action) == ("child", ("a",), OUT) for r in references)
    assert find_references(declared[:1], {"child": plans["child"]}, OUT) == [
        r for r in references if r.parent == "child"
    ]


COLUMNS = (plan("a"), plan("b"))


def test_batch_without_the_rows_that_leave() -> None:
    marked = Orphans(("a", "b"), "parent", OUT, ((2,), (4,)))
    raw = column_factories.raw(a=[1, 2, None, 4], b=[10, 20, 30, 40])
    orphans = OrphanRows(CHILD, [marked])
    converted = Converter(COLUMNS, Context()).convert(raw, orphans)
    orphans.check()
    assert converted.batch.to_pydict() == {"a": [1, None], "b": [10, 30]}
    assert (converted.rows_rejected, converted.rejections) == (2, ())
    assert converted.kept == pa.array([True, False, True, False])
    assert [(r.key, r.column, r.storage_class, r.original, r.reason) for r in converted.orphans] == [
        ((2,), "a", "integer", b"2", "no parent row in parent has this key"),
        ((2,), "b", "integer", b"20", "no parent row in parent has this key"),
        ((4,), "a", "integer", b"4", "no parent row in parent has this key"),
        ((4,), "b", "integer", b"40", "no parent row in parent has this key"),
    ]


def test_batch_without_the_references() -> None:
    marked = [Orphans(("a",), "parent", NULL, ((2,),)), Orphans(("b",), "other", NULL, ((2,), (3,)))]
    raw = column_factories.raw(a=[1, 2, 3], b=[10, 20, 30])
    orphans = OrphanRows(CHILD, marked)
    converted = Converter(COLUMNS, Context()).convert(raw, orphans)
    orphans.check()
    assert converted.batch.to_pydict() == {"a": [1, None, 3], "b": [10, None, None]}
    assert (converted.rows_rejected, converted.orphans, converted.kept) == (0, (), None)
    assert converted.transforms == {("a", "orphan_to_null"): 1, ("b", "orphan_to_null"): 2}


def test_reference_of_a_row_that_leaves_for_another_value_is_not_counted() -> None:
    raw = column_factories.raw(a=[1, 2], b=[10, 2**40])
    converted = Converter(COLUMNS, Context()).convert(
        raw, OrphanRows(CHILD, [Orphans(("a",), "parent", NULL, ((1,), (2,)))])
    )
    assert converted.batch.to_pydict() == {"a": [None], "b": [10]}
    assert converted.transforms == {("a", "orphan_to_null"): 1}


def test_rows_without_rowid_go_by_their_key_as_text_and_no_key_may_name_two() -> None:
    table = replace(KEYLESS, without_rowid=True)
    keys = (pa.array(["1", "1", "2\0"]),)
    raw = replace(column_factories.raw(a=[1, 1, 2], b=[1, 2, 3]), keys=keys)
    orphans = OrphanRows(table, [Orphans(("a",), "parent", OUT, (("2\\x00",),))])
    assert Converter(COLUMNS, Context()).convert(raw, orphans).batch.num_rows == 2
    orphans.check()
    doubtful = OrphanRows(table, [Orphans(("a",), "parent", OUT, (("1",),))])
    Converter(COLUMNS, Context()).convert(raw, doubtful)
    with pytest.raises(PermanentError, match="2 were found by their keys"):
        doubtful.check()


def test_option_of_a_table_is_read_and_a_wrong_word_refused() -> None:
    (table,) = parse_mapping('[sources.s.tables.t]\non_orphan = "set-null"', "m.toml").tables
    assert (table.source, table.on_orphan) == ("s", NULL)
    with pytest.raises(UsageError, match=r"on_orphan does not know 'null'.*m.toml, table t"):
        parse_mapping('[tables.t]\non_orphan = "null"', "m.toml")
