from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migration.identifiers import (
    Namespace,
    column_namespace,
    fold,
    quote_identifier,
    quote_literal,
    shorten,
    why_renamed,
)
from migration.model import IdentifierPolicy
from migration.schema_translation.table_ddl import qualified, render

PRESERVE, LOWER, SNAKE = IdentifierPolicy.PRESERVE, IdentifierPolicy.LOWER, IdentifierPolicy.SNAKE


@pytest.mark.parametrize(
    ("name", "policy", "expected"),
    [
        ("UserId", PRESERVE, "UserId"),
        ("UserId", LOWER, "userid"),
        ("UserId", SNAKE, "user_id"),
        ("HTTPServer", SNAKE, "http_server"),
        ("Order Details", SNAKE, "order_details"),
        ("a--b", SNAKE, "a_b"),
        ("already_snake", SNAKE, "already_snake"),
        ("Größe", SNAKE, "größe"),
        ("自由", SNAKE, "自由"),
        ("--", SNAKE, ""),
    ],
)
def test_policy(name: str, policy: IdentifierPolicy, expected: str) -> None:
    assert fold(name, policy) == expected


def test_long_names_that_agree_in_63_bytes_stay_apart() -> None:
    one, other = shorten("x" * 70 + "a"), shorten("x" * 70 + "b")
    assert one != other
    assert len(one) == len(other) == 63


@given(st.lists(st.text(min_size=1, max_size=90), max_size=8))
@settings(max_examples=100, deadline=None, database=None)
def test_claimed_names_differ_and_fit(names: list[str]) -> None:
    namespace = column_namespace()
    claimed = [namespace.claim(name) for name in names]
    assert len(set(claimed)) == len(claimed)
    assert all(0 < len(name.encode()) <= 63 for name in claimed)


def test_collision_gets_a_number_that_is_itself_free() -> None:
    namespace = Namespace()
    assert [namespace.claim(name) for name in ("a", "a_2", "a", "a")] == ["a", "a_2", "a_3", "a_4"]


def test_system_columns_get_an_underscore() -> None:
    assert column_namespace().claim("ctid") == "ctid_"
    assert Namespace().claim("ctid") == "ctid"


@pytest.mark.parametrize(
    ("name", "target", "policy", "words"),
    [
        ("UserId", "userid", LOWER, None),
        ("UserId", "user_id", SNAKE, None),
        ("xmin", "xmin_", PRESERVE, "system column"),
        ("x" * 70, shorten("x" * 70), PRESERVE, "63 bytes"),
        ("B", "b_2", LOWER, "another one"),
        ("", "column_1", PRESERVE, "empty"),
    ],
)
def test_only_surprising_changes_are_reported(
    name: str, target: str, policy: IdentifierPolicy, words: str | None
) -> None:
    reason = why_renamed(name, target, policy)
    assert (reason is None) if words is None else (reason is not None and words in reason)


def test_braces_in_names_survive_rendering() -> None:
    sql = f"SELECT {quote_literal('{schema} {x}')} FROM {qualified('{schema}')} AS {quote_identifier('{0}')}"
    literal, table = r"U&'\007Bschema} \007Bx}'", r'U&"\007Bschema}"'
    assert render(sql, 'my "s"') == f'SELECT {literal} FROM "my ""s""".{table} AS "{{0}}"'
