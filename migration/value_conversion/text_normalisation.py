"""Changes of texts that a mapping file asks for; they are made before a rule sees the value, and counted by name.

Case and white space are Unicode's, as Arrow knows them: one character becomes one character (no locale).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from migration.mapping_file_model import Normalisation
from migration.value_conversion.rules.conversion_rule import drop
from migration.value_conversion.rules.utf8_check import bad_utf8, is_clean, payload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migration.model import ColumnPlan

Changed: TypeAlias = tuple[str, "pa.BooleanArray"]
"""The name of a transform, and the values that it has changed."""

NUL_STRIPPED: Final = "nul_stripped"
NUL_REPLACED: Final = "nul_replaced"
TRANSFORM_NAMES: Final[Mapping[Normalisation, str]] = MappingProxyType(
    {
        Normalisation.NFC: "nfc_normalised",
        Normalisation.TRIM: "trimmed",
        Normalisation.LOWER: "lowered",
        Normalisation.EMPTY_TO_NULL: "empty_to_null",
    }
)


def _empty_to_null(values: pa.Array) -> pa.Array:
    return drop(values, pc.equal(pc.binary_length(values), 0))


_STEPS: Final[Mapping[Normalisation, Callable[[pa.Array], pa.Array]]] = MappingProxyType(
    {
        Normalisation.NFC: lambda values: pc.utf8_normalize(values, form="NFC"),
        Normalisation.TRIM: pc.utf8_trim_whitespace,
        Normalisation.LOWER: pc.utf8_lower,
        Normalisation.EMPTY_TO_NULL: _empty_to_null,
    }
)


class Normaliser:
    """The normalisations of one column."""

    def __init__(self, steps: tuple[Normalisation, ...], nul_replacement: str | None) -> None:
        self._steps = steps
        self._nul_replacement = nul_replacement

    def apply(self, values: pa.Array) -> tuple[pa.Array, list[Changed]]:
        """Return the texts of a slot as normalised, and what was changed. Texts that are not UTF-8 stay as they are."""
        data = payload(values)
        unreadable = None if is_clean(values, data.replace(b"\0", b"")) else bad_utf8(values)
        result = values if unreadable is None else drop(values, unreadable)
        changes: list[Changed] = []
        if self._nul_replacement is not None and b"\0" in data:
            name = NUL_REPLACED if self._nul_replacement else NUL_STRIPPED
            changes.append((name, pc.match_substring(result, "\0")))
            result = pc.replace_substring(result, "\0", self._nul_replacement)
        for step in self._steps:
            after = _STEPS[step](result)
            if step is Normalisation.EMPTY_TO_NULL:
                changes.append((TRANSFORM_NAMES[step], pc.and_(result.is_valid(), after.is_null())))
            else:
                changes.append((TRANSFORM_NAMES[step], pc.not_equal(after, result)))
            result = after
        return (result if unreadable is None else pc.if_else(unreadable, values, result)), changes


def normaliser(plan: ColumnPlan) -> Normaliser | None:
    """Return the normalisations of a column; None where it has none."""
    if not plan.normalise and plan.nul_replacement is None:
        return None
    return Normaliser(plan.normalise, plan.nul_replacement)
