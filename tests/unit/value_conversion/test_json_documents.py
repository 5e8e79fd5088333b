"""Numbers of JSON documents are found by what they are, not by what they look like."""

from __future__ import annotations

import json
import string
import uuid

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from migration.value_conversion.rules import RULES, Context, Misfit
from migration.value_conversion.rules.document_losses import (
    count_losing,
    says_a_key_twice,
    says_negative_zero,
)
from migration.value_conversion.rules.json_number_tokens import NumberReader, is_odd, numbers_in
from migration.value_conversion.rules.json_rules import are_kept_whole

RULE = RULES["text_to_json"]
# What looks like a number, and strings that try to hide where they end.
ODD_TEXTS = st.text(alphabet='0123456789eE+-.:, []{}"\\/u\n\té') | st.uuids().map(str)
NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,6})?", fullmatch=True)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document as any program may write it: its own white space, numbers and escapes."""
    gap = st.sampled_from(["", " ", "\n", "\t "])

    def spaced(written: str) -> str:
        return f"{draw(gap)}{written}{draw(gap)}"

    texts = st.builds(
        lambda text, ascii_only: json.dumps(text, ensure_ascii=ascii_only), ODD_TEXTS, st.booleans()
    )
    scalars = NUMBERS | texts | st.sampled_from(["true", "false", "null"])
    return draw(
        st.recursive(
            scalars.map(spaced),
            lambda inner: (
                st.lists(inner, max_size=4).map(lambda parts: spaced(f"[{','.join(parts)}]"))
                | st.lists(st.tuples(texts.map(spaced), inner), max_size=4).map(
                    lambda pairs: spaced("{" + ",".join(f"{name}:{value}" for name, value in pairs) + "}")
                )
            ),
            max_leaves=12,
        )
    )


@given(documents())
@example('{"id": "01a22530-347f-7d27-ad9e-5175cd3b24c9", "a\\\\": "1e-9999", "b": [-0, 1.5E+7]}')
def test_numbers_are_those_that_a_json_parser_finds(document: str) -> None:
    found: list[str] = []

    def note(number: str) -> int:
        found.append(number)
        return 0

    json.loads(document, parse_int=note, parse_float=note)
    assert [number.decode() for number in numbers_in(document.encode())] == found
    reader = NumberReader()
    reader.decoder.decode(document.encode())
    assert reader.found_odd() == any(map(is_odd, found))


@given(documents())
def test_losses_of_a_document_are_those_that_a_json_parser_finds(document: str) -> None:
    twice, signs = [], []

    def pairs(found: list[tuple[str, object]]) -> dict[str, object]:
        twice.append(len(dict(found)) < len(found))
        return dict(found)

    def note(number: str) -> int:
        signs.append(
            number.startswith("-") and not any(c in "123456789" for c in number.lower().split("e")[0])
        )
        return 0

    json.loads(document, object_pairs_hook=pairs, parse_int=note, parse_float=note)
    assert says_a_key_twice(document.encode()) == any(twice)
    assert says_negative_zero(document.encode()) == any(signs)


@given(st.lists(ODD_TEXTS, min_size=1, max_size=20))
def test_strings_speak_against_no_document(texts: list[str]) -> None:
    values = pa.array([json.dumps({"text": text, text: ["x", 1]}) for text in texts])
    converted, bad = RULE.columnar(values, Context())
    assert bad is None
    assert converted.equals(values)


def test_twenty_thousand_uuids_fit() -> None:
    values = pa.array(
        [
            f'{{"id": "{uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC834 % 2**128)}"}}'
            for number in range(20_000)
        ]
    )
    assert RULE.columnar(values, Context())[1] is None


@pytest.mark.parametrize(
    "number", ["1e-16384", "-1.5E-99999", "1e131072", "0e9999999999", "1e" + "9" * 5_000]
)
def test_an_odd_number_is_left_to_the_server(number: str) -> None:
    document = f'{{"a": ["1e-99999", {number}]}}'
    _, bad = RULE.columnar(pa.array([document]), Context())
    assert bad is not None
    with pytest.raises(Misfit, match="too large or too small"):
        RULE.scalar(document, Context())
    asked: list[tuple[str, str]] = []

    def takes_it(text: str, type_: str) -> str:
        asked.append((text, type_))
        return ""

    assert RULE.scalar(document, Context(ask_server=takes_it)) == document
    assert asked == [(document, "jsonb")]
    with pytest.raises(Misfit, match="no room"):
        RULE.scalar(document, Context(ask_server=lambda _text, _type: "no room"))
    # The type json keeps the text, whatever its numbers are.
    assert RULE.scalar(document, Context().for_type("json")) == document


@pytest.mark.parametrize("document", ["{", "[NaN]", "{'a': 1}", "1 2", "", "\ufeff{}", '"\t"'])
def test_what_is_no_json_is_refused_without_asking(document: str) -> None:
    def never(text: str, type_: str) -> str:
        raise AssertionError(f"{text} {type_}")

    with pytest.raises(Misfit, match="not JSON"):
        RULE.scalar(document, Context(ask_server=never))


def test_digits_are_no_number_in_a_string() -> None:
    digits = string.digits * 20_000
    assert RULE.columnar(pa.array([f'"{digits}"']), Context())[1] is None
    assert RULE.scalar(f'"{digits}"', Context()) == f'"{digits}"'
    with pytest.raises(Misfit, match="too long"):
        RULE.scalar(f"[1{digits}]", Context())


MALFORMED = st.sampled_from(["", " ", "[1,", "2]", "1 2", "1, 2", '"', "{}{}", "nul", "\n", '["\n"]'])
LOSING = st.sampled_from(
    ['{"a": 1, "a": 2}', "[-0]", '{"a": -0.0}', '"\\u0000"', "1e200000", '{"\\u003a": 1, ":": 2}']
)


@given(st.lists(documents() | MALFORMED | LOSING, min_size=1, max_size=6))
def test_documents_of_a_batch_are_seen_as_each_alone(batch: list[str]) -> None:
    values = pa.array(batch)
    losing = [says_a_key_twice(d.encode()) or ("-0" in d and says_negative_zero(d.encode())) for d in batch]
    assert count_losing(values) == sum(losing)
    if are_kept_whole(values):
        assert not any(losing)
        assert RULE.columnar(values, Context())[1] is None
        assert all(RULE.scalar(document, Context()) == document for document in batch)


def test_documents_as_applications_write_them_are_looked_at_together() -> None:
    batch = ['{"a": 1.5, "at": "2024-01-05 10:00:00"}', '[{"a": {"b": 1}}, "\u00e9"]', "{\n}"]
    assert are_kept_whole(pa.array(batch))
