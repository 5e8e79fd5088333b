"""Names the rows in which two sides differ, without holding the rows of either.

Three readings of each side, which may be as large as they like:

1. Rows fall into buckets by the hash of their key; the digests of the buckets tell which ones differ.
2. Of the rows in these, key hash and row hash are kept and joined: which keys have rows without an equal.
3. The few rows that are to be named are read whole.

Without a key, a row is its own key: what differs is missing on one side and extra on the other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import Finding, FindingKind, TablePlan
from migration.validation.canonical_form import canonical_table
from migration.validation.row_hashing import duck, hash_rows
from migration.validation.value_display import show_difference, show_row, show_values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Stream = Callable[[], Iterator[pa.RecordBatch]]
    Row = tuple[Any, ...]

_BUCKETS: Final = 4_096
_GATHERED_ROWS: Final = 65_536
_GATHERED_BYTES: Final = 16 << 20
_HELD_ROWS: Final = 4_000_000
"""Rows of both sides whose hashes are held at once, 24 bytes each."""

_MISSING, _EXTRA, _DIFFERING = FindingKind.MISSING_ROW, FindingKind.EXTRA_ROW, FindingKind.DIFFERING_ROW

_SUM_BUCKETS: Final = f"""
SELECT (key % {_BUCKETS})::INTEGER AS bucket, count(*) AS n, sum(high::HUGEINT) AS high, sum(low::HUGEINT) AS low
FROM rows GROUP BY bucket
"""
_FIND_ODD: Final = """
WITH s AS (SELECT key, high, low, count(*) AS n FROM source_rows GROUP BY ALL),
     t AS (SELECT key, high, low, count(*) AS n FROM target_rows GROUP BY ALL)
SELECT key, sum(greatest(coalesce(s.n, 0) - coalesce(t.n, 0), 0))::BIGINT AS only_source,
       sum(greatest(coalesce(t.n, 0) - coalesce(s.n, 0), 0))::BIGINT AS only_target
