"""Rows of the app `math`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes, as_json

if TYPE_CHECKING:
    from collections.abc import Iterator

_SKILLS = ("addition", "fractions", "дроби", "几何", "الجبر", "दशमलव", "percent", "time")
_SLIPS = ("sign", "carry", "place_value", "misread", "typo")


def math_problem(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Problems with whole and decimal answers, some beyond 32 bits."""
    for problem in range(1, sizes.problems + 1):
        a, b = dice.between(-999, 999), dice.between(1, 999)
        operation, sign, answer = (
            ("add", "+", a + b),
            ("subtract", "−", a - b),  # noqa: RUF001
            ("multiply", "×", a * b * (1 if problem % 20 else 10**7)),  # noqa: RUF001
            ("divide", "÷", round(a / 8, 3)),
        )[problem % 4]
        second = {"divide": 8, "multiply": b if problem % 20 else b * 10**7}.get(operation, b)
        yield (
            problem,
            f"{a} {sign} {second} = ?",
            operation,
            as_json([a, second]),
            answer,
            1 + problem % 8,
            dice.real(0, 10),
        )


def session_result(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Sessions; who closed the browser has no end."""
    for session in range(1, sizes.sessions + 1):
        total = dice.between(5, 30)
        correct = dice.between(0, total)
        day, minute = dice.day(), dice.below(1_380)
        finished = f"{day} {minute // 60:02d}:{minute % 60:02d}:59.500"
        yield (
            session,
            dice.between(1, sizes.users),
            f"{day} {minute // 60:02d}:{minute % 60:02d}:00",
            None if session % 15 == 0 else finished,
            total,
            correct,
            round(correct / total, 4),
            dice.pick(("phone", "tablet", "desktop", "", None)),
        )


def question_history(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Answers; a skipped one is NULL."""
    for row in range(1, sizes.answers + 1):
        skipped = row % 23 == 0
        yield (
            row,
            1 + row % sizes.sessions,
            dice.between(1, sizes.problems),
            None if skipped else dice.below(1_000) if row % 4 else dice.decimal(-50, 50, 3),
            int(not skipped and dice.chance(0.8)),
            dice.between(400, 60_000),
            dice.exact_moment(),
        )


def mistake(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Every sixth answer is one to learn from."""
    for row in range(1, sizes.answers // 6 + 1):
        skill = dice.pick(_SKILLS)
        explanation = f"{skill}: {dice.between(1, 9)}/{dice.between(2, 9)} ≠ {dice.decimal(0, 9, 2)}"
        yield (row, row * 6, dice.pick(_SLIPS), None if row % 4 == 0 else explanation, int(dice.chance(0.5)))


def mastery(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three skills for each person, in Leitner's five boxes."""
    for user in range(1, sizes.users + 1):
        for place in range(3):
            practised = None if dice.chance(0.05) else dice.day()
            yield (
                user,
                _SKILLS[(user + place * 3) % len(_SKILLS)],
                dice.between(1, 5),
                dice.real(),
                practised,
            )


def learning_profile(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three of four people have one; the model is sixteen doubles."""
    for user in range(1, sizes.users * 3 // 4 + 1):
        strong = {dice.pick(_SKILLS): dice.decimal(0, 1, 3) for _ in range(2)}
        yield (
            user,
            dice.pick(("slow", "steady", "fast")),
            as_json(strong),
            as_json([dice.pick(_SKILLS)] if user % 5 else []),
            None if user % 8 == 0 else struct.pack("<16d", *[dice.real(-1, 1) for _ in range(16)]),
            dice.exact_moment(),
        )


def performance_pattern(_sizes: Sizes, _dice: Dice) -> Iterator[tuple[object, ...]]:
    """None: the table stays empty, as a new feature's does."""
    return iter(())


def repetition_schedule(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Two problems to see again for each person."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(2):
            row += 1
            problem = 1 + (user + place * 5) % sizes.problems
            repeats = dice.below(12)
            yield (row, user, problem, dice.day(), 1.3 * 2.5**repeats, dice.decimal(1.3, 3.5, 2), repeats)


ROWS = {
    "math_problem": math_problem,
    "session_result": session_result,
    "question_history": question_history,
    "mistake": mistake,
    "mastery": mastery,
    "learning_profile": learning_profile,
    "performance_pattern": performance_pattern,
    "repetition_schedule": repetition_schedule,
}
