"""Values that repeat, looked at once each: what is costly per value (JSON, decimals) is done per distinct value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pyarrow.compute as pc

if TYPE_CHECKING:
    import pyarrow as pa

    Values: TypeAlias = "pa.Array[Any]"

_SAMPLE = 1_024
_MOST_DISTINCT = _SAMPLE * 3 // 4
"""Folding costs a tenth of parsing a document, so that it pays from few repetitions on."""


@dataclass(frozen=True, slots=True)
class RepeatedValues:
    """An array as its distinct values, in no particular order, where they are clearly fewer; else as it is."""

    values: Values
    """What to look at; without nulls where it is repeated."""
    _indices: Values | None

    def spread(self, results: Values) -> Values:
        """Return one result for each value of the array, from one for each of `values`; null stays null."""
        return results if self._indices is None else results.take(self._indices)


def find_repeats(values: Values) -> RepeatedValues:
    """Fold an array, unless its first values tell that there is nothing to gain."""
    if len(values) <= _SAMPLE or len(pc.unique(values[:_SAMPLE])) > _MOST_DISTINCT:
        return RepeatedValues(values, None)
    encoded = values.dictionary_encode()
    return RepeatedValues(encoded.dictionary, encoded.indices)
