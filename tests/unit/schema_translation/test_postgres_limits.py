"""Where the server is asked: wherever something may be too large for it, and nowhere else."""

from __future__ import annotations

import pytest

from migration.model import ColumnPlan, ColumnProfile, TablePlan, TargetObject, ValueKind
from migration.schema_translation.postgres_limits import entries_at_risk, may_refuse_entries, may_refuse_rows


def table(columns: int, kind: ValueKind, longest_bytes: int) -> tuple[TablePlan, dict[str, ColumnProfile]]:
    names = [f"c{number}" for number in range(columns)]
    plans = tuple(ColumnPlan(name, name, "", "text", kind, {}, "") for name in names)
    profiles = dict.fromkeys(names, ColumnProfile(longest_bytes=longest_bytes))
    return TablePlan("app", "t", "s", "t", plans, ""), profiles


@pytest.mark.parametrize(
    ("columns", "kind", "longest_bytes", "asked"),
    [
        (10, ValueKind.TEXT, 10_000_000, False),
        (300, ValueKind.TEXT, 1_000, False),
        (400, ValueKind.TEXT, 1_000, True),
        (400, ValueKind.TEXT, 3, False),
        (400, ValueKind.NUMERIC, 0, True),
        (500, ValueKind.INT64, 0, False),
        (600, ValueKind.INT64, 0, True),
        (1, ValueKind.JSON, 40 << 20, True),
        (1, ValueKind.TEXT, 40 << 20, False),
        (3, ValueKind.BYTES, 100 << 20, True),
    ],
)
def test_rows_are_asked_about_where_they_may_be_too_large(
    columns: int, kind: ValueKind, longest_bytes: int, asked: bool
) -> None:
    assert may_refuse_rows(*table(columns, kind, longest_bytes)) is asked


@pytest.mark.parametrize(
    ("longest_bytes", "asked"), [(100, False), (1_300, False), (1_400, True), (9_000, True)]
)
def test_entries_of_an_index_are_asked_about_by_the_columns_that_it_names(
    longest_bytes: int, asked: bool
) -> None:
    plan, profiles = table(2, ValueKind.TEXT, 0)
    profiles["c1"] = ColumnProfile(longest_bytes=longest_bytes)
    assert may_refuse_entries(plan.columns, profiles, '("c1")') is asked
    assert may_refuse_entries(plan.columns, profiles, '("c0")') is False
    assert may_refuse_entries(plan.columns, profiles) is asked


def test_only_keys_and_indexes_are_at_risk() -> None:
    plan, profiles = table(1, ValueKind.TEXT, 9_000)
    items = [
        TargetObject(kind, f"of {kind}", "t", 1, '("c0")')
        for kind in ("primary key", "unique constraint", "index", "check", "comment", "foreign key")
    ]
    items.append(TargetObject("index", "skipped", "t", 1, ""))
    found = entries_at_risk(TablePlan("app", "t", "s", "t", plan.columns, "", tuple(items)), profiles)
    assert [item.kind for item in found] == ["primary key", "unique constraint", "index"]
