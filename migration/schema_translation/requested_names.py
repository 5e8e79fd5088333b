"""Names that a mapping file gives: they are taken first, and as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.convoy_error import Place
from migration.errors import MappingFileError
from migration.identifiers import fold, shorten, why_renamed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.identifiers import Namespace
    from migration.model import IdentifierPolicy
    from migration.source_schema import SourceColumn, SourceTable


def claim_names(
    items: Sequence[SourceTable | SourceColumn],
    names: Namespace,
    policy: IdentifierPolicy,
    place: Place,
) -> list[str]:
    """Return the target names of the tables of a source, or of the columns of a table, in their order.

    Args:
        items: tables or columns.
        names: what they share; taken from.
        policy: makes the names that the mapping file does not give.
        place: they belong to, for messages.

    Raises:
        MappingFileError: the mapping file gives a name that another one has, or that PostgreSQL keeps for itself.
    """
    given: dict[str, str] = {}
    for item in items:
        name = _rename(item)
        if name is None:
            continue
        if name in given:
            raise MappingFileError(
                f"The mapping file renames both {given[name]} and {item.name} to {name}", **place
            )
        if names.claim(name) != name:
            raise MappingFileError(
                f"{item.name} cannot be renamed to {name}: PostgreSQL has that name for itself", **place
            )
        given[name] = item.name
    claimed: list[str] = []
    for number, item in enumerate(items, 1):
        name = _rename(item)
        if name is None:
            wanted = fold(item.name, policy) or nameless(item, number)
            if shorten(wanted) in given:
                other = given[shorten(wanted)]
                what = f"The mapping file renames {other} to {wanted}, which is the name of {item.name}"
                raise MappingFileError(what, remedy=f"Rename {item.name} as well, or skip it", **place)
            name = names.claim(wanted)
        claimed.append(name)
    return claimed


def rename_reason(item: SourceTable | SourceColumn, target_name: str, policy: IdentifierPolicy) -> str | None:
    """Return why a name is not what the policy makes of it; None where it is."""
    if _rename(item) is not None and target_name != fold(item.name, policy):
        return f"renamed to {target_name} by the mapping file"
    return why_renamed(item.name, target_name, policy)


def _rename(item: SourceTable | SourceColumn) -> str | None:
    return item.override.rename if item.override is not None else None


def nameless(item: SourceTable | SourceColumn, number: int) -> str:
    """Return what a table or column without a name is called; `number` counts from 1 among its siblings."""
    return f"table_{number}" if hasattr(item, "columns") else f"column_{number}"
