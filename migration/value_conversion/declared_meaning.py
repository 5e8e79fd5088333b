"""What a column's declaration says of its values: whether a spelling means something, or only what it spells."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from migration.model import StorageClass, ValueKind
from migration.value_conversion.value_kinds import split_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.model import ColumnPlan


class Meaning(StrEnum):
    """What the values of a column are to be taken for."""

    SPELLING = "spelling"  # texts, and whatever is not declared: '007' is not 7
    NUMBER = "number"  # SQLite itself turns '007' into 7 here
    TIME = "time"  # a moment, day or time of day, in whatever ISO form
    BOOLEAN = "boolean"
    DOCUMENT = "document"  # JSON


_BY_NAME: Final = (
    (("DATE", "TIME"), Meaning.TIME),
    (("BOOL",), Meaning.BOOLEAN),
    (("JSON",), Meaning.DOCUMENT),
)
# https://sqlite.org/datatype3.html#determination_of_column_affinity, in the order in which SQLite looks.
_TEXT_NAMES: Final = ("CHAR", "CLOB", "TEXT")

_NUMBERS: Final = frozenset({StorageClass.INTEGER, StorageClass.REAL})
_OWN_CLASSES: Final[Mapping[ValueKind, frozenset[StorageClass]]] = {
    ValueKind.BYTES: frozenset({StorageClass.BLOB}),
    ValueKind.INT16: _NUMBERS,
    ValueKind.INT32: _NUMBERS,
    ValueKind.INT64: _NUMBERS,
    ValueKind.FLOAT32: _NUMBERS,
    ValueKind.FLOAT64: _NUMBERS,
    ValueKind.NUMERIC: _NUMBERS,
    ValueKind.BOOL: _NUMBERS,
}
"""Of which class a target's value is taken to have been; of the kinds that are missing, a text."""


def meaning_of(declared_type: str) -> Meaning:
    """Return what a declared type says of its values.

    >>> meaning_of("varchar(9)"), meaning_of("DATETIME"), meaning_of("decimal(5,2)"), meaning_of("")
    (<Meaning.SPELLING: 'spelling'>, <Meaning.TIME: 'time'>, <Meaning.NUMBER: 'number'>, <Meaning.SPELLING: 'spelling'>)
    """
    name = declared_type.upper()
    for words, meaning in _BY_NAME:
        if any(word in name for word in words):
            return meaning
    if "INT" in name:
        return Meaning.NUMBER
    if not name.strip() or "BLOB" in name or any(word in name for word in _TEXT_NAMES):
        return Meaning.SPELLING
    return Meaning.NUMBER


def keeps_scale(column: ColumnPlan) -> bool:
    """Tell whether a numeric holds nothing but texts, of which each keeps the zeros at its end: 1.50 is not 1.5."""
    return (
        column.kind is ValueKind.NUMERIC
        and set(column.rules) == {StorageClass.TEXT}
        and not split_type(column.target_type)[1]
        and meaning_of(column.declared_type) is Meaning.SPELLING
    )


def tells_reals(column: ColumnPlan) -> bool:
    """Tell whether 5 and 5.0 are two values of a column: both classes occur, and it is not declared a number.

    https://sqlite.org/datatype3.html#type_affinity: BLOB and no type at all leave a value as it came.
    """
    return frozenset(column.rules) >= _NUMBERS and meaning_of(column.declared_type) is Meaning.SPELLING


def classes_dropped(plan: ColumnPlan, standing: ColumnPlan | None = None) -> frozenset[StorageClass]:
    """Return the storage classes of a column whose values can no longer be told from those of another class.

    Integers and reals are one here: of them, the rules find the values that can no longer be told (`tells_reals`).
    Where SQLite turns texts into numbers on their way into the column, a text that spells a number was one.

    Args:
        plan: the column, with a rule for each class that is to come.
        standing: by which other rows have gone into the column before. Where values of a class were told by
            themselves until now, and are not beside these, what comes beside them is what is told.
    """
    if standing is not None:
        dropped = classes_dropped(replace(plan, rules={**standing.rules, **plan.rules}))
        before = frozenset(standing.rules)
        newly = dropped & before - classes_dropped(standing)
        return (dropped | (frozenset(plan.rules) - before if newly else frozenset())) & frozenset(plan.rules)
    families = {c if c not in _NUMBERS else StorageClass.INTEGER for c in plan.rules}
    if len(families) < 2:  # noqa: PLR2004 - what there is only one of is told by itself
        return frozenset()
    own = _OWN_CLASSES.get(plan.kind, frozenset({StorageClass.TEXT}))
    others = frozenset(plan.rules) - own
    if meaning_of(plan.declared_type) is Meaning.SPELLING or plan.kind is ValueKind.BYTES:
        return others
    return others & {StorageClass.BLOB}
