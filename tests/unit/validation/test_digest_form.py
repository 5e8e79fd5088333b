from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.model import ColumnPlan, Digest, StorageClass, ValueKind
from migration.validation.digest_form import digest_table
from migration.validation.row_digest import DigestSum, combine
from migration.value_conversion.packed_values import pack

COLUMN = ColumnPlan("c", "c", "decimal", "numeric", ValueKind.NUMERIC, {}, "")
KEYED = ColumnPlan("c", "c", "uuid", "uuid", ValueKind.UUID, {}, "")
DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=2),
    st.decimals(allow_nan=False, allow_infinity=False, places=9),
    st.decimals(-(10**13), 10**13, places=6),
    st.integers(-(10**30), 10**30).map(Decimal),
    st.integers(-(10**20), 10**20).map(Decimal),
    st.integers(-(2**67), 2**67).map(lambda units: Decimal(units // 10**6)),
    st.sampled_from(["0", "999999999999.999999", "1000000000000", "0.0000001"]).map(Decimal),
)
LONG = "1234567890123456789.0000000001"
quick = settings(max_examples=80, deadline=None)


def digest(values: pa.Array[Any], column: ColumnPlan = COLUMN) -> Digest:
    total = DigestSum()
    total.add(pa.RecordBatch.from_arrays([values], names=["c"]), [column])
    return total.digest()


def texts(*numbers: Decimal | str | None) -> pa.Array[Any]:
    return pa.array([number if number is None else f"{Decimal(number):f}" for number in numbers], pa.string())


@quick
@given(one=DECIMALS, other=DECIMALS)
def test_numbers_are_hashed_alike_where_they_are_equal(one: Decimal, other: Decimal) -> None:
    assert (digest(texts(one)) == digest(texts(other))) is (one == other)


@quick
@given(number=DECIMALS, zeros=st.integers(0, 20))
def test_neighbours_and_zeros_at_the_end_do_not_count(number: Decimal, zeros: int) -> None:
    # The neighbour is beyond what fits a word, so that the whole column takes the other way.
    spelled = f"{number:f}" + ("0" * zeros if "." in f"{number:f}" else "")
    alone = digest(pa.array([spelled]))
    assert combine([alone, digest(texts(LONG))]) == digest(pa.array([LONG, spelled]))
    assert alone == digest(texts(number))


@quick
@given(
    scale=st.integers(0, 6), units=st.lists(st.none() | st.integers(-(10**18) + 1, 10**18 - 1), max_size=5)
)
def test_packed_numbers_are_hashed_as_their_texts(scale: int, units: list[int | None]) -> None:
    printed = texts(*(None if count is None else Decimal(count).scaleb(-scale) for count in units))
    assert digest(pack(printed, pa.decimal64(18, scale))) == digest(printed)


@pytest.mark.parametrize(
    "text", ["36893488200000", "36893488200000.5", "0.0000000010000000000000000", "9" * 38]
)
def test_number_that_would_go_around_64_bits_stays_what_it_is(text: str) -> None:
    table = digest_table(pa.table({"c": pa.array([text, f"-{text}"])}), [COLUMN])
    assert table.column("c0").null_count == 2
    assert [Decimal(found) for found in table.column("c1").to_pylist()] == [
        Decimal(text),
        Decimal(f"-{text}"),
    ]


@pytest.mark.parametrize(
    "digits", ["12.345678", "1234567890123456.5", "0.123456789012345678901234567890", "9" * 30 + ".25"]
)
def test_every_digit_counts(digits: str) -> None:
    seen = {digest(texts(digits)).checksum}
    for place, digit in enumerate(digits):
        if digit != ".":
            changed = digits[:place] + str((int(digit) + 1) % 10) + digits[place + 1 :]
            seen.add(digest(pa.array([changed])).checksum)
    assert len(seen) == len(digits.replace(".", "")) + 1


def test_what_is_no_number_differs_from_all_that_are() -> None:
    odd = ["NaN", "Infinity", "-Infinity", None, "0", "-1"]
    assert len({digest(pa.array([value], pa.string())).checksum for value in odd}) == len(odd)
    together = digest(pa.array(odd, pa.string()))
    assert together == combine(digest(pa.array([value], pa.string())) for value in odd)


def test_uuids_are_hashed_alike_however_they_come() -> None:
    ids = [uuid.UUID(int=number) for number in (0, 7, 2**127 + 3, 2**128 - 1)]
    forms = [
        pa.array([str(ids[0]), None, *map(str, ids[1:])]),
        pa.array([ids[0].bytes, None, *(one.bytes for one in ids[1:])], pa.binary()),
        pa.array([ids[0].bytes, None, *(one.bytes for one in ids[1:])], pa.binary(16)),
    ]
    assert len({digest(form, KEYED) for form in forms}) == 1
    swapped = pa.array([ids[2].bytes[8:] + ids[2].bytes[:8]], pa.binary(16))
    assert digest(swapped, KEYED) != digest(pa.array([ids[2].bytes], pa.binary(16)), KEYED)
    for bit in range(128):
        assert digest(pa.array([str(uuid.UUID(int=1 << bit))]), KEYED) != digest(
            pa.array([str(ids[0])]), KEYED
        )


def test_texts_whose_zeros_mean_something_stay_texts() -> None:
    spelled = ColumnPlan(
        "c", "c", "", "numeric", ValueKind.NUMERIC, {StorageClass.TEXT: "text_to_numeric"}, ""
    )
    table = digest_table(pa.table({"c": pa.array(["1.50", "1.5"])}), [spelled])
    assert table.column("c0").to_pylist() == ["1.50", "1.5"]
