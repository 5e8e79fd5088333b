"""How sentences name things: a few of many, and the one that somebody meant."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeVar

Thing = TypeVar("Thing")

NAMES_SHOWN: Final = 3
"""Of more than these a sentence says how many there are; whoever needs them all gets them as data."""


def some(names: Iterable[str], limit: int = NAMES_SHOWN, separator: str = ", ") -> str:
    """Return the first names, each once, and how many more there are; a single one more is named, too.

    >>> some(f"t{number}" for number in range(300))
    't0, t1, t2 and 297 more'
    """
    known = list(dict.fromkeys(names))
    if len(known) <= limit + 1:
        return separator.join(known)
    return f"{separator.join(known[:limit])} and {len(known) - limit:,} more"


def unnamed(things: Sequence[Thing], limit: int = NAMES_SHOWN) -> Sequence[Thing]:
    """Return those of a list without repetitions that `some` does not name: for where each of them has to be known."""
    return things[limit:] if len(things) > limit + 1 else ()


def nearest_name(name: str, known: Collection[str]) -> str:
    """Return the known name that looks most like `name`; empty where none does."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.6)), "")
