from __future__ import annotations

import random
import uuid
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from migration.model import StorageClass
from migration.value_conversion.rules.uuid_rules import CANONICAL, are_all_canonical
from migration.value_conversion.uuid_shapes import EXAMPLES, count_shapes

_DICE = random.Random(3)  # noqa: S311 - dice for test data
_GOOD = [str(uuid.UUID(int=_DICE.getrandbits(128))) for _ in range(300)]
_DIGITS = "12345678-1234-4234-8234-123456789012"
_NEARLY = [
    _GOOD[0].upper(),
    _GOOD[0].replace("-", ""),
    _GOOD[0][:-1] + "g",
    _GOOD[0][:-1],
    _GOOD[0].replace("-", "0"),
    "-".join((_GOOD[0][:7], _GOOD[0][7:])).replace("--", "-")[:36],
    " " + _GOOD[0][1:],
    "é" + _GOOD[0][2:],
    "",
]


@pytest.mark.parametrize("odd", [*_NEARLY, None, _DIGITS])
def test_bytes_tell_what_the_pattern_tells(odd: str | None) -> None:
    values = pa.array([*_GOOD, odd, *_GOOD])
    matched = pc.all(pc.match_substring_regex(values, CANONICAL)).as_py()
    assert are_all_canonical(values) == matched == (odd in {None, _DIGITS})


def test_hyphens_of_one_do_not_stand_in_for_another_s() -> None:
    first, second = _GOOD[:2]
    assert not are_all_canonical(pa.array([first.replace("-", "a", 1), f"{second[:4]}-{second[5:]}"]))


def test_nothing_is_not_all_of_them() -> None:
    assert not are_all_canonical(pa.array([None, None], pa.string()))


@pytest.mark.parametrize("many", [_GOOD, [str(uuid.uuid4()) for _ in range(50)], [_DIGITS, _DIGITS]])
@pytest.mark.parametrize("extra", [[], [_DIGITS], [None], [_DIGITS.replace("4234", "0234")]])
def test_shapes_of_canonical_texts_are_counted_as_by_patterns(
    many: list[str], extra: list[str | None]
) -> None:
    texts = [text for text in [*many, *extra] if text is not None]
    expected = Counter(
        lower=len(texts),
        upper=len(texts) if all(text == text.upper() for text in texts) else 0,
        versioned=sum(text[14] in "12345678" and text[19] in "89ab" for text in texts),
    )
    assert count_shapes(StorageClass.TEXT, pa.array([*many, *extra])) == +expected
    assert set(expected) - {"versioned"} <= set(EXAMPLES)
