from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from migration.mapping_file_model import Normalisation
from migration.model import StorageClass
from migration.value_conversion.batch_conversion import Context, convert
from migration.value_conversion.text_normalisation import Normaliser
from tests.support.column_factories import plan, raw, slot

NFC, TRIM, LOWER, EMPTY_TO_NULL = Normalisation

CASES = [
    ((TRIM,), None, " a\t\n", "a", ["trimmed"]),
    ((TRIM,), None, "\u00a0\u2003a b\u3000", "a b", ["trimmed"]),
    ((TRIM,), None, "a", "a", []),
    ((LOWER,), None, "ÀB", "àb", ["lowered"]),
    ((NFC,), None, "e\u0301", "é", ["nfc_normalised"]),
    ((NFC,), None, "é", "é", []),
    ((EMPTY_TO_NULL,), None, "", None, ["empty_to_null"]),
    ((EMPTY_TO_NULL,), None, " ", " ", []),
    ((TRIM, EMPTY_TO_NULL), None, " ", None, ["trimmed", "empty_to_null"]),
    ((), "", "a\0b\0", "ab", ["nul_stripped"]),
    ((), "?", "a\0b", "a?b", ["nul_replaced"]),
    ((TRIM, EMPTY_TO_NULL), "", "\0 ", None, ["nul_stripped", "trimmed", "empty_to_null"]),
    ((TRIM, LOWER, NFC, EMPTY_TO_NULL), "", None, None, []),
]


@pytest.mark.parametrize("neighbour", ["plain", "é", "nul\0", b"\xff"])
@pytest.mark.parametrize(("steps", "nul", "stored", "expected", "names"), CASES)
def test_steps_change_and_count(
    steps: tuple[Normalisation, ...], nul: str | None, stored: str | None, expected: str | None, names: list[str],
    neighbour: Any,
) -> None:  # fmt: skip
    values, changes = Normaliser(steps, nul).apply(slot(StorageClass.TEXT, [stored, neighbour]))
    assert values[0].as_py() == expected
    assert [name for name, mask in changes if mask[0].as_py()] == names


def test_texts_that_are_not_utf8_stay_as_they_are() -> None:
    values, changes = Normaliser((TRIM, LOWER), "").apply(slot(StorageClass.TEXT, [b" \xffA\0", " B"]))
    assert values.view(pa.binary()).to_pylist() == [b" \xffA\0", b"b"]
    assert [mask.true_count for _, mask in changes] == [0, 1, 1]


def test_quarantine_keeps_the_original_and_counts_loaded_rows_only() -> None:
    column = plan("text_to_int32", "integer", normalise=(TRIM,))
    converted = convert(raw(c=[" 12 ", " x ", "7"]), [column], Context())
    assert converted.batch.column("c").to_pylist() == [12, 7]
    assert [rejection.original for rejection in converted.rejections] == [b" x "]
    assert converted.transforms == {("c", "trimmed"): 1, ("c", "text_to_number"): 2}


def test_text_that_becomes_null_needs_no_rule() -> None:
    column = plan("integer_to_int32", "integer", normalise=(EMPTY_TO_NULL,))
    converted = convert(raw(c=["", 5, "x"]), [column], Context())
    assert converted.batch.column("c").to_pylist() == [None, 5]
    assert converted.rows_rejected == 1


def test_column_has_a_time_zone_of_its_own() -> None:
    zoned = plan("text_to_timestamptz", "timestamp with time zone", source_timezone="Asia/Tokyo")
    converted = convert(raw(c=["2024-01-01 09:00:00"]), [zoned], Context("Europe/Berlin"))
    assert converted.batch.column("c")[0].as_py().isoformat() == "2024-01-01T00:00:00+00:00"
