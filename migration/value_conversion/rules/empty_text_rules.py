"""Rules in which an empty text stands for NULL: what spreadsheets and forms leave in columns that are no texts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from migration.model import StorageClass, ValueKind
from migration.value_conversion.named_losses import EMPTY_TO_NULL
from migration.value_conversion.rules.conversion_rule import Loss

if TYPE_CHECKING:
    import pyarrow as pa

    from migration.value_conversion.rules.conversion_rule import Context, Converted, Rule

_OWN_EMPTY = frozenset({ValueKind.TEXT, ValueKind.BYTES})  # '' is a value here


def or_null_name(rule: str) -> str:
    """Return the name of the rule that also takes '' for NULL."""
    return f"{rule}_or_null"


def _is_empty(values: pa.Array, _context: Context) -> pa.BooleanArray:
    return pc.equal(pc.binary_length(values), 0)


def with_empty(rule: Rule) -> Rule:
    """Return a rule for texts that also takes '' for NULL."""

    def columnar(values: pa.Array, context: Context) -> Converted:
        return rule.columnar(pc.if_else(_is_empty(values, context), None, values), context)

    def scalar(value: str, context: Context) -> Any:
        return None if value == "" else rule.scalar(value, context)

    def unless_empty(loss: Loss) -> Loss:
        return Loss(
            loss.name,
            lambda values, converted, context: loss.lost(
                pc.if_else(_is_empty(values, context), None, values), converted, context
            ),
        )

    return replace(
        rule,
        name=or_null_name(rule.name),
        columnar=columnar,
        scalar=scalar,
        transform=EMPTY_TO_NULL,
        lossy=True,
        changes=_is_empty,
        losses=tuple(unless_empty(loss) for loss in rule.losses),
        inner=rule,
    )


def empty_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the or-null form of every rule that turns text into something else than text."""
    return tuple(
        with_empty(rule)
        for rule in rules
        if rule.storage_class is StorageClass.TEXT and rule.kind not in _OWN_EMPTY
    )
