"""`--ignore`: which kinds of findings somebody may say are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.errors import UsageError
from migration.finding_kinds import FindingKind, can_be_ignored
from migration.name_lists import nearest_name

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_ignored(setting: str, kinds: Sequence[str]) -> tuple[str, ...]:
    """Return the kinds, each once.

    Raises:
        UsageError: there is no such kind, or it speaks of rows or values: these are the proof itself.
    """
    allowed = [kind.value for kind in FindingKind if can_be_ignored(kind)]
    for kind in kinds:
        if kind in allowed:
            continue
        if kind in {known.value for known in FindingKind}:
            what = f"{kind} speaks of rows or values, and these are the proof itself"
            raise UsageError(what, setting=setting, remedy=f"Kinds that can be ignored: {', '.join(allowed)}")
        near = nearest_name(kind, allowed)
        remedy = f"Perhaps {near} is meant" if near else f"Kinds that can be ignored: {', '.join(allowed)}"
        raise UsageError(f"There is no kind of finding {kind}", setting=setting, remedy=remedy)
    return tuple(dict.fromkeys(kinds))
