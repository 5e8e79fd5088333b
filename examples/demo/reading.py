"""Rows of the app `reading`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.core import tongue_of
from examples.demo.dice import Dice, Sizes, as_json
from examples.demo.texts import EMOJI, TONGUES, TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUESTIONS_PER_QUIZ = 8
_WORDS_PER_USER = 4


def word(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Words of all languages; most have no sound yet."""
    for row in range(1, sizes.words + 1):
        tongue = TONGUES[row % len(TONGUES)]
        definition = None if row % 12 == 0 else dice.pick(tongue.sentences)
        sound = bytes([row % 256]) * dice.between(8, 48) if row % 5 == 0 else None
        frequency = None if row % 14 == 0 else dice.real(0, 0.001)
        yield (
            row,
            f"{dice.pick(tongue.words)}-{row}",
            tongue.code,
            tongue.script,
            definition,
            frequency,
            sound,
        )


def reading_result(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """One passage for each session of the other apps."""
    for row in range(1, sizes.sessions + 1):
        user = dice.between(1, sizes.users)
        yield (
            row,
            user,
            f"{dice.pick(tongue_of(user).words)} — {dice.pick(TOPICS)}",
            dice.between(80, 1_200),
            dice.real(40, 400),
            None if row % 16 == 0 else dice.decimal(50, 100, 2),
            dice.moment(),
        )


def word_performance(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Four words for each person."""
    for user in range(1, sizes.users + 1):
        for place in range(_WORDS_PER_USER):
            seen = dice.between(0, 40)
            last = dice.day() if seen else None
            yield (user, 1 + (user * 3 + place) % sizes.words, seen, dice.between(0, seen), last)


def quiz(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Passages of ten to forty sentences."""
    for row in range(1, sizes.quizzes + 1):
        tongue = TONGUES[row % len(TONGUES)]
        settings = {"shuffle": dice.chance(0.5), "limits": {"minutes": dice.pick((None, 10, 20)), "tries": 3}}
        yield (
            row,
            f"{dice.pick(tongue.words)} {dice.pick(EMOJI)}",
            tongue.code,
            " ".join([dice.pick(tongue.sentences) for _ in range(dice.between(10, 40))]),
            as_json(settings),
            int(row % 6 != 0),
            dice.moment(),
        )


def question(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Eight questions for each quiz, with four choices each."""
    for row in range(sizes.quizzes * _QUESTIONS_PER_QUIZ):
        number = row // _QUESTIONS_PER_QUIZ + 1
        tongue = TONGUES[number % len(TONGUES)]
        choices = as_json([{"text": dice.pick(tongue.words), "weight": place / 4} for place in range(4)])
        position = row % _QUESTIONS_PER_QUIZ + 1
        yield (row + 1, number, position, f"{dice.pick(tongue.words)}?", choices, dice.below(4))


def quiz_attempt(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Tries; one of twelve was left unfinished, with neither score nor end."""
    for row in range(1, sizes.sessions // 2 + 1):
        answers = ",".join([f'"{place}":{dice.below(4)}' for place in range(1, _QUESTIONS_PER_QUIZ + 1)])
        day, minute = dice.day(), dice.below(1_380)
        finished = row % 12 != 0
        yield (
            row,
            dice.between(1, sizes.quizzes),
            dice.between(1, sizes.users),
            f"{{{answers}}}" if finished else "{}",
            dice.below(_QUESTIONS_PER_QUIZ + 1) * 12.5 if finished else None,
            f"{day} {minute // 60:02d}:{minute % 60:02d}:00",
            f"{day} {(minute + 9) // 60:02d}:{(minute + 9) % 60:02d}:30" if finished else None,
        )


def reading_learning_profile(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three of four people have one."""
    for user in range(1, sizes.users * 3 // 4 + 1):
        topics = as_json({dice.pick(TOPICS): {"likes": dice.below(20)} for _ in range(3)})
        speed = None if user % 10 == 0 else dice.real(60, 350)
        yield (user, dice.pick(("A1", "A2", "B1", "B2", "C1")), topics, speed, dice.exact_moment())


def reading_streak(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three of four people have one."""
    for user in range(1, sizes.users * 3 // 4 + 1):
        current = dice.below(40)
        yield (user, current, current + dice.below(50), dice.day() if current else None)


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
