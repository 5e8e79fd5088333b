from __future__ import annotations

import random
import struct
from decimal import Decimal

import pyarrow as pa
import pytest
from psycopg.adapt import Transformer
from psycopg.pq import Format

from migration.errors import InternalError
from migration.target.loading.numeric_wire_format import encode_numerics

_NUMERIC_OID = 1700
_DICE = random.Random(5)  # noqa: S311 - dice for test data
_SMALL = [
    "0",
    "0.00",
    "5.00",
    "-0.01",
    "9999.9999",
    "-9999999999999999",
    "0.0000000000000001",
    "12.5",
    "10000",
    ".5",
]
_LARGE = ["9" * 40, "-0." + "0" * 30 + "1", "10000000000000000", "1234567890123456.7", "99999999999999.999"]


def _random_texts(count: int) -> list[str]:
    texts = []
    for _ in range(count):
        scale = _DICE.randrange(9)
        number = Decimal(_DICE.randrange(-(10 ** _DICE.randrange(1, 14)), 10**13)).scaleb(-scale)
        texts.append(format(number, "f"))
    return texts


def _read(wire: bytes) -> tuple[Decimal, int]:
    """Return a numeric's value as psycopg reads it, and how many digits it shows after the point."""
    load = Transformer().get_loader(_NUMERIC_OID, Format.BINARY).load
    return load(wire), struct.unpack(">hhHh", wire[:8])[3]


@pytest.mark.parametrize("texts", [_SMALL, _LARGE, _SMALL + _LARGE, _random_texts(3_000)], ids=len)
def test_numbers_travel_with_value_and_scale(texts: list[str]) -> None:
    wire = encode_numerics(pa.array([None, *texts, None]))
    assert wire[0].as_py() is None is wire[len(wire) - 1].as_py()
    for text, encoded in zip(texts, wire.to_pylist()[1:-1], strict=True):
        assert _read(encoded) == (Decimal(text), len(text.partition(".")[2])), text


@pytest.mark.parametrize("scale", [0, 1, 2, 4, 5, 6])
def test_packed_numbers_travel_with_value_and_scale(scale: int) -> None:
    numbers = [_DICE.randrange(-(10**width), 10**width) for width in range(1, 19) for _ in range(20)]
    for units in ([0, 1, -1, 9_999, 10_000, -(10**4), 10**8, 10**12 - 1, 10**12], numbers, [10**18 - 1]):
        values = pa.array([None, *units, None]).view(pa.decimal64(18, scale))
        wire = encode_numerics(values)
        assert wire[0].as_py() is None is wire[len(wire) - 1].as_py()
        for count, encoded in zip(units, wire.to_pylist()[1:-1], strict=True):
            assert _read(encoded) == (Decimal(count).scaleb(-scale), scale)
        assert encode_numerics(values.slice(1)).to_pylist() == wire.to_pylist()[1:]


def test_part_of_an_array_is_encoded_alone() -> None:
    whole = pa.array(["1.5", None, "-22.25", "3"])
    assert encode_numerics(whole.slice(1, 2)).to_pylist() == encode_numerics(whole).to_pylist()[1:3]


def test_slots_of_nulls_may_hold_anything() -> None:
    hidden = pa.array(["1.5", "no number", "2"])
    values = pa.Array.from_buffers(
        pa.string(), 3, [pa.py_buffer(bytes([0b101])), *hidden.buffers()[1:]], null_count=1
    )
    assert [wire and _read(wire)[0] for wire in encode_numerics(values).to_pylist()] == [
        Decimal("1.5"),
        None,
        Decimal(2),
    ]


def test_infinities_of_a_numeric_travel() -> None:
    assert str(_read(encode_numerics(pa.array(["Infinity"]))[0].as_py())[0]) == "Infinity"


def test_text_that_is_no_number_is_a_fault_of_ours() -> None:
    with pytest.raises(InternalError, match="numeric"):
        encode_numerics(pa.array(["1.5", "1.5.5"]))
