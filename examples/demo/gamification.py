"""Rows of the app `gamification`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes
from examples.demo.texts import TONGUES, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_ACHIEVEMENTS = 40
_SOURCES = ("quiz", "streak", "login", "problem", "gift", "correction")


def user_xp(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Points; a few people have more than 32 bits of them."""
    for user in range(1, sizes.users + 1):
        total = dice.below(250_000) if user % 500 else 3_000_000_000 + dice.below(10**9)
        made = dice.moment()
        yield (
            user,
            user,
            total % 2_500,
            total,
            min(99, 1 + total // 2_500),
            dice.moment(),
            made,
            dice.moment(),
        )


def xp_log(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Changes of points, corrections below zero among them; a third has no reason."""
    for row in range(1, sizes.answers + 1):
        source = dice.pick(_SOURCES)
        amount = -dice.between(1, 50) if source == "correction" else dice.between(1, 100)
        reason = None if row % 3 == 0 else f"{source}: {dice.pick(TOPICS)}"
        yield (row, dice.between(1, sizes.users), amount, source, reason, dice.moment())


def user_streak(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Streaks; who was never active has no last day."""
    for user in range(1, sizes.users + 1):
        current = dice.below(60)
        made = dice.moment()
        last = None if user % 9 == 0 else dice.midnight()
        yield (user, user, current, current + dice.below(90), last, made, made)


def achievement(_sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Badges, named in every language in turn."""
    for number in range(1, _ACHIEVEMENTS + 1):
        tongue = TONGUES[number % len(TONGUES)]
        yield (
            number,
            f"badge_{number:02d}",
            f"🏅 {dice.pick(tongue.words)}",
            dice.pick(tongue.sentences),
            "🏅" if number % 2 else "",
            number * 10,
            dice.pick(TOPICS),
            dice.moment(),
        )


def user_achievement(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Five badges for each person: three earned, two on the way."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(5):
            row += 1
            earned = dice.moment() if place < 3 else None
            yield (row, user, 1 + (user + place * 7) % _ACHIEVEMENTS, earned, dice.moment())


ROWS = {
    "user_xp": user_xp,
    "xp_log": xp_log,
    "user_streak": user_streak,
    "achievement": achievement,
    "user_achievement": user_achievement,
}