FROM s FULL JOIN t USING (key, high, low) WHERE s.n IS DISTINCT FROM t.n GROUP BY key ORDER BY key
"""


@dataclass(slots=True)
class _Named:
    """The whole rows of one key hash on one side: canonical row → times, and how to show it."""

    times: Counter[Row] = field(default_factory=Counter)
    shown: dict[Row, list[str]] = field(default_factory=dict)


class _Table:
    """What two sides are compared by."""

    def __init__(self, plan: TablePlan) -> None:
        self.name = plan.name
        self.columns = plan.copied_columns
        keys = [c for name in plan.key for c in self.columns if c.name == name]
        self.keys = tuple(keys) if len(keys) == len(plan.key) else ()
        self.key_positions = [self.columns.index(column) for column in self.keys]

    def hashed(self, stream: Stream) -> Iterator[tuple[pa.Table, pa.Table, pa.Table]]:
        """Yield logical rows, the same in canonical form, and their hashes (key, high, low), 16 MB at a time."""
        for logical in _gathered(stream):
            canonical = canonical_table(logical, self.columns)
            rows = hash_rows(canonical)
            key = hash_rows(canonical_table(logical, self.keys)) if self.keys else rows
            yield logical, canonical, rows.append_column("key", key.column("high"))


@dataclass(frozen=True, slots=True)
class RowsApart:
    """How many rows differ. Where not all could be looked at (`is_complete`), there are at least so many."""

    missing: int
    extra: int
    differing: int
    is_complete: bool


def count_rows_apart(source: Stream, target: Stream, plan: TablePlan) -> RowsApart:
    """Count the rows in which two sides differ, and name none; the arguments are those of `compare_rows`."""
    table = _Table(plan)
    buckets, is_complete = _differing_buckets(table, source, target)
    odd = _find_odd(_held(table, source, buckets), _held(table, target, buckets)) if buckets else []
    return _count(odd, is_complete)


def _count(odd: Sequence[tuple[int, int, int]], is_complete: bool) -> RowsApart:
    differing = sum(min(only_source, only_target) for _, only_source, only_target in odd)
    return RowsApart(
        sum(only_source for _, only_source, _ in odd) - differing,
        sum(only_target for _, _, only_target in odd) - differing,
        differing,
        is_complete,
    )


def compare_rows(
    source: Stream, target: Stream, plan: TablePlan, limit: int, *, may_have_more: bool = False
) -> list[Finding]:
    """Return the rows in which two sides differ.

    Args:
        source: opens the stream of the source's logical batches; called up to three times.
        target: the same for the target; columns named by `ColumnPlan.name`.
        plan: the table; its rows are told apart by `plan.key`, if it has one.
        limit: how many rows of each kind (missing, extra, differing) to name; all are counted.
        may_have_more: rows of the target alone are no difference.

    Returns:
        Nothing where both sides are equal; else one summary (DIGEST_MISMATCH), then the rows, with their key and,
        for differing rows, each differing column with both values.
    """
    table = _Table(plan)
    buckets, is_complete = _differing_buckets(table, source, target)
    if not buckets:
        return []
    odd = _find_odd(_held(table, source, buckets), _held(table, target, buckets))
    apart = _count(odd, is_complete)
    totals = {_MISSING: apart.missing, _EXTRA: apart.extra, _DIFFERING: apart.differing}
    if may_have_more:
        totals[_EXTRA] = 0
        odd = [one for one in odd if one[1]]
        if is_complete and not odd:
            return []
    keys = _to_name(odd, limit)
    rows = _named_rows(table, source, target, keys)
    findings = [finding for key in keys for finding in _findings_of(table, *rows[key])]
    kinds = [kind for kind in totals if not (may_have_more and kind is _EXTRA)]
    kept = [finding for kind in kinds for finding in [f for f in findings if f.kind is kind][:limit]]
    return [_summary(table, totals, len(kept), is_complete), *kept]


def _gathered(stream: Stream) -> Iterator[pa.Table]:
    parts: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in stream():
        if not batch.num_rows:
            continue
        parts.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= _GATHERED_ROWS or size >= _GATHERED_BYTES:
            yield pa.Table.from_batches(parts)
            parts, rows, size = [], 0, 0
    if parts:
        yield pa.Table.from_batches(parts)


def _differing_buckets(table: _Table, source: Stream, target: Stream) -> tuple[list[int], bool]:
    """Return the buckets to look into, and whether these are all that differ."""
    left, right = _bucket_sums(table, source), _bucket_sums(table, target)
    nothing = (0, 0, 0)
    chosen: list[int] = []
    held = 0
    for bucket in range(_BUCKETS):
        one, other = left.get(bucket, nothing), right.get(bucket, nothing)
        if one == other:
            continue
        held += one[0] + other[0]
        if chosen and held > _HELD_ROWS:
            return chosen, False
        chosen.append(bucket)
    return chosen, True


def _bucket_sums(table: _Table, stream: Stream) -> dict[int, tuple[int, int, int]]:
    sums: dict[int, tuple[int, int, int]] = {}
    for _, _, hashes in table.hashed(stream):
        with duck().cursor() as cursor:
            cursor.register("rows", hashes)
            found = cursor.sql(_SUM_BUCKETS).fetchall()
        for bucket, n, high, low in found:
            before = sums.get(bucket, (0, 0, 0))
            sums[bucket] = (before[0] + n, before[1] + int(high), before[2] + int(low))
    return sums


def _held(table: _Table, stream: Stream, buckets: Sequence[int]) -> pa.Table:
    """Return the hashes of all rows that fall into the buckets."""
    wanted = pa.array([bucket in set(buckets) for bucket in range(_BUCKETS)], pa.bool_())
    empty = pa.schema([("high", pa.uint64()), ("low", pa.uint64()), ("key", pa.uint64())]).empty_table()
    parts = [empty]
    for _, _, hashes in table.hashed(stream):
        bucket = pc.bit_wise_and(hashes.column("key"), pa.scalar(_BUCKETS - 1, pa.uint64()))
        parts.append(hashes.filter(pc.take(wanted, bucket)))
    return pa.concat_tables(parts)


def _find_odd(source_rows: pa.Table, target_rows: pa.Table) -> list[tuple[int, int, int]]:
    """Return (key hash, rows only in the source, rows only in the target) of each key with such rows."""
    with duck().cursor() as cursor:
        cursor.register("source_rows", source_rows)
        cursor.register("target_rows", target_rows)
        return [(int(key), int(one), int(other)) for key, one, other in cursor.sql(_FIND_ODD).fetchall()]


def _to_name(odd: Sequence[tuple[int, int, int]], limit: int) -> list[int]:
    """Choose the first keys of each kind."""
    missing = [key for key, one, other in odd if one > other][:limit]
    extra = [key for key, one, other in odd if other > one][:limit]
    differing = [key for key, one, other in odd if one and other][:limit]
    return list(dict.fromkeys(missing + extra + differing))


def _named_rows(
    table: _Table, source: Stream, target: Stream, keys: Sequence[int]
) -> dict[int, tuple[_Named, _Named]]:
    """Read the rows of these key hashes whole, on both sides."""
    rows = {key: (_Named(), _Named()) for key in keys}
    wanted = pa.array(keys, pa.uint64())
    for side, stream in enumerate((source, target)):
        for logical, canonical, hashes in table.hashed(stream):
            at = pc.indices_nonzero(pc.is_in(hashes.column("key"), value_set=wanted))
            if not len(at):
                continue
            shown = [
                show_values(logical.column(column.name).take(at).combine_chunks(), column)
                for column in table.columns
            ]
            compared = zip(*(column.to_pylist() for column in canonical.take(at).columns), strict=True)
            for key, row, values in zip(
                hashes.column("key").take(at).to_pylist(), compared, zip(*shown, strict=True), strict=True
            ):
                named = rows[key][side]
                named.times[row] += 1
                named.shown[row] = list(values)
    return rows


def _findings_of(table: _Table, left: _Named, right: _Named) -> Iterator[Finding]:
    """Pair the rows of one key that have no equal; what has no partner is missing or extra."""
    only_left, only_right = left.times - right.times, right.times - left.times
    if table.keys:
        for one, other in zip(list(only_left), list(only_right), strict=False):
            yield _differing(table, one, left.shown[one], other, right.shown[other])
            only_left[one] -= 1
            only_right[other] -= 1
    for row, times in (+only_left).items():
        yield _alone(table, _MISSING, left.shown[row], times)
    for row, times in (+only_right).items():
        yield _alone(table, _EXTRA, right.shown[row], times)


def _key(table: _Table, shown: Sequence[str]) -> str | None:
    if not table.keys:
        return None
    return ", ".join(f"{table.columns[p].name} = {shown[p]}" for p in table.key_positions)


def _differing(
    table: _Table, one: Row, one_shown: Sequence[str], other: Row, other_shown: Sequence[str]
) -> Finding:
    names = [
        column.name for column, left, right in zip(table.columns, one, other, strict=True) if left != right
    ]
    values = [
        f"{column.name} is {left_shown} in the source and {right_shown} in the target"
        f"{show_difference(left, right, left_shown, right_shown)}"
        for column, left, right, left_shown, right_shown in zip(
            table.columns, one, other, one_shown, other_shown, strict=True
        )
        if left != right
    ]
    column = names[0] if len(names) == 1 else None
    return Finding(_DIFFERING, table.name, "; ".join(values), column, _key(table, one_shown))


def _alone(table: _Table, kind: FindingKind, shown: Sequence[str], times: int) -> Finding:
    what = "not in the target" if kind is _MISSING else "only in the target"
    often = f", {times:,} times" if times > 1 else ""
    key = _key(table, shown)
    return Finding(kind, table.name, f"Row {what}{often}: {show_row(table.columns, shown)}", None, key)


def _summary(table: _Table, totals: dict[FindingKind, int], named: int, is_complete: bool) -> Finding:
    least = "" if is_complete else "at least "
    message = (
        f"{least}{totals[_MISSING]:,} rows missing in the target, {totals[_EXTRA]:,} only there,"
        f" {totals[_DIFFERING]:,} different; {named:,} of them are named"
    )
    return Finding(FindingKind.DIGEST_MISMATCH, table.name, message)
