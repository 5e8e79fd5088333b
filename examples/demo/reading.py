"""Rows of the app `reading`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.core import tongue_of
from examples.demo.dice import Dice, Sizes, as_json
from examples.demo.texts import EMOJI, TONGUES

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTIONS_PER_QUIZ = 8
_FORMS = ("choice", "true_false", "order")


def _word(number: int, dice: Dice) -> str:
    return f"{dice.pick(TONGUES[number % len(TONGUES)].words)}-{number}"


def word(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Words of all languages."""
    for row in range(1, sizes.words + 1):
        yield (row, _word(row, dice), dice.moment())


def reading_result(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """One text for each session of the other apps; of some, nothing was understood."""
    for row in range(1, sizes.sessions + 1):
        user = dice.between(1, sizes.users)
        expected = " ".join([dice.pick(tongue_of(user).sentences) for _ in range(dice.between(1, 6))])
        total = len(expected.split())
        right = dice.between(0, total)
        heard = row % 16 != 0
        yield (
            row,
            user,
            expected,
            expected if right == total and heard else " ".join(expected.split()[:right]) if heard else "",
            right / total if heard else None,
            right if heard else 0,
            total,
            dice.real(40, 400),
            dice.real(5, 300),
            dice.moment(),
        )


def word_performance(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """One for each word; those that nobody has read have no last time."""
    for row in range(1, sizes.words + 1):
        right, wrong = dice.below(40) if row % 10 else 0, dice.below(20) if row % 10 else 0
        last = dice.moment() if right or wrong else None
        share = right / (right + wrong) if right or wrong else 0.0
        yield (row, _word(row, dice), right, wrong, share, last, dice.moment())


def quiz(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Quizzes, described in ten to forty sentences."""
    for row in range(1, sizes.quizzes + 1):
        tongue = TONGUES[row % len(TONGUES)]
        yield (
            row,
            f"{dice.pick(tongue.words)} {dice.pick(EMOJI)}",
            None
            if row % 9 == 0
            else " ".join([dice.pick(tongue.sentences) for _ in range(dice.between(10, 40))]),
            dice.pick((50, 70, 90)),
            dice.moment(),
        )


def question(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Eight questions for each quiz; those of two options have no others."""
    for row in range(sizes.quizzes * _QUESTIONS_PER_QUIZ):
        number = row // _QUESTIONS_PER_QUIZ + 1
        tongue = TONGUES[number % len(TONGUES)]
        form = _FORMS[row % len(_FORMS)]
        options = [dice.pick(tongue.words) for _ in range(4)]
        if form == "true_false":
            options = ["true", "false", None, None]
        yield (
            row + 1,
            number,
            f"{dice.pick(tongue.words)}?",
            form,
            options[dice.below(2)],
            *options,
            dice.moment(),
        )


def quiz_attempt(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Tries; one of twelve was left unfinished, with neither score nor answers."""
    for row in range(1, sizes.sessions // 2 + 1):
        score = dice.below(_QUESTIONS_PER_QUIZ + 1) if row % 12 else None
        answers = {str(place): dice.below(4) for place in range(1, _QUESTIONS_PER_QUIZ + 1)}
        yield (
            row,
            dice.between(1, sizes.quizzes),
            dice.between(1, sizes.users),
            score,
            _QUESTIONS_PER_QUIZ,
            None if score is None else score * 100 // _QUESTIONS_PER_QUIZ,
            None if score is None else int(score > _QUESTIONS_PER_QUIZ // 2),
            "" if score is None else as_json(answers),
            dice.moment(),
            dice.moment(),
        )


def reading_learning_profile(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three of four people have one; who has tried no quiz has no average."""
    for user in range(1, sizes.users * 3 // 4 + 1):
        quizzes = dice.below(20)
        yield (
            user,
            user,
            dice.pick(("A1", "A2", "B1", "B2", "C1")),
            None if user % 10 == 0 else dice.real(60, 350),
            dice.real(),
            dice.below(2_000),
            quizzes,
            dice.real(0, 100) if quizzes else None,
            dice.moment(),
            dice.moment(),
        )


def reading_streak(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three of four people have one."""
    for user in range(1, sizes.users * 3 // 4 + 1):
        current = dice.below(40)
        last, first = (dice.moment(), dice.midnight()) if current else (None, None)
        yield (user, user, current, current + dice.below(50), last, first, dice.moment())


ROWS = {
    "word": word,
    "reading_result": reading_result,
    "word_performance": word_performance,
    "quiz": quiz,
    "question": question,
    "quiz_attempt": quiz_attempt,
    "reading_learning_profile": reading_learning_profile,
    "reading_streak": reading_streak,
}
