from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.model import ColumnPlan, Finding, FindingKind, TablePlan
from migration.validation import row_comparison
from migration.validation.row_comparison import compare_rows
from migration.value_conversion.value_kinds import ARROW_TYPES, kind_of

MISSING, EXTRA, DIFFERING = FindingKind.MISSING_ROW, FindingKind.EXTRA_ROW, FindingKind.DIFFERING_ROW
Rows = list[tuple[Any, ...]]


def plan(types: dict[str, str], *key: str) -> TablePlan:
    columns = tuple(ColumnPlan(name, name, "", t, kind_of(t), {}, "") for name, t in types.items())
    return TablePlan("s", "t", "public", "t", columns, "", key=key)


KEYED = plan({"id": "bigint", "name": "text", "n": "numeric"}, "id")
KEYLESS = plan({"a": "bigint", "b": "text"})


def stream(table: TablePlan, rows: Rows, size: int = 7) -> Callable[[], Iterator[pa.RecordBatch]]:
    def opened() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            yield pa.RecordBatch.from_arrays(
                [pa.array([r[i] for r in part], ARROW_TYPES[c.kind]) for i, c in enumerate(table.columns)],
                names=[c.name for c in table.columns],
            )

    return opened


def diff(table: TablePlan, source: Rows, target: Rows, limit: int = 10) -> list[Finding]:
    return compare_rows(stream(table, source), stream(table, target), table, limit)


def test_equal_sides_have_no_findings() -> None:
    rows = [(i, f"n{i}", f"{i}.50") for i in range(1_000)]
    assert diff(KEYED, rows, [(i, n, d.rstrip("0")) for i, n, d in reversed(rows)]) == []
    assert diff(KEYED, [], []) == []


def test_rows_are_named_by_key_and_columns() -> None:
    source: Rows = [(i, f"n{i}", str(i)) for i in range(500)]
    target: Rows = [*source[:100], *source[101:], (900, "more", None)]
    target[7] = (7, "other", "7")
    target[8] = (8, None, "-8")
    summary, *named = diff(KEYED, source, target)
    assert summary.kind is FindingKind.DIGEST_MISMATCH
    assert "1 rows missing" in summary.message
    assert "1 only there" in summary.message
    assert "2 different" in summary.message
    found = {(f.kind, f.key): f for f in named}
    assert set(found) == {
        (MISSING, "id = 100"),
        (EXTRA, "id = 900"),
        (DIFFERING, "id = 7"),
        (DIFFERING, "id = 8"),
    }
    seven = found[DIFFERING, "id = 7"]
    assert seven.column == "name"
    assert seven.message == "name is 'n7' in the source and 'other' in the target"
    eight = found[DIFFERING, "id = 8"]
    assert eight.column is None
    assert eight.message == (
        "name is 'n8' in the source and NULL in the target; n is 8 in the source and -8 in the target"
    )


def test_only_so_many_are_named_but_all_are_counted() -> None:
    source: Rows = [(i, "x", None) for i in range(300)]
    summary, *named = diff(KEYED, source, [], limit=5)
    assert "300 rows missing" in summary.message
    assert len(named) == 5


def test_without_key_rows_are_counted_as_often_as_they_stand() -> None:
    source: Rows = [(1, "a")] * 3 + [(2, None)]
    target: Rows = [(1, "a"), (2, ""), (2, None)]
    summary, *named = diff(KEYLESS, source, target)
    assert "2 rows missing" in summary.message
    assert {(f.kind, f.message) for f in named} == {
        (MISSING, "Row not in the target, 2 times: a = 1, b = 'a'"),
        (EXTRA, "Row only in the target: a = 2, b = ''"),
    }
    assert all(f.key is None for f in named)


def test_key_that_repeats_is_paired() -> None:
    source: Rows = [(1, "a", None), (1, "b", None)]
    target: Rows = [(1, "a", None), (1, "c", None), (1, "d", None)]
    _, *named = diff(KEYED, source, target)
    assert Counter(f.kind for f in named) == {DIFFERING: 1, EXTRA: 1}


def test_long_values_are_cut() -> None:
    table = plan({"id": "bigint", "b": "bytea", "d": "timestamptz"}, "id")
    source: Rows = [(1, b"\0" * 1000, 0)]
    _, finding = diff(table, source, [(1, b"\1" * 1000, 1)])
    assert "1,000 bytes" in finding.message
    assert "1970-01-01 00:00:00.000001" in finding.message
    assert len(finding.message) < 500


def test_too_many_differences_are_counted_as_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_comparison, "_HELD_ROWS", 100)
    summary, *named = diff(KEYED, [(i, "x", None) for i in range(2_000)], [], limit=3)
    assert summary.message.startswith("at least ")
    assert len(named) == 3


small = st.tuples(
    st.integers(0, 5), st.sampled_from(["a", "b", "", None]), st.sampled_from(["1", "1.0", "2", None])
)


@settings(max_examples=40, deadline=None)
@given(source=st.lists(small, max_size=12), target=st.lists(small, max_size=12))
def test_findings_account_for_every_difference(source: Rows, target: Rows) -> None:
    def plain(rows: Rows) -> Counter[tuple[Any, ...]]:
        return Counter((i, n, None if d is None else float(d)) for i, n, d in rows)

    missing = plain(source) - plain(target)
    extra = plain(target) - plain(source)
    times: Counter[FindingKind] = Counter()
    for finding in diff(KEYED, source, target, limit=1_000):
        often = (
            finding.message.split(" times: ")[0].rsplit(", ", 1) if " times: " in finding.message else ["1"]
        )
        times[finding.kind] += int(often[-1])
    assert times[MISSING] + times[DIFFERING] == missing.total()
    assert times[EXTRA] + times[DIFFERING] == extra.total()
    assert bool(times) == bool(missing or extra)


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ("\u00e9t\u00e9", "e\u0301te\u0301", r"from character 1 on '\xe9t\xe9' and 'e\u0301te\u0301'"),
        ("a" * 70 + "b", "a" * 70 + "c", "from character 71 on 'b' and 'c'"),
        ("a" * 70, "a" * 70 + "c", "from character 71 on '' and 'c'"),
        ("pay", "p\u0430y", r"from character 2 on 'ay' and '\u0430y'"),
        ("ab", "a\u200bb", r"from character 2 on 'b' and '\u200bb'"),
        ("a b", "a\u00a0b", r"from character 2 on ' b' and '\xa0b'"),
        ("end", "end ", "from character 4 on '' and ' '"),
        ("plain", "plane", ""),
        ("", "x", ""),
    ],
)
def test_texts_that_look_alike_are_told_by_their_code_points(left: str, right: str, words: str) -> None:
    _, found = diff(KEYED, [(1, left, "1")], [(1, right, "1")])
    assert found.kind is DIFFERING
    _, _, more = found.message.partition(" in the target")
    assert more == (f" ({words})" if words else "")


def test_long_bytes_are_told_from_where_they_differ() -> None:
    keyed = plan({"id": "bigint", "v": "bytea"}, "id")
    _, found = diff(keyed, [(1, b"a" * 100 + b"\x00")], [(1, b"a" * 100 + b"\x01")])
    assert r"(from byte 101 on \x00 and \x01)" in found.message
