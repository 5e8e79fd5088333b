"""Rows of the app `analytics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.core import tongue_of
from examples.demo.dice import Dice, Sizes, as_json
from examples.demo.texts import EMOJI, SUBJECTS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_APPS = ("math", "reading", "typing", "comprehension")
_ACTIONS = ("open", "answer", "hint", "pause", "finish", "share")


def app_progress(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three apps for each person."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(3):
            row += 1
            app = _APPS[(user + place) % len(_APPS)]
            opened = None if row % 17 == 0 else dice.moment()
            yield (row, user, app, dice.decimal(0, 100, 2), dice.below(5_000), opened)


def subject_mastery(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three subjects for each person, in one script or another; a new estimate has no confidence yet."""
    for user in range(1, sizes.users + 1):
        for place in range(3):
            subject = SUBJECTS[(user + place) % len(SUBJECTS)][user % 3]
            confidence = None if dice.chance(0.1) else dice.real()
            yield (user, subject, dice.real(0, 100), confidence, dice.below(400), dice.exact_moment())


def learning_goal(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """One goal for each person; half want to be reminded, some have no date."""
    for user in range(1, sizes.users + 1):
        yield (
            user,
            user,
            f"{dice.pick(tongue_of(user).words)} → {dice.pick(TOPICS)}",
            dice.between(1, 20) * 15,
            None if user % 6 == 0 else dice.day(),
            dice.clock() if user % 2 else None,
            int(dice.chance(0.3)),
        )


def user_note(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Notes of one to four sentences in the writer's language; every tenth is deleted, a few are empty."""
    for row in range(1, sizes.users * 2 + 1):
        user = 1 + row % sizes.users
        tongue = tongue_of(user)
        body = " ".join([dice.pick(tongue.sentences) for _ in range(1 + dice.below(4))])
        written = dice.moment()
        yield (
            row,
            user,
            f"{dice.pick(tongue.words)} {dice.pick(EMOJI)}",
            "" if row % 53 == 0 else body,
            as_json([dice.pick(TOPICS) for _ in range(dice.below(4))]),
            written,
            written if row % 10 == 0 else None,
        )


def activity_log_entry(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Events; two may be the same to the last column, for the table has no key."""
    for row in range(1, sizes.events + 1):
        payload = None
        if row % 2:
            payload = (
                f'{{"screen":{{"w":{dice.pick((360, 768, 1920))},"dpr":{dice.pick((1, 1.5, 2, 3))}}},'
                f'"items":[{dice.below(100)},{dice.below(100)}],"note":"{dice.pick(TOPICS)}"}}'
            )
        yield (
            dice.between(1, sizes.users),
            dice.pick(_APPS),
            dice.pick(_ACTIONS),
            payload,
            None if row % 19 == 0 else dice.real(0, 900),
            dice.exact_moment(),
        )


ROWS = {
    "app_progress": app_progress,
    "subject_mastery": subject_mastery,
    "learning_goal": learning_goal,
    "user_note": user_note,
    "activity_log_entry": activity_log_entry,
}
