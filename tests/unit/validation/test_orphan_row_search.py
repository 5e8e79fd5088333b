"""Orphan rows are found to the last, however tables refer to each other: held to a plain fixed point in Python."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.mapping_file_model import OnOrphan
from migration.model import ColumnPlan, ValueKind
from migration.schema_translation.foreign_keys import Reference
from migration.validation import orphan_row_search
from migration.validation.orphan_row_search import Found, OrphanSearch

LEAVE, OUT, NULL = OnOrphan.NOT_VALID, OnOrphan.QUARANTINE, OnOrphan.SET_NULL
Rows = dict[str, list[tuple[int | None, ...]]]

COLUMNS = ("k", "m", "n")
PLANS = {
    name: {c: ColumnPlan(c, c, "", "integer", ValueKind.INT32, {}, "") for c in COLUMNS} for name in "ab"
}


def search(
    references: Sequence[Reference], rows: Rows
) -> tuple[dict[Reference, set[int]], dict[Reference, int]]:
    """Return the marked row numbers by reference, and how many rows each is told to have."""
    marked: dict[Reference, set[int]] = defaultdict(set)
    with tempfile.TemporaryDirectory() as folder:
        keys = dict.fromkeys(rows, (1, True))
        with OrphanSearch(references, PLANS, keys, Path(folder)) as found:
            for name in found.tables:
                values = rows[name]
                batch = pa.record_batch(
                    {c: pa.array([row[i] for row in values], pa.int32()) for i, c in enumerate(COLUMNS)}
                )
                found.add(name, 7, [pa.array(range(len(values)), pa.int64())], batch)
            found.solve()
            for name in found.tables:
                for chunk, reference, its_keys in found.marked(name):
                    assert chunk == 7
                    marked[reference].update(int(str(key[0])) for key in its_keys)
            counts = {reference: found.found(reference, 3).rows for reference in references}
    return marked, counts


def plainly(references: Sequence[Reference], rows: Rows) -> dict[Reference, set[int]]:
    """The same, row by row, until nothing changes."""
    marks: dict[Reference, set[int]] = {reference: set() for reference in references}

    def value(name: str, row: int, columns: Sequence[str]) -> tuple[int | None, ...]:
        return tuple(rows[name][row][COLUMNS.index(c)] for c in columns)

    def answers(name: str, row: int, columns: Sequence[str]) -> bool:
        return not any(
            row in marks[r]
            for r in references
            if r.child == name and (r.action is OUT or (r.action is NULL and set(r.columns) & set(columns)))
        )

    def without_parent(r: Reference) -> set[int]:
        there = {
            value(r.parent, row, r.parent_columns)
            for row in range(len(rows[r.parent]))
            if answers(r.parent, row, r.parent_columns)
        }
        wanted = {row: value(r.child, row, r.columns) for row in range(len(rows[r.child]))}
        return {row for row, key in wanted.items() if None not in key and key not in there}

    acting = [r for r in references if r.action is not LEAVE]
    while any(without_parent(r) - marks[r] for r in acting):
        for r in acting:
            marks[r] |= without_parent(r)
    return {r: found for r, found in marks.items() if found}


def reference(child: str, columns: str, parent: str, parent_columns: str, action: OnOrphan) -> Reference:
    return Reference(child, tuple(columns), parent, tuple(parent_columns), action)


NUMBERS = st.one_of(st.none(), st.integers(0, 9))


@st.composite
def families(draw: st.DrawFn) -> tuple[list[Reference], Rows]:
    """Two tables with unique k, and foreign keys in all directions."""
    actions = {name: draw(st.sampled_from([OUT, NULL, LEAVE])) for name in "ab"}
    keys = [
        reference(child, column, parent, "k", draw(st.sampled_from([actions[child], LEAVE])))
        for child in "ab"
        for column, parent in draw(
            st.lists(
                st.tuples(st.sampled_from(["m", "n", "k"]), st.sampled_from("ab")), max_size=3, unique=True
            )
        )
    ]
    rows: Rows = {}
    for name in "ab":
        numbers = draw(st.lists(st.integers(0, 9), unique=True, max_size=8))
        rows[name] = [(number, draw(NUMBERS), draw(NUMBERS)) for number in numbers]
    return keys, rows


@settings(max_examples=60, deadline=None)
@given(families(), st.sampled_from([2, 3, 20]))
def test_search_finds_what_a_plain_fixed_point_finds(
    family: tuple[list[Reference], Rows], rounds: int
) -> None:
    references, rows = family
    if not references:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            orphan_row_search, "_ROUNDS", rounds
        )  # so that small families are deep enough for the descent
        marked, counts = search(references, rows)
    expected = plainly(references, rows)
    assert dict(marked) == expected
    assert all(counts[r] == len(expected.get(r, ())) for r in references if r.action is not LEAVE)


def test_deep_chain_goes_to_its_end() -> None:
    chain = [(number, number + 1, None) for number in range(20_000)] + [(-1, -1, None), (-2, -1, None)]
    own = reference("a", "m", "a", "k", OUT)
    marked, _ = search([own], {"a": list(chain)})
    assert marked[own] == set(range(20_000))


def test_composite_key_with_a_null_needs_no_parent() -> None:
    rows: Rows = {"a": [(1, 2, None)], "b": [(0, 1, 2), (1, 1, 3), (2, None, 9), (3, 9, None)]}
    pair = reference("b", "mn", "a", "km", OUT)
    assert search([pair], rows)[0] == {pair: {1}}


def test_reference_that_is_left_alone_does_not_count_rows_that_leave_or_lose_it() -> None:
    rows: Rows = {"a": [(1, None, None)], "b": [(0, 5, 6), (1, 1, 6), (2, 5, 1)]}
    left, out = reference("b", "m", "a", "k", LEAVE), reference("b", "n", "a", "k", OUT)
    _, counts = search([left, out], rows)
    assert (counts[left], counts[out]) == (1, 2)
    cut = reference("b", "mn", "a", "kk", NULL)
    _, counts = search([left, cut], rows)
    assert (counts[left], counts[cut]) == (0, 3)


COMPARED: list[tuple[ValueKind, pa.Array, ValueKind, pa.Array, list[int]]] = [
    (ValueKind.INT16, pa.array([1, 2], pa.int16()), ValueKind.INT64, pa.array([1], pa.int64()), [1]),
    (ValueKind.INT32, pa.array([5, 6], pa.int32()), ValueKind.NUMERIC, pa.array(["5.0", "0.5"]), [1]),
    (ValueKind.INT64, pa.array([5, 6], pa.int64()), ValueKind.FLOAT64, pa.array([5.0, 0.5]), [1]),
    (
        ValueKind.NUMERIC,
        pa.array(["0.10", "0.2", "1" + "0" * 400]),
        ValueKind.FLOAT64,
        pa.array([0.1]),
        [1, 2],
    ),
    (
        ValueKind.INT32,
        pa.array([2**24, 2**24 + 1, 5]),
        ValueKind.FLOAT32,
        pa.array([2.0**24], pa.float32()),
        [2],
    ),
    (ValueKind.FLOAT64, pa.array([0.0, 1.5, 2.0]), ValueKind.FLOAT64, pa.array([-0.0, 1.5]), [2]),
    (ValueKind.NUMERIC, pa.array(["1.50", "2"]), ValueKind.NUMERIC, pa.array(["1.5"]), [1]),
    (ValueKind.TEXT, pa.array(["a", "A", "a\0"]), ValueKind.TEXT, pa.array(["a"]), [1, 2]),
    (ValueKind.BYTES, pa.array([b"\xff", b""]), ValueKind.BYTES, pa.array([b"\xff"]), [1]),
    (ValueKind.BOOL, pa.array([True, False]), ValueKind.BOOL, pa.array([True]), [1]),
    (ValueKind.DATE, pa.array([0, 1], pa.date32()), ValueKind.DATE, pa.array([0], pa.date32()), [1]),
    (ValueKind.TIME, pa.array([0, 1], pa.time64("us")), ValueKind.TIME, pa.array([0], pa.time64("us")), [1]),
    (
        ValueKind.TIMESTAMPTZ,
        pa.array([-(10**15), 1], pa.timestamp("us", "UTC")),
        ValueKind.TIMESTAMPTZ,
        pa.array([-(10**15)], pa.timestamp("us", "UTC")),
        [1],
    ),
]


@pytest.mark.parametrize(("child", "values", "parent", "there", "expected"), COMPARED)
def test_values_are_equal_as_to_postgresql(
    child: ValueKind, values: pa.Array, parent: ValueKind, there: pa.Array, expected: list[int]
) -> None:
    plans: Mapping[str, Mapping[str, ColumnPlan]] = {
        "c": {"p": ColumnPlan("p", "p", "", "", child, {}, "")},
        "p": {"id": ColumnPlan("id", "id", "", "", parent, {}, "")},
    }
    own = Reference("c", ("p",), "p", ("id",), OUT)
    with (
        tempfile.TemporaryDirectory() as folder,
        OrphanSearch([own], plans, {"c": (1, True), "p": (1, True)}, Path(folder)) as found,
    ):
        found.add("c", 1, [pa.array(range(len(values)), pa.int64())], pa.record_batch({"p": values}))
        found.add("p", 1, [pa.array(range(len(there)), pa.int64())], pa.record_batch({"id": there}))
        found.solve()
        assert [key for _, _, keys in found.marked("c") for (key,) in keys] == expected
        told = found.found(own, 1)
    assert isinstance(told, Found)
    assert (told.rows, told.sample[0][1]) == (len(expected), (expected[0],))
