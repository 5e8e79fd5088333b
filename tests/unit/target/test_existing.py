from __future__ import annotations

import pytest

from migration.target.existing import match_names


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
        (["straße"], ["straße"], {"straße": "straße"}),
        (["日本"], ["日本", "中国"], {"日本": "日本"}),
    ],
)
def test_names_are_paired_only_where_they_can_mean_one(
    source: list[str], target: list[str], found: dict[str, str]
) -> None:
    assert match_names(source, target) == found
