"""Rows of the app `comprehension`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes, as_json
from examples.demo.texts import SUBJECTS, TONGUES, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPES: tuple[tuple[str, str, str | None], ...] = (
    ("choice", "Multiple choice", "One of several answers is right."),
    ("cloze", "Cloze", "A gap to fill: ____"),
    ("order", "Put in order", None),
    ("match", "Match pairs", ""),
    ("short", "Short answer", "A word or two, in any script: да, 是, نعم, हाँ"),
    ("essay", "Essay", "At most 500 words."),
)
_LEVELS = ("starter", "easy", "medium", "hard", "expert")
_COLOURS = ("#d33", "#3a3", "#33d")
_CODES = tuple(f"{english.lower()}-{script}" for english, *_ in SUBJECTS for script in ("en", "zh", "ar"))


def question_type(_sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """The six forms of a question; others point to their codes, which are texts."""
    for row, (code, name, description) in enumerate(_TYPES, start=1):
        yield (row, code, name, description, f"<div class='{code}'>{{{{ prompt }}}}</div>", dice.moment())


def subject(_sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Eight subjects in three languages."""
    for row, code in enumerate(_CODES, start=1):
        names = SUBJECTS[(row - 1) // 3]
        colour = None if row % 5 == 0 else _COLOURS[row % 3]
        yield (
            row,
            code,
            names[(row - 1) % 3],
            f"{names[0]} / {names[1]}",
            "📚",
            colour,
            row * 10,
            dice.moment(),
        )


def difficulty_level(_sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Five steps; the last is for any age."""
    for row, name in enumerate(_LEVELS, start=1):
        oldest = None if row == len(_LEVELS) else 4 + row * 3
        yield (row, row, name, f"{name} 🎯", 3 + row * 2, oldest, dice.moment())


def question(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Questions in all languages; tags are JSON in a column of texts."""
    for row in range(1, sizes.questions + 1):
        tongue = TONGUES[row % len(TONGUES)]
        yield (
            row,
            _TYPES[row % len(_TYPES)][0],
            _CODES[row % len(_CODES)],
            1 + row % len(_LEVELS),
            " ".join([dice.pick(tongue.sentences) for _ in range(dice.between(3, 12))]),
            None if row % 9 == 0 else f"{dice.pick(tongue.words)}?",
            dice.between(1, 4) * 5,
            60,
            as_json([dice.pick(TOPICS) for _ in range(dice.below(4))]),
            "" if row % 6 else "https://example.org/q?id=1&x=%20",
            int(row % 31 != 0),
            dice.moment(),
        )


def user_progress(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Two answers of each person, as documents; what was not finished has neither score nor time."""
    row = 0
    for user in range(1, sizes.users + 1):
        for _ in range(2):
            row += 1
            number = dice.between(1, sizes.questions)
            score = None if row % 8 == 0 else dice.between(0, 10)
            answer = {
                "text": dice.pick(TONGUES[user % len(TONGUES)].words),
                "marks": [dice.real(), None, {"x": row}],
            }
            yield (
                row,
                user,
                number,
                _TYPES[number % len(_TYPES)][0],
                _CODES[number % len(_CODES)],
                1 + number % len(_LEVELS),
                None if score is None else int(score > 5),
                score,
                10,
                dice.below(600),
                dice.between(1, 3),
                None if score is None else as_json(answer),
                None if score is None else dice.moment(),
                dice.moment(),
            )


def user_stats(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Totals of two subjects for each person; who has answered nothing has not practised."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(2):
            row += 1
            asked = 0 if row % 21 == 0 else dice.below(4_000)
            right = dice.between(0, asked)
            best = dice.below(60)
            made = dice.moment()
            yield (
                row,
                user,
                _CODES[(user + place * 11) % len(_CODES)],
                asked,
                right,
                right * 10,
                best,
                dice.between(0, best),
                dice.below(90_000),
                dice.moment() if asked else None,
                made,
                made,
            )


ROWS = {
    "question_type": question_type,
    "subject": subject,
    "difficulty_level": difficulty_level,
    "question": question,
    "user_progress": user_progress,
    "user_stats": user_stats,
}
