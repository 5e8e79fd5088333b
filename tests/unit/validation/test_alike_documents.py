"""What is known of a column's documents makes them no other: each is written as it would be by itself."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.model import ColumnPlan, StorageClass, ValueKind
from migration.validation.canonical_form import canonical_array, canonical_json

COPIES = 300
"""Of each document: fewer are not worth a decoder that knows them."""
JSONB = ColumnPlan("d", "d", "json", "jsonb", ValueKind.JSON, {StorageClass.TEXT: "text_to_json"}, "")
NAMES = st.sampled_from(
    ["a", "b", "aa", "B", "_", "ä", "é", "", "f0", "f1", 'q"', "\\", "\n", "type", "1e5", "\U0001f600"]
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(NAMES, part, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=4)


def canonical(documents: list[str | None]) -> list[str | None]:
    found: list[str | None] = canonical_array(pa.array(documents, pa.string()), JSONB).to_pylist()
    return found


def alone(documents: list[str | None]) -> list[str | None]:
    return [None if document is None else canonical_json(document) for document in documents]


@settings(deadline=None, max_examples=50)  # each is 300 documents and more
@given(OBJECTS, st.lists(OBJECTS | VALUES, max_size=6), st.booleans(), st.booleans())
def test_documents_beside_alike_ones_are_written_as_by_themselves(
    first: Any, others: list[Any], are_ascii: bool, are_sorted: bool
) -> None:
    written = [json.dumps(each, ensure_ascii=are_ascii, sort_keys=are_sorted) for each in [first, *others]]
    # Numbered, so that none of them repeats: those that do are looked at once.
    documents = [f"{document}{' ' * number}" for number in range(COPIES) for document in written]
    assert canonical([*documents, None]) == alone([*documents, None])


@pytest.mark.parametrize(
    "strange",
    [
        '{"b": 1, "a": {"y": 2, "x": 3}, "l": [{"k": 1}], "more": 1}',
        '{"a": {"y": 2}}',
        '{"a": null, "l": null}',
        '{"a": [], "l": {}}',
        '{"a": {"x": 3, "y": 2, "z": 4}, "b": 1}',
        '{"l": [{"k": 1}, {"k": 2, "j": 3}, null, 7, []], "b": 1}',
        '{"b": 1, "b": 2, "a": {"x": 1, "x": [1]}}',
        '{"\\u0062": 1, "a": {"\\u0078": "\\u00e9\\ud83d\\ude00\\n"}}',
        '{"b": 123456789012345678901234567890, "a": {"x": -0, "y": 0}}',
        '{"b": 1.50, "a": {"x": 1e2, "y": 1E-7}}',
        '{"b": 1.00000000000000012345, "a": {"x": 0.00000012345}}',
        '{"b": 12e3}',
        '{"b": "12e3", "a": "1.50"}',
        '[{"b": 1}]',
        '"text"',
        "17",
        "null",
    ],
)
def test_a_stranger_among_alike_documents_is_written_as_by_itself(strange: str) -> None:
    documents: list[str | None] = [
        f'{{"b": {n}, "a": {{"y": {n}.5, "x": "{n}"}}, "l": [{{"k": {n}}}, {{"k": 2.25}}]}}'
        for n in range(COPIES)
    ]
    documents[COPIES // 2] = strange
    assert canonical(documents) == alone(documents)
    many: list[str | None] = [f"{strange}{' ' * n}" if n % 2 else documents[n] for n in range(COPIES)]
    assert canonical(many) == alone(many)


@pytest.mark.parametrize(
    "changed", ["1.0000000000000000001", "1.5000000000000000001", "2", '"1"', "1.1", "true"]
)
def test_another_number_in_one_of_many_alike_documents_shows(changed: str) -> None:
    documents: list[str | None] = [f'{{"n": {n}, "v": 1.5, "w": 1}}' for n in range(COPIES)]
    others = list(documents)
    others[7] = f'{{"n": 7, "v": {changed}, "w": 1}}'
    assert [here == there for here, there in zip(canonical(documents), canonical(others), strict=True)] == [
        n != 7 for n in range(COPIES)
    ]
