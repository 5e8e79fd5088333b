"""Rows of the app `gamification`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes, as_json, avatar
from examples.demo.texts import TONGUES

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACHIEVEMENTS = 40
_REASONS = ("quiz_passed", "streak_kept", "first_login", "problem_solved", "gift", "correction")


def user_xp(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Points; a few people have more than 32 bits of them."""
    for user in range(1, sizes.users + 1):
        total = dice.below(250_000) if user % 500 else 3_000_000_000 + dice.below(10**9)
        yield (user, total, min(99, 1 + total // 2_500), dice.exact_moment())


def xp_log(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Changes of points, corrections below zero among them; a third carries details."""
    for row in range(1, sizes.answers + 1):
        reason = dice.pick(_REASONS)
        amount = -dice.between(1, 50) if reason == "correction" else dice.between(1, 100)
        details = None
        if row % 3 == 0:
            details = (
                f'{{"source":"{reason}","rule":{{"id":{dice.below(40)},"factor":{dice.decimal(1, 3, 1)}}}}}'
            )
        yield (row, dice.between(1, sizes.users), amount, reason, details, dice.exact_moment())


def user_streak(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Streaks; who was never active has no last day."""
    for user in range(1, sizes.users + 1):
        current = dice.below(60)
        yield (user, current, current + dice.below(90), None if user % 9 == 0 else dice.day(), dice.below(3))


def achievement(_sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Badges, named in every language in turn."""
    for number in range(1, _ACHIEVEMENTS + 1):
        tongue = TONGUES[number % len(TONGUES)]
        criteria = {
            "all": [{"field": "total_xp", "op": ">=", "value": number * 250}, {"not": {"role": "guest"}}]
        }
        yield (
            number,
            f"badge_{number:02d}",
            f"🏅 {dice.pick(tongue.words)}",
            dice.pick(tongue.sentences),
            number * 10,
            avatar(256 + number),
            as_json(criteria),
        )


def user_achievement(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Five badges for each person: three earned, two on the way."""
    for user in range(1, sizes.users + 1):
        for place in range(5):
            earned = place < 3
            yield (
                user,
                1 + (user + place * 7) % _ACHIEVEMENTS,
                1.0 if earned else dice.real(),
                dice.moment() if earned else None,
            )


ROWS = {
    "user_xp": user_xp,
    "xp_log": xp_log,
    "user_streak": user_streak,
    "achievement": achievement,
    "user_achievement": user_achievement,
}
