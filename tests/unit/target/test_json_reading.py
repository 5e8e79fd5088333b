from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.target.json_reading import read_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_read_as_python_itself_reads_it(value: object) -> None:
    written = json.dumps(value)
    assert repr(read_json(written.encode())) == repr(json.loads(written)) == repr(read_json(written))


@pytest.mark.parametrize(
    "written",
    ["-0", "-0.0", "1e5", "1E400", "NaN", '"\\ud800"', '"\\u0000"', "9" * 400, '{"a": 1, "a": 2}', " [] "],
)
def test_what_is_rare_is_read_as_python_itself_reads_it(written: str) -> None:
    assert repr(read_json(written.encode())) == repr(json.loads(written))


@pytest.mark.parametrize("written", ["", "{", "[1,]", "'a'", "\x00"])
def test_what_is_no_json_is_an_error(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_json(written.encode())
