from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.errors import InternalError
from migration.model import ColumnPlan, Digest, ValueKind
from migration.validation.canonical_form import canonical_array, canonical_json
from migration.validation.row_digest import DigestSum, combine, difference, hash_together
from migration.value_conversion.value_kinds import ARROW_TYPES

KINDS = {
    ValueKind.INT64: "bigint",
    ValueKind.FLOAT64: "double precision",
    ValueKind.TEXT: "text",
    ValueKind.BYTES: "bytea",
    ValueKind.BOOL: "boolean",
    ValueKind.NUMERIC: "numeric",
}
ALGORITHMS = ("hash128", "md5")


def column(kind: ValueKind, name: str = "c", target_type: str | None = None) -> ColumnPlan:
    return ColumnPlan(name, name, "", target_type or KINDS.get(kind, kind.value), kind, {}, "")


COLUMNS = tuple(column(kind, kind.value) for kind in KINDS)


def batch(rows: list[tuple[Any, ...]], columns: tuple[ColumnPlan, ...] = COLUMNS) -> pa.RecordBatch:
    arrays = [
        pa.array([row[i] for row in rows], ARROW_TYPES[column.kind]) for i, column in enumerate(columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])


def digest(
    rows: list[tuple[Any, ...]], columns: tuple[ColumnPlan, ...] = COLUMNS, algorithm: str = "hash128"
) -> Digest:
    total = DigestSum(algorithm)
    total.add(batch(rows, columns), columns)
    return total.digest()


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
values = (
    st.none() | st.integers(-(2**63), 2**63 - 1),
    st.none() | st.floats(),
    st.none() | texts,
    st.none() | st.binary(max_size=20),
    st.none() | st.booleans(),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda d: f"{d:f}"),
)
row_lists = st.lists(st.tuples(*values), max_size=30)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@quick
@given(rows=row_lists, random=st.randoms(use_true_random=False))
def test_order_of_rows_does_not_count(algorithm: str, rows: list[Any], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert digest(rows, algorithm=algorithm) == digest(shuffled, algorithm=algorithm)


@quick
@given(rows=row_lists, data=st.data())
def test_digests_of_parts_add_up(rows: list[Any], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(rows)))
    assert combine([digest(rows[cut:]), digest(rows[:cut])]) == digest(rows)
    streamed = DigestSum()
    for row in rows:
        streamed.add(batch([row]), COLUMNS)
    assert streamed.digest() == digest(rows)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        if math.isnan(left) or math.isnan(right):
            return math.isnan(left) and math.isnan(right)
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return left is right or left == right


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@quick
@given(rows=row_lists.filter(bool), data=st.data())
def test_any_changed_value_changes_the_digest(algorithm: str, rows: list[Any], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    position = data.draw(st.integers(0, len(values) - 1))
    new = data.draw(values[position])
    changed = list(rows)
    changed[at] = (*rows[at][:position], new, *rows[at][position + 1 :])
    old = rows[at][position]
    equal = (
        Decimal(old) == Decimal(new)
        if position == 5 and old is not None and new is not None
        else same(old, new)
    )
    assert (digest(rows, algorithm=algorithm) == digest(changed, algorithm=algorithm)) is equal


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_null_empty_and_zero_differ(algorithm: str) -> None:
    text = (column(ValueKind.TEXT),)
    assert len({digest([(v,)], text, algorithm).checksum for v in (None, "", "0", "N", " ")}) == 5
    number = (column(ValueKind.INT64),)
    assert digest([(None,)], number, algorithm) != digest([(0,)], number, algorithm)
    blob = (column(ValueKind.BYTES),)
    assert len({digest([(v,)], blob, algorithm).checksum for v in (None, b"", b"\0", b"N")}) == 4


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_values_that_change_places_are_seen(algorithm: str) -> None:
    columns = (column(ValueKind.TEXT, "a"), column(ValueKind.TEXT, "b"))
    assert digest([("x", "y")], columns, algorithm) != digest([("y", "x")], columns, algorithm)
    assert digest([("ab", "")], columns, algorithm) != digest([("a", "b")], columns, algorithm)
    assert digest([("x", None)], columns, algorithm) != digest([(None, "x")], columns, algorithm)
    straight, crossed = [("a", "1"), ("b", "2")], [("a", "2"), ("b", "1")]
    assert digest(straight, columns, algorithm) != digest(crossed, columns, algorithm)
    flags = (column(ValueKind.INT64, "a"), column(ValueKind.BOOL, "b"))
    assert digest([(1, True), (2, False)], flags) != digest([(1, False), (2, True)], flags)


def test_equal_rows_do_not_cancel_out() -> None:
    row = (1, 1.0, "a", b"a", True, "1")
    assert len({digest([row] * n).checksum for n in range(5)}) == 5


def test_no_rows_is_zero() -> None:
    assert DigestSum().digest() == combine([]) == Digest(0, "0" * 32, "")


def test_digests_of_different_algorithms_are_not_compared() -> None:
    ours, theirs = Digest(1, "a" * 32, "hash128-2/duckdb-1"), Digest(1, "a" * 32, "hash128/duckdb-1")
    nobodys = Digest(1, "a" * 32, "")
    for one, other in [(ours, theirs), (ours, nobodys), (nobodys, nobodys), (nobodys, theirs)]:
        assert not one.is_comparable_with(other)
        with pytest.raises(InternalError, match="were compared"):
            assert one == other
        with pytest.raises(InternalError, match="were compared"):
            assert one != other
    assert ours == Digest(1, "a" * 32, "hash128-2/duckdb-1")


def test_no_rows_are_no_rows_by_every_algorithm() -> None:
    some = Digest(1, "a" * 32, "md5")
    assert Digest(0, "0" * 32, "md5") == Digest(0, "0" * 32, "hash128")
    assert some != combine([])
    assert combine([some, Digest(0, "0" * 32, "hash128")]).algorithm == "md5"


def test_parts_of_different_algorithms_make_a_whole_that_equals_nothing() -> None:
    some, other = Digest(1, "a" * 32, "md5"), Digest(2, "b" * 32, "hash128")
    whole = combine([some, other])
    assert (whole.rows, whole.algorithm) == (3, "")
    assert difference(whole, some).algorithm == ""
    assert difference(other, Digest(1, "c" * 32, "hash128")).algorithm == "hash128"


def test_rows_without_columns_are_counted() -> None:
    total = DigestSum()
    total.add(pa.RecordBatch.from_pylist([{"x": 1}, {"x": 2}]), ())
    assert total.digest().rows == 2


@pytest.mark.parametrize(
    ("kind", "target_type", "left", "right", "equal"),
    [
        (ValueKind.NUMERIC, "numeric", "5.00", "5", True),
        (ValueKind.NUMERIC, "numeric", "500", "5", False),
        (ValueKind.NUMERIC, "numeric", "-0.00", "0", True),
        (ValueKind.NUMERIC, "numeric", "0.10", "0.1", True),
        (ValueKind.NUMERIC, "numeric", "NaN", "Infinity", False),
        (ValueKind.TEXT, "char(5)", "ab", "ab   ", True),
        (ValueKind.TEXT, "character(5)", "ab", "ab   ", True),
        (ValueKind.TEXT, "varchar(5)", "ab", "ab ", False),
        (ValueKind.TEXT, "text", "A", "a", False),
        (ValueKind.FLOAT64, "double precision", 0.0, -0.0, False),
        (ValueKind.FLOAT64, "double precision", math.nan, -math.nan, True),
        (ValueKind.FLOAT64, "double precision", math.inf, -math.inf, False),
        (ValueKind.JSON, "jsonb", '{"a": 1, "b": [1.50]}', '{"b":[1.5],"a":1}', True),
        (ValueKind.JSON, "jsonb", '{"a": 1, "a": 2}', '{"a": 2}', True),
        (ValueKind.JSON, "jsonb", "1.1", '"1.1"', False),
        (ValueKind.JSON, "jsonb", "1e2", "100", True),
        (ValueKind.JSON, "jsonb", "1.00000000000000000001", "1", False),
        (ValueKind.JSON, "jsonb", "1e400", "1" + "0" * 400, True),
        (ValueKind.JSON, "jsonb", '"\\u00e9"', '"é"', True),
        (ValueKind.JSON, "jsonb", "null", None, False),
        (ValueKind.JSON, "jsonb", "-0.0", "0", True),
        (ValueKind.JSON, "jsonb", "[1,2]", "[2,1]", False),
    ],
)
def test_what_counts_as_equal(
    kind: ValueKind, target_type: str, left: Any, right: Any, *, equal: bool
) -> None:
    columns = (column(kind, target_type=target_type),)
    for algorithm in ALGORITHMS:
        one, other = (digest([(v,)], columns, algorithm) for v in (left, right))
        assert (one == other) is equal


def test_slices_of_arrays_keep_their_place() -> None:
    for kind, value in ((ValueKind.FLOAT64, 1.5), (ValueKind.DATE, 3), (ValueKind.TIMESTAMPTZ, 3)):
        storage = (
            pa.float64()
            if kind is ValueKind.FLOAT64
            else pa.int32()
            if kind is ValueKind.DATE
            else pa.int64()
        )
        array = pa.array([0, None, value], storage).cast(ARROW_TYPES[kind])
        plan = column(kind)
        assert (
            canonical_array(array.slice(2), plan).to_pylist() == canonical_array(array, plan).to_pylist()[2:]
        )


def test_broken_json_is_compared_as_text() -> None:
    assert canonical_json("{broken") == "{broken"


_NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=8).map(lambda number: format(number, "f")),
    st.sampled_from(["1.50", "-0.0", "0.0000001", "12.10", "3.0", "7.25"]),
    st.builds("{}e{}".format, st.integers(-99, 99), st.integers(-20, 20)),
    st.integers(-(10**30), 10**30).map(str),
)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b.0", "1e5", ".10"]), _NUMBERS, max_size=4),
        min_size=1,
        max_size=5,
    )
)
def test_documents_of_a_batch_are_spelled_as_each_alone(numbers: list[dict[str, str]]) -> None:
    documents = ["{" + ", ".join(f'"{key}": [{value}]' for key, value in n.items()) + "}" for n in numbers]
    together = canonical_array(pa.array(documents), column(ValueKind.JSON, target_type="jsonb"))
    assert together.to_pylist() == [canonical_json(document) for document in documents]


@given(st.lists(st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), texts), max_size=5), max_size=5))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_digests_that_are_hashed_together_are_those_of_each_alone(
    tables: list[list[tuple[int, str]]],
) -> None:
    numbers, words = column(ValueKind.INT64, "n"), column(ValueKind.TEXT, "w")
    for algorithm in ALGORITHMS:
        sums, alone = [], []
        for place, rows in enumerate(tables):
            # Columns of two kinds: such tables cannot share a question.
            columns = (numbers, words) if place % 2 else (words, numbers)
            ordered = rows if place % 2 else [(word, number) for number, word in rows]
            total = DigestSum(algorithm)
            if ordered:
                total.add(batch(ordered, columns), columns)
            sums.append(total)
            alone.append(digest(ordered, columns, algorithm) if ordered else DigestSum(algorithm).digest())
        hash_together(sums)
        assert [total.digest() for total in sums] == alone
