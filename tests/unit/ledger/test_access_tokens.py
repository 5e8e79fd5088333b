from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.access_errors import TokenNameError
from migration.ledger.access_tokens import (
    PREFIX,
    AccessScope,
    create_token,
    granted,
    is_well_formed,
    new_token,
)
from migration.ledger.run_acts import Person


def test_tokens_are_recognised_and_no_two_are_the_same() -> None:
    made = {new_token() for _ in range(500)}

    assert len(made) == 500
    assert all(token.startswith(PREFIX) and len(token) == 45 and is_well_formed(token) for token in made)


def test_a_token_with_any_one_character_changed_is_none() -> None:
    token = new_token()

    for place in range(len(token)):
        other = "0" if token[place] != "0" else "1"
        assert not is_well_formed(token[:place] + other + token[place + 1 :]), place


@given(st.text())
def test_no_other_text_is_a_token(text: str) -> None:
    assert not is_well_formed(text)
    assert not is_well_formed(PREFIX + text)


def test_each_scope_includes_those_before_it() -> None:
    order = [AccessScope.READ, AccessScope.RUN, AccessScope.ADMIN]

    assert list(AccessScope) == order
    for size in range(4):
        for scopes in itertools.permutations(order, size):
            highest = max((order.index(scope) for scope in scopes), default=-1)
            assert granted(scopes) == tuple(order[: highest + 1])


@pytest.mark.parametrize("name", ["", "-x", "a b", "ci\n", "ci\x1b[31m", "x" * 64, "a/b", "tök"])
def test_a_name_that_could_be_read_as_something_else_is_refused(name: str) -> None:
    with pytest.raises(TokenNameError, match="letters, digits"):
        create_token(None, name, [AccessScope.READ], Person("ada", "here"))  # type: ignore[arg-type]
