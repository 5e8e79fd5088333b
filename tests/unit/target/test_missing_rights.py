"""Rights that are missing on many tables are told as one."""

from __future__ import annotations

from migration.target.missing_rights import MissingRight, gathered

OF_ALL = "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader"


def reads(number: int) -> list[MissingRight]:
    return [
        MissingRight("read", f"GRANT SELECT ON shop.t{n} TO reader", f"shop.t{n}", OF_ALL)
        for n in range(number)
    ]


def test_a_few_are_granted_one_by_one() -> None:
    assert gathered(reads(3)) == reads(3)
    assert [right.words for right in gathered(reads(2))] == ["read shop.t0", "read shop.t1"]


def test_many_are_granted_at_once_and_others_stay() -> None:
    usage = MissingRight("use what is in schema shop", "GRANT USAGE ON SCHEMA shop TO reader")
    told = gathered([usage, *reads(300)])
    assert [right.grant for right in told] == [usage.grant, OF_ALL]
    assert told[1].words == "read shop.t0, shop.t1, shop.t2 and 297 more"


def test_many_without_a_common_grant_stay_apart() -> None:
    calls = [MissingRight("call", f"GRANT EXECUTE ON FUNCTION f{n} TO me", f"f{n}") for n in range(9)]
    assert gathered(calls) == calls
