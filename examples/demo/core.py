"""Rows of the app `core`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import DAYS, Dice, Sizes, as_json, avatar
from examples.demo.texts import EMOJI, TONGUES, Tongue

if TYPE_CHECKING:
    from collections.abc import Iterator

_HASH_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def tongue_of(user: int) -> Tongue:
    """Return the language that a user writes in."""
    return TONGUES[user % len(TONGUES)]


def users(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Accounts; every fiftieth is a teacher, every ninth has never signed in."""
    for user in range(1, sizes.users + 1):
        start = dice.below(600)
        secret = "".join([dice.pick(_HASH_LETTERS) for _ in range(53)])
        yield (
            user,
            f"{tongue_of(user).code}_reader_{user}",
            f"Reader.{user}@{tongue_of(user).code}.example.org",
            f"$2b$12${secret}",
            "teacher" if user % 50 == 0 else "student",
            int(user % 31 != 0),
            f"{DAYS[start]} {dice.clock()}",
            None if user % 9 == 0 else f"{DAYS[start + dice.below(130)]} {dice.clock()}",
        )


def user_profiles(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Profiles; some say nothing of themselves (NULL), some say '' on purpose."""
    for user in range(1, sizes.users + 1):
        tongue = tongue_of(user)
        said = f"{dice.pick(tongue.sentences)} {dice.pick(EMOJI)}"
        bio = None if user % 7 == 0 else "" if user % 11 == 0 else said
        born = f"{dice.between(1950, 2017)}-{dice.between(1, 12):02d}-{dice.between(1, 28):02d}"
        preferences = {
            "theme": dice.pick(("light", "dark", "auto")),
            "font": {"size": dice.between(10, 22), "dyslexia": dice.chance(0.1)},
            "languages": [tongue.code, "en"],
            "motto": dice.pick(tongue.words),
            "volume": dice.decimal(0, 1, 2),
            "muted_until": None,
        }
        yield (
            user,
            f"{dice.pick(tongue.given_names)} {dice.pick(tongue.family_names)}",
            bio,
            None if user % 13 == 0 else born,
            tongue.locale,
            tongue.timezone,
            None if user % 4 == 0 else b"" if user % 101 == 0 else avatar(user % 256),
            as_json(preferences),
        )


ROWS = {"users": users, "user_profiles": user_profiles}
