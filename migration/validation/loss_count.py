"""Counts what is lost of a stream of converted batches, and names some rows of each loss by their keys."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from migration.value_conversion.batch_conversion import LOST_NAMED, Converted, row_key
from migration.value_conversion.named_losses import LOSSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from migration.value_conversion.raw_batch import RawBatch


class LossCount:
    """Column and loss → values, and the keys of the first rows."""

    def __init__(self) -> None:
        self.values: Counter[tuple[str, str]] = Counter()
        self.keys: dict[tuple[str, str], list[str]] = {}

    def add(self, raw: RawBatch, converted: Converted, cast: Iterable[tuple[int, str, str]] = ()) -> None:
        """Add a batch, and what the server has not kept of it: rows of the converted batch, column and loss."""
        for (column, transform), count in converted.transforms.items():
            if transform in LOSSES:
                self.values[column, transform] += count
        for value in converted.lost:
            self._name(value.column, value.loss, value.key)
        self.add_cast(raw, converted, cast)

    def add_cast(self, raw: RawBatch, converted: Converted, cast: Iterable[tuple[int, str, str]]) -> None:
        """Add what the server has not kept of a batch whose other losses are counted elsewhere."""
        places = None
        for row, column, loss in cast:
            self.values[column, loss] += 1
            if len(self.keys.get((column, loss), ())) >= LOST_NAMED:
                continue
            if places is None and converted.kept is not None:
                places = pc.indices_nonzero(converted.kept)
            self._name(column, loss, row_key(raw, row if places is None else places[row].as_py()))

    def add_all(self, other: LossCount) -> None:
        """Add what another one has counted, of other rows."""
        self.values.update(other.values)
        for (column, loss), keys in other.keys.items():
            for key in keys:
                self._name(column, loss, key)

    def _name(self, column: str, loss: str, key: str) -> None:
        keys = self.keys.setdefault((column, loss), [])
        if len(keys) < LOST_NAMED:
            keys.append(key)

    def found(self) -> Iterator[tuple[str, str, int, list[str]]]:
        """Yield column, loss, number of values and keys of some rows."""
        for (column, loss), count in sorted(self.values.items()):
            yield column, loss, count, self.keys.get((column, loss), [])
