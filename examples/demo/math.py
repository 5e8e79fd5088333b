"""Rows of the app `math`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples.demo.dice import Dice, Sizes

if TYPE_CHECKING:
    from collections.abc import Iterator

_MODES = ("addition", "subtraction", "multiplication", "division")
_SIGNS = ("+", "−", "×", "÷")  # noqa: RUF001
_LEVELS = ("easy", "medium", "hard")
_STYLES = ("visual", "steady", "дроби", "几何", "الجبر", "दशमलव")
_TIMES_OF_DAY = ("morning", "afternoon", "evening")
_FACTS = 144


def _fact(number: int) -> str:
    return f"{number % 12 + 1}×{number // 12 % 12 + 1}"  # noqa: RUF001


def math_problem(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Problems; the answers of some are beyond 32 bits."""
    for problem in range(1, sizes.problems + 1):
        a, b = dice.between(-999, 999), dice.between(1, 999) * (1 if problem % 20 else 10**7)
        mode = problem % 4
        answer = (a + b, a - b, a * b, a)[mode]
        left = a * b if mode == 3 else a
        yield (problem, _MODES[mode], dice.pick(_LEVELS), left, b, _SIGNS[mode], answer, dice.moment())


def session_result(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Sessions; in some, nothing was answered, and there is no average."""
    for session in range(1, sizes.sessions + 1):
        total = 0 if session % 15 == 0 else dice.between(5, 30)
        right = dice.between(0, total)
        seconds = dice.real(10, 900)
        yield (
            session,
            dice.between(1, sizes.users),
            dice.pick(_MODES),
            dice.pick(_LEVELS),
            total,
            right,
            seconds,
            seconds / total if total else None,
            right / total if total else None,
            dice.moment(),
        )


def question_history(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Answers; a skipped one is NULL, and answers are texts, blanks and leading zeros with them."""
    for row in range(1, sizes.answers + 1):
        left, right = dice.between(1, 12), dice.between(1, 12)
        skipped = row % 23 == 0
        given = f"{dice.below(150):03d}" if row % 4 else f" {left * right}"
        yield (
            row,
            dice.between(1, sizes.users),
            f"{left} × {right} = ?",  # noqa: RUF001
            None if skipped else given,
            str(left * right),
            int(not skipped and dice.chance(0.8)),
            dice.real(0.4, 60),
            f"{left}-{right}-{left * right}",
            dice.pick(_MODES),
            dice.moment(),
        )


def mistake(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """A sixth as many as there are answers."""
    for row in range(1, sizes.answers // 6 + 1):
        left, right = dice.between(2, 12), dice.between(2, 12)
        yield (
            row,
            dice.between(1, sizes.users),
            f"{left} × {right} = ?",  # noqa: RUF001
            str(left * right),
            "" if row % 11 == 0 else str(left * right + dice.between(1, 9)),
            dice.pick(_MODES),
            None if row % 4 == 0 else f"{left}-{right}-{left * right}",
            dice.between(1, 9),
            dice.moment(),
        )


def mastery(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three facts for each person; those that were never practised have no times."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(3):
            row += 1
            tried = dice.below(40)
            fastest = dice.real(0.3, 5) if tried else None
            yield (
                row,
                user,
                _fact(user + place * 37),
                dice.pick(_MODES),
                dice.between(0, tried),
                tried,
                dice.real(),
                dice.moment() if tried else None,
                fastest * 1.7 if fastest else None,
                fastest,
                fastest * 3 if fastest else None,
            )


def learning_profile(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Three of four people have one."""
    for user in range(1, sizes.users * 3 // 4 + 1):
        yield (
            user,
            user,
            dice.pick(_STYLES),
            dice.pick(_TIMES_OF_DAY),
            dice.between(5, 60),
            dice.clock(),
            None if user % 8 == 0 else dice.pick(_TIMES_OF_DAY),
            dice.between(5, 45),
            dice.below(90_000),
            dice.moment(),
        )


def performance_pattern(_sizes: Sizes, _dice: Dice) -> Iterator[tuple[object, ...]]:
    """None: the table stays empty, as a new feature's does."""
    return iter(())


def repetition_schedule(sizes: Sizes, dice: Dice) -> Iterator[tuple[object, ...]]:
    """Two facts to see again for each person."""
    row = 0
    for user in range(1, sizes.users + 1):
        for place in range(2):
            row += 1
            repeats = dice.below(12)
            yield (
                row,
                user,
                _fact(user + place * 5),
                dice.pick(_MODES),
                dice.midnight(),
                1 + repeats * 3,
                dice.decimal(1.3, 3.5, 2),
                repeats,
            )


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
