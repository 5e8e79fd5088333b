"""Rows of the app `analytics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.core import tongue_of
from examples.demo.dice import Dice, Sizes
from examples.demo.texts import SUBJECTS, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_APPS = ("math", "reading", "typing", "comprehension")
_EVENTS = ("open", "answer", "hint", "pause", "finish", "share")
_STATES = ("open", "reached", "given up")


def app_progress(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three apps for each person; who has tried nothing has scores of zero."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(3):
            row += 1
            tried = 0 if row % 17 == 0 else dice.between(1, 5_000)
            right = dice.between(0, tried)
            best = dice.real(50, 100) if tried else 0.0
            yield (
                row,
                user,
                _APPS[(user + place) % len(_APPS)],
                tried // 10,
                best,
                best * 0.8,
                dice.below(900_000),
                right,
                tried,
                right / tried if tried else 0.0,
                dice.moment(),
                dice.moment(),
            )


def subject_mastery(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three subjects for each person, in one script or another; some were never practised."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(3):
            row += 1
            asked = dice.below(400)
            subject = SUBJECTS[(user + place) % len(SUBJECTS)][user % 3]
            last = dice.moment() if asked else None
            made = dice.moment()
            right = dice.between(0, asked)
            yield (row, user, dice.pick(_APPS), subject, dice.real(), asked, right, last, made, made)


def learning_goal(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """One goal for each person; some are described with nothing, some have no date."""
    for user in range(1, sizes.users + 1):
        made = dice.moment()
        yield (
            user,
            user,
            f"{dice.pick(tongue_of(user).words)} → {dice.pick(TOPICS)}",
            "" if user % 5 == 0 else dice.pick(tongue_of(user).sentences),
            dice.pick(_APPS),
            dice.between(1, 20) * 15,
            None if user % 6 == 0 else dice.midnight(),
            dice.pick(_STATES),
            made,
            dice.moment(),
        )


def user_note(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Notes of one to four sentences in the person's language; a few are empty, some are nobody's."""
    for row in range(1, sizes.users * 2 + 1):
        user = 1 + row % sizes.users
        content = " ".join([dice.pick(tongue_of(user).sentences) for _ in range(1 + dice.below(4))])
        written = dice.moment()
        yield (
            row,
            user,
            "" if row % 53 == 0 else content,
            dice.pick(TOPICS),
            None if row % 10 == 0 else f"teacher_{dice.below(40)}",
            written,
            written,
        )


def activity_log_entry(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Events; the details of half of them are JSON in a column of texts, as the apps write them."""
    for row in range(1, sizes.events + 1):
        details = "opened by hand"
        if row % 2:
            details = (
                f'{{"screen":{{"w":{dice.pick((360, 768, 1920))},"dpr":{dice.pick((1, 1.5, 2, 3))}}},'
                f'"items":[{dice.below(100)},{dice.below(100)}],"note":"{dice.pick(TOPICS)}"}}'
            )
        yield (
            row,
            dice.between(1, sizes.users),
            dice.pick(_APPS),
            dice.pick(_EVENTS),
            details,
            dice.moment(),
        )


ROWS = {
    "app_progress": app_progress,
    "subject_mastery": subject_mastery,
    "learning_goal": learning_goal,
    "user_note": user_note,
    "activity_log_entry": activity_log_entry,
}
