from __future__ import annotations

import pytest

from migration.identifiers import fold, shorten
from migration.model import IdentifierPolicy
from migration.target.pg_catalog.source_name_matching import match_names


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (["a"], ["a", "A"], {"a": "a"}),
        (["A"], ["a"], {"A": "a"}),
        (["A", "a"], ["a"], {"a": "a"}),
        (["UserId"], ["user_id"], {"UserId": "user_id"}),
        (["UserId", "user_id"], ["user_id", "userid"], {"user_id": "user_id", "UserId": "userid"}),
        (["User Id", "User-Id"], ["user_id"], {}),
        (["x"], ["user_id", "userid"], {}),
        (["userId"], ["user_id", "USER_ID"], {}),
        (["x" * 70], ["x" * 63, "x" * 54 + "_5b5d3e0f"], {}),
        (["straße"], ["straße"], {"straße": "straße"}),
        (["日本"], ["日本", "中国"], {"日本": "日本"}),
    ],
)
def test_names_are_paired_only_where_they_can_mean_one(
    source: list[str], target: list[str], found: dict[str, str]
) -> None:
    assert match_names(source, target) == found


@pytest.mark.parametrize("policy", IdentifierPolicy)
def test_names_that_a_policy_made_are_found(policy: IdentifierPolicy) -> None:
    names = ["UserId", "Ünïcode Name", "x" * 40 + "LongName" + "y" * 40, "plain"]
    made = [shorten(fold(name, policy)) for name in names]
    assert match_names(names, made) == dict(zip(names, made, strict=True))
