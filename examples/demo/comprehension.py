"""Rows of the app `comprehension`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes, as_json, avatar
from examples.demo.texts import SUBJECTS, TONGUES

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: tuple[tuple[str, str, str | None, int], ...] = (
    ("choice", "Multiple choice", "One of several answers is right.", 0),
    ("cloze", "Cloze", "A gap to fill: ____", 0),
    ("order", "Put in order", None, 0),
    ("match", "Match pairs", "", 0),
    ("short", "Short answer", "A word or two, in any script: да, 是, نعم, हाँ", 1),
    ("essay", "Essay", "At most 500 words.", 1),
)
_LEVELS = ("starter", "easy", "medium", "hard", "expert")


def question_type(_sizes: Sizes, _dice: Dice) -> Iterator[tuple[object, ...]]:
    """The six forms of a question, under keys that are text."""
    return iter(_TYPES)


def subject(_sizes: Sizes, _dice: Dice) -> Iterator[tuple[object, ...]]:
    """Eight subjects with four parts each."""
    row = 0
    for names in SUBJECTS:
        row += 1
        parent = row
        yield (row, None, names[0], as_json(dict(zip(("en", "zh", "ar"), names, strict=True))))
        for part in range(1, 5):
            row += 1
            yield (
                row,
                parent,
                f"{names[0]} {part}",
                as_json({"en": f"{names[0]} {part}", "zh": f"{names[1]}{part}"}),
            )


def difficulty_level(_sizes: Sizes, _dice: Dice) -> Iterator[tuple[object, ...]]:
    """Five steps of twenty points."""
    for row, name in enumerate(_LEVELS, start=1):
        yield (row, name, (row - 1) * 20, row * 20 - 0.01)


def question(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Questions in all languages; open ones have no choices, and some come with a figure."""
    for row in range(1, sizes.questions + 1):
        tongue = TONGUES[row % len(TONGUES)]
        code, _, _, is_open = _TYPES[row % len(_TYPES)]
        yield (
            row,
            1 + row % (len(SUBJECTS) * 5),
            code,
            1 + row % len(_LEVELS),
            None
            if row % 9 == 0
            else " ".join([dice.pick(tongue.sentences) for _ in range(dice.between(3, 12))]),
            f"{dice.pick(tongue.words)}?",
            None if is_open else as_json([dice.pick(tongue.words) for _ in range(4)]),
            dice.pick(tongue.words),
            avatar(row % 64) if row % 7 == 0 else None,
            dice.moment(),
        )


def user_progress(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Two subjects for each person."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(2):
            row += 1
            answered = dice.below(80)
            best = dice.decimal(0, 100, 2) if answered else None
            subject_id = 1 + (user + place * 11) % (len(SUBJECTS) * 5)
            yield (row, user, subject_id, answered, dice.between(0, answered), best, dice.moment())


def user_stats(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Totals; who has answered nothing has no average."""
    for user in range(1, sizes.users + 1):
        answered = 0 if user % 21 == 0 else dice.below(4_000)
        histogram = (
            f'{{"bins":[{dice.below(9)},{dice.below(9)},{dice.below(9)}],"edges":{{"low":0,"high":100}}}}'
        )
        yield (
            user,
            answered,
            dice.decimal(0, 100, 3) if answered else None,
            dice.real(0, 90_000),
            histogram,
            dice.moment() if answered else None,
        )


ROWS = {
    "question_type": question_type,
    "subject": subject,
    "difficulty_level": difficulty_level,
    "question": question,
    "user_progress": user_progress,
    "user_stats": user_stats,
}
