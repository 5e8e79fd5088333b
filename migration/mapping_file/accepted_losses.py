"""What a mapping file has asked for in so many words, so that nobody has to be told of it once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.mapping_file_model import EpochUnit, NulPolicy
from migration.value_conversion.rules import RULES
from migration.value_conversion.text_normalisation import NUL_STRIPPED

if TYPE_CHECKING:
    from migration.mapping_file_model import ColumnOverride

_OF_SECONDS = "epoch_fraction_to_timestamptz"


def is_requested(transform: str, asked: ColumnOverride | None) -> bool:
    """Tell whether a mapping file names a transform of a column: by a rule, a NUL policy or an epoch.

    Such a transform is counted as any other, but makes no finding where it is lossy: the user has decided.
    """
    if asked is None:
        return False
    if transform == NUL_STRIPPED and asked.nul in {NulPolicy.STRIP, NulPolicy.REPLACE}:
        return True
    if transform == _OF_SECONDS and asked.epoch is EpochUnit.SECONDS:
        return True
    return any(name in RULES and RULES[name].transform == transform for _, name in asked.rules)
