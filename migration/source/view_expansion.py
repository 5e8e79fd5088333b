"""How many queries a view is once the views that it names stand in their places.

SQLite puts them there whenever it wants to know the columns of a view, which it does for all views when it lists the
tables, and it cannot be interrupted meanwhile. Forty views of a line each, every one naming the one before twice, are
a billion queries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from migration.source.sqlite_syntax import tokenize
from migration.sqlite_names import folded

MOST_QUERIES: Final = 10_000
"""Of one view; SQLite itself gives up at 65,535 references to one."""
_MOST_IN_ALL: Final = 1_000_000
"""A few seconds of SQLite's."""


def too_large_view(views: Mapping[str, str]) -> str | None:
    """Return the name of a view that is too many queries, alone or with those before it; None where none is.

    Args:
        views: their CREATE statements by name.
    """
    named = {folded(name): name for name in views}
    parts = {
        folded(name): [folded(token.name) for token in tokenize(sql)[2:] if folded(token.name) in named]
        for name, sql in views.items()
    }
    sizes: dict[str, int] = {}
    total = 0
    for view in parts:
        total += _size(view, parts, sizes)
        if sizes[view] > MOST_QUERIES or total > _MOST_IN_ALL:
            return named[view]
    return None


def _size(view: str, parts: Mapping[str, list[str]], sizes: dict[str, int]) -> int:
    """Return how many queries a view is. Without recursion: a chain of views may be longer than Python's stack."""
    waiting = [(view, iter(parts[view]))]
    begun = {view: 1}
    while waiting:
        at, rest = waiting[-1]
        for part in rest:
            if part in sizes:
                begun[at] += sizes[part]
            elif part not in begun:  # else a circle, which SQLite refuses
                begun[part] = 1
                waiting.append((part, iter(parts[part])))
                break
        else:
            waiting.pop()
            sizes[at] = begun.pop(at)
            if waiting:
                begun[waiting[-1][0]] += sizes[at]
    return sizes[view]
