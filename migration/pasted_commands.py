"""Command lines that errors, reports and answers name, made such that they work as pasted.

Whoever raises an error knows neither by which flags the user named the target, nor which sources: a line gets them
where it is shown, by these functions and by nothing else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

PROGRAM: Final = "migration-cli"
TAKE_TARGET: Final = frozenset(
    {
        "cancel",
        "cleanup",
        "cutover",
        "doctor",
        "dry-run",
        "migrate",
        "pause",
        "purge",
        "quarantine",
        "resume",
        "rollback",
        "status",
        "token",
        "up",
        "validate",
    }
)
"""Commands with flags for a target."""
TAKE_SOURCES: Final = frozenset({"dry-run", "migrate", "validate"})
"""Commands that do nothing without a source."""

_QUOTED: Final = re.compile(rf"`({PROGRAM} [^`]+)`")
_ONLY_HELP: Final = frozenset({"--help", "-h"})


def reaching(
    line: str, target_flags: Sequence[str], sources: Sequence[str] = (), *, replaces: bool = True
) -> str:
    """Return a line of migration-cli that names the target and the sources; any other line as it is.

    Args:
        line: to type into a shell, or SQL.
        target_flags: what names the target again, such as ``--target shop``; empty: it is the default one.
        sources: as they were typed after ``--source``; for a line that names none and needs one.
        replaces: whether another target than `embedded` that the line names is the same one, in other words: then it is
            taken out.

    >>> reaching("migration-cli status", ["--target", "shop"])
    'migration-cli status --target shop'
    """
    try:
        words = shlex.split(line)
    except ValueError:  # SQL with an apostrophe
        return line
    if words[:1] != [PROGRAM] or len(words) == 1 or _ONLY_HELP & set(words):
        return line
    if words[1] in TAKE_SOURCES and "--source" not in words:
        words[2:2] = [word for source in sources for word in ("--source", source)]
    if words[1] in TAKE_TARGET and not _names_embedded(words):
        words = [*(_without_target(words) if replaces else words), *target_flags]
    return shlex.join(words)


def in_sentences(text: str, fit: Callable[[str], str]) -> str:
    """Return a text in which every command between backquotes is fitted.

    >>> in_sentences("List them with `migration-cli status`", lambda line: f"{line} --target shop")
    'List them with `migration-cli status --target shop`'
    """
    return _QUOTED.sub(lambda found: f"`{fit(found[1])}`", text)


def quoted_commands(text: str) -> list[str]:
    """Return the commands that a text has between backquotes.

    >>> quoted_commands("Look at it with `migration-cli status`, and try again")
    ['migration-cli status']
    """
    return _QUOTED.findall(text)


def _names_embedded(words: Sequence[str]) -> bool:
    """Whether a line names the embedded server, which it does only where that very one is meant."""
    return any(pair == ("--target-url", "embedded") for pair in pairwise(words))


def _without_target(words: Sequence[str]) -> list[str]:
    for flag in ("--target-url", "--target"):
        if flag in words:
            at = words.index(flag)
            words = [*words[:at], *words[at + 2 :]]
    return list(words)
