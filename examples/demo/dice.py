"""Chance that falls the same way on every machine, and the plain values that are drawn with it."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")

FIRST_DAY = date(2024, 1, 1)
DAYS: tuple[str, ...] = tuple((FIRST_DAY + timedelta(days=n)).isoformat() for n in range(730))


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows the larger tables get; all others follow from these."""

    users: int
    events: int
    sessions: int
    answers: int
    problems: int
    words: int
    quizzes: int
    questions: int

    @classmethod
    def scaled(cls, scale: float) -> Sizes:
        """Return the sizes for `scale`; 1.0 makes about 360,000 rows in all."""

        def rows(count: int) -> int:
            return max(10, round(count * scale))

        return cls(
            users=rows(4_000),
            events=rows(72_000),
            sessions=rows(12_000),
            answers=rows(60_000),
            problems=rows(2_000),
            words=rows(1_500),
            quizzes=rows(120),
            questions=rows(1_000),
        )


class Dice:
    """Random values from a seed. Uses `random.random()` only, the one method whose sequence Python promises.

    https://docs.python.org/3/library/random.html#notes-on-reproducibility
    """

    def __init__(self, seed: str) -> None:
        self._roll = random.Random(seed).random

    def below(self, limit: int) -> int:
        """Return a whole number from 0 to `limit` - 1."""
        return int(self._roll() * limit)

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + int(self._roll() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self._roll() < probability

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of `choices`."""
        return choices[int(self._roll() * len(choices))]

    def real(self, low: float = 0.0, high: float = 1.0) -> float:
        """Return a real number with all its digits."""
        return low + self._roll() * (high - low)

    def decimal(self, low: float, high: float, digits: int) -> float:
        """Return a number with at most `digits` digits after the point, as applications store money and marks."""
        return round(low + self._roll() * (high - low), digits)

    def clock(self) -> str:
        """Return a time of day: 23:59:59."""
        second = int(self._roll() * 86_400)
        return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"

    def moment(self) -> str:
        """Return a moment as Go's drivers write it: in UTC, to the microsecond, without the zeros at its end."""
        fraction = f".{int(self._roll() * 1_000_000):06d}".rstrip("0").rstrip(".")
        return f"{self._day()} {self.clock()}{fraction}+00:00"

    def midnight(self) -> str:
        """Return the beginning of a day, as Go writes it."""
        return f"{self._day()} 00:00:00+00:00"

    def _day(self) -> str:
        return DAYS[int(self._roll() * len(DAYS))]


def as_json(value: object) -> str:
    """Return compact JSON that keeps every script readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
