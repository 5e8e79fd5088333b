"""What the quarantine keeps of rows that the server refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.model import Rejection, StorageClass
from migration.target.application_tables.row_refusal_errors import Refusal
from migration.value_conversion.row_conversion import key_value, original_bytes, stored_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa

    from migration.value_conversion.raw_batch import RawBatch


def refused_values(
    raw: RawBatch, row: int, refusal: Refusal, names: Mapping[str, str]
) -> Iterator[Rejection]:
    """Yield what a refused row held in the columns at fault, as the source stores it.

    Args:
        raw: the batch as it was read.
        row: its place there.
        refusal: with the columns, by their names in the target.
        names: name in the target → name in the source.
    """
    key = tuple(key_value(part, row) for part in raw.keys)
    for name in refusal.columns:
        storage_class, original = _stored(raw.slots.get(names[name], {}), row)
        yield Rejection(key, names[name], storage_class, original, refusal.reason)


def _stored(slots: Mapping[StorageClass, pa.Array], row: int) -> tuple[StorageClass, bytes]:
    """Return the storage class and the original bytes of one value."""
    for storage_class, values in slots.items():
        value = stored_value(values, row)
        if value is not None:
            return storage_class, original_bytes(value)
    return StorageClass.NULL, b""
