"""How values travel into a column of an application whose type the server reads: uuid, arrays, and all unknown ones.

They travel as text, and are cast on arrival, so that the server has the last word. What is no text to it, though it
plainly says a value of the type, becomes one first: the bytes of a UUID, lists as other databases write them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from migration.model import StorageClass, ValueKind
from migration.value_conversion.rules import RULES
from migration.value_conversion.uuid_shapes import spelling

if TYPE_CHECKING:
    from migration.mapping_file_model import ColumnOverride
    from migration.model import ColumnPlan, ColumnProfile

CAST_BY_SERVER: Final = frozenset({ValueKind.UUID})
"""Kinds that Convoy fills itself in tables of its own, and leaves to the server's cast in those of an application."""
_TIMES: Final = frozenset({ValueKind.DATE, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})
_ARRAY: Final = "[]"


def is_left_to_server(asked: ColumnOverride | None, kind: ValueKind) -> bool:
    """Whether a mapping file leaves the texts of a column of times to the server: only it knows `infinity`."""
    return asked is not None and kind in _TIMES and (StorageClass.TEXT.value, "text_to_text") in asked.rules


def with_cast_rules(
    as_text: ColumnPlan,
    own: ColumnPlan | None,
    type_: str,
    asked: ColumnOverride | None,
    profile: ColumnProfile | None,
) -> ColumnPlan:
    """Return the plan of a column that travels as text, with the rules that its type needs.

    Args:
        as_text: the plan for a column of type text.
        own: the plan for its own type, where Convoy has one.
        type_: its type, below domains.
        asked: what the mapping file wants. A rule that it names stays, so it may forbid these, too.
        profile: what the column holds.
    """
    named = (
        {StorageClass(storage_class) for storage_class, name in asked.rules if _gives_text(name)}
        if asked
        else set()
    )
    rules = dict(as_text.rules)
    if own is not None and own.kind is ValueKind.UUID and StorageClass.BLOB not in named:
        rules.pop(StorageClass.BLOB, None)
        if StorageClass.BLOB in own.rules:
            rules[StorageClass.BLOB] = f"{own.rules[StorageClass.BLOB]}_text"
    example = as_text.time_example
    if own is not None and own.kind is ValueKind.UUID and profile is not None:
        example = spelling(profile) or ""
    if (
        type_.endswith(_ARRAY)
        and rules.get(StorageClass.TEXT) == "text_to_text"
        and StorageClass.TEXT not in named
    ):
        rules[StorageClass.TEXT] = "text_to_array"
    if rules.get(StorageClass.TEXT) == "text_to_array" and profile is not None:
        example = profile.examples.get(StorageClass.TEXT, "")
    return replace(as_text, rules=rules, time_example=example)


def _gives_text(rule: str) -> bool:
    return rule not in RULES or RULES[rule].kind is ValueKind.TEXT
