"""What a mapping file has asked for in so many words, so that nobody has to sign for it once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.mapping_file_model import NulPolicy
from migration.value_conversion.named_losses import (
    FRACTION_ROUNDED,
    NEGATIVE_ZERO,
    NUL_STRIPPED,
    TRANSFORM_LOSSES,
)
from migration.value_conversion.rules import RULES
from migration.value_conversion.text_normalisation import NUL_REPLACED, TRANSFORM_NAMES

if TYPE_CHECKING:
    from migration.mapping_file_model import ColumnOverride


def is_requested(loss: str, asked: ColumnOverride | None) -> bool:
    """Tell whether a mapping file asks for a loss of a column: by a rule, a NUL policy, a normalisation or an epoch.

    A rule is asked for by its name, and only for what is in that name: of texts that become numbers, nobody has
    said that their zeros may go.
    """
    if asked is None:
        return False
    if loss in {NUL_STRIPPED, NUL_REPLACED} and asked.nul in {NulPolicy.STRIP, NulPolicy.REPLACE}:
        return True
    if loss == FRACTION_ROUNDED and asked.epoch is not None:
        return True
    if any(TRANSFORM_NAMES[step] == loss for step in asked.normalise):
        return True
    if loss == NEGATIVE_ZERO:
        return False
    named = [RULES[name] for _, name in asked.rules if name in RULES]
    return any(
        (rule.lossy and rule.transform == loss)
        or (loss == FRACTION_ROUNDED and loss in TRANSFORM_LOSSES.get(rule.transform or "", ()))
        for rule in named
    )
