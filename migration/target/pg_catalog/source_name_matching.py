"""Which name of the target stands for which of the source, where others made the tables: UserId, user_id, userid."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from migration.identifiers import fold, shorten
from migration.model import IdentifierPolicy
from migration.schema_translation.requested_names import nameless

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from migration.source_schema import SourceColumn, SourceTable


def match_names(
    source: Iterable[str], target: Iterable[str], renames: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """Pair names of the source with those that an identifier policy makes of them, the strictest first.

    A name that could mean two others is not paired. One that a mapping file renames is paired with that name only.

    >>> match_names(["UserId", "Name", "x"], ["user_id", "name", "y"])
    {'Name': 'name', 'UserId': 'user_id'}
    """
    left, right = [name for name in source if name not in renames], list(target)
    found: dict[str, str] = {name: renamed for name, renamed in renames.items() if renamed in right}
    for form in _FORMS:
        free: dict[str, list[str]] = {}
        for name in right:
            if name not in found.values():
                free.setdefault(form(name), []).append(name)
        wanted: dict[str, list[str]] = {}
        for name in left:
            if name not in found:
                wanted.setdefault(form(name), []).append(name)
        for key, names in wanted.items():
            if len(names) == 1 and len(free.get(key, [])) == 1:
                found[names[0]] = free[key][0]
    return found


def match_items(items: Sequence[SourceTable | SourceColumn], target: Iterable[str]) -> dict[str, str]:
    """Pair tables or columns with names of the target: by their names, or by what a run calls those without a name."""
    there = list(target)
    found = match_names([item.name for item in items], there, renames(items))
    for number, item in enumerate(items, 1):
        given = nameless(item, number)
        if item.name not in found and given in there and given not in found.values():
            policies = (fold(item.name, policy) for policy in IdentifierPolicy)
            if not all(policies):
                found[item.name] = given
    return found


def renames(items: Iterable[SourceTable | SourceColumn]) -> dict[str, str]:
    """Return what a mapping file renames: name in the source → name in the target."""
    given = {item.name: item.override.rename for item in items if item.override is not None}
    return {name: renamed for name, renamed in given.items() if renamed is not None}


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower()) or name


# Each is applied to both sides; a name of the target has been shortened already.
_FORMS: Final[tuple[Callable[[str], str], ...]] = (
    str,
    *((lambda name, policy=policy: shorten(fold(name, policy))) for policy in IdentifierPolicy),
    _bare,
)
