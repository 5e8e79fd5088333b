"""Rows of the app `core`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes
from examples.demo.texts import EMOJI, TONGUES, Tongue

if TYPE_CHECKING:
    from collections.abc import Iterator

_HASH_LETTERS = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def tongue_of(user: int) -> Tongue:
    """Return the language that a user writes in."""
    return TONGUES[user % len(TONGUES)]


def users(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Accounts; every ninth has never signed in, some have no name (NULL), some '' on purpose."""
    for user in range(1, sizes.users + 1):
        tongue = tongue_of(user)
        secret = "".join([dice.pick(_HASH_LETTERS) for _ in range(53)])
        named = f"{dice.pick(tongue.given_names)} {dice.pick(tongue.family_names)} {dice.pick(EMOJI)}"
        made = dice.moment()
        yield (
            user,
            f"{tongue.code}_reader_{user}",
            f"Reader.{user}@{tongue.code}.example.org",
            f"$2b$12${secret}",
            None if user % 7 == 0 else "" if user % 11 == 0 else named,
            made,
            made,
            None if user % 9 == 0 else dice.moment(),
        )


def user_profiles(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Profiles, under keys of their own."""
    for user in range(1, sizes.users + 1):
        tongue = tongue_of(user)
        made = dice.moment()
        yield (
            sizes.users + 1 - user,
            user,
            f"{tongue.code}_reader_{user}",
            f"{dice.pick(tongue.given_names)} {dice.pick(tongue.family_names)}",
            dice.below(900_000),
            None if user % 13 == 0 else dice.moment(),
            made,
            made,
        )


ROWS = {"users": users, "user_profiles": user_profiles}
