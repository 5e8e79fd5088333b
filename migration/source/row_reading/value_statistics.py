"""Add up what the values of one column are, batch by batch, with columnar kernels."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import ColumnProfile, StorageClass
from migration.value_conversion.rules.utf8_check import payload
from migration.value_conversion.uuid_shapes import count_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.mapping_file_model import EpochUnit

_EXAMPLE_CHARS = 60
_NUMBER_BYTES = 8


class Tally:
    """What one column holds so far."""

    def __init__(self) -> None:
        self._counts: Counter[StorageClass] = Counter()
        self._accepted: Counter[StorageClass] = Counter()
        self._accepted_wider: Counter[StorageClass] = Counter()
        self._examples: dict[StorageClass, str] = {}
        self._int_min: int | None = None
        self._int_max: int | None = None
        self._real_nonfinite = 0
        self._real_min: float | None = None
        self._real_max: float | None = None
        self._longest_chars = 0
        self._longest_bytes = 0
        self._total_bytes = 0
        self._empty_texts = 0
        self._nul_texts = 0
        self._bad_utf8_texts = 0
        self._texts_to_null = 0
        self._documents_losing = 0
        self._uuid_shapes: Counter[str] = Counter()

    @property
    def values(self) -> int:
        """Values seen, of all classes."""
        return self._counts.total()

    def count(self, storage_class: StorageClass) -> int:
        """Values seen of one class."""
        return self._counts[storage_class]

    def add_accepted(self, storage_class: StorageClass, count: int, count_wider: int) -> None:
        """Count values that the rule of the declared type, and that of the next wider one, can convert."""
        self._accepted[storage_class] += count
        self._accepted_wider[storage_class] += count_wider

    def add(self, storage_class: StorageClass, values: pa.Array) -> int:
        """Add a slot of a batch; its nulls belong to other classes. Return how many values it has."""
        count: int = len(values) - values.null_count
        if not count:
            return 0
        self._counts[storage_class] += count
        if not self._examples.get(storage_class):
            self._examples[storage_class] = _example(values)
        if storage_class is StorageClass.INTEGER:
            self._total_bytes += count * _NUMBER_BYTES
            self._add_integers(values)
        elif storage_class is StorageClass.REAL:
            self._total_bytes += count * _NUMBER_BYTES
            self._add_reals(values)
        else:
            lengths = pc.binary_length(values)
            ends = pc.min_max(lengths)
            self._total_bytes += pc.sum(lengths).as_py()
            self._longest_bytes = max(self._longest_bytes, ends["max"].as_py())
            if ends["min"].as_py() == ends["max"].as_py():
                self._uuid_shapes += count_shapes(storage_class, values)
            if storage_class is StorageClass.TEXT:
                if ends["min"].as_py() == 0:
                    self._empty_texts += pc.sum(pc.equal(lengths, 0)).as_py()
                self._add_texts(values, ends["max"].as_py())
        return count

    def add_losing_documents(self, count: int) -> None:
        """Count documents of which jsonb does not keep all."""
        self._documents_losing += count

    def add_normalised_away(self, stored: pa.Array, values: pa.Array) -> None:
        """Count texts that a normalisation has turned to NULL; the others go to `add` as normalised."""
        to_null = values.null_count - stored.null_count
        self._counts[StorageClass.TEXT] += to_null
        self._texts_to_null += to_null
        # A reader holds the texts as they are stored.
        longest = pc.max(pc.binary_length(stored)).as_py() or 0
        self._longest_bytes = max(self._longest_bytes, longest)

    def profile(self, rows: int) -> ColumnProfile:
        """Return the profile of a column of that many rows; what is no value is NULL."""
        counts = dict(self._counts)
        if rows > self.values:
            counts[StorageClass.NULL] = rows - self.values
        return ColumnProfile(
            counts=counts,
            int_min=self._int_min,
            int_max=self._int_max,
            real_nonfinite=self._real_nonfinite,
            real_min=self._real_min,
            real_max=self._real_max,
            longest_chars=self._longest_chars,
            longest_bytes=self._longest_bytes,
            total_bytes=self._total_bytes,
            empty_texts=self._empty_texts,
            nul_texts=self._nul_texts,
            bad_utf8_texts=self._bad_utf8_texts,
            accepted=dict(+self._accepted),
            accepted_wider=dict(+self._accepted_wider),
            examples=self._examples,
            documents_losing=self._documents_losing,
            uuid_shapes=dict(self._uuid_shapes),
            texts_to_null=self._texts_to_null,
        )

    def _add_integers(self, values: pa.Array) -> None:
        ends = pc.min_max(values)
        low, high = ends["min"].as_py(), ends["max"].as_py()
        self._int_min = low if self._int_min is None else min(self._int_min, low)
        self._int_max = high if self._int_max is None else max(self._int_max, high)

    def _add_reals(self, values: pa.Array) -> None:
        ends = pc.min_max(values)  # SQLite stores no NaN, so an infinity is always an end
        if not (math.isfinite(ends["min"].as_py()) and math.isfinite(ends["max"].as_py())):
            self._real_nonfinite += pc.sum(pc.invert(pc.is_finite(values))).as_py()
            ends = pc.min_max(values.filter(pc.is_finite(values)))
        low, high = ends["min"].as_py(), ends["max"].as_py()
        if low is not None:
            self._real_min = low if self._real_min is None else min(self._real_min, low)
            self._real_max = high if self._real_max is None else max(self._real_max, high)

    def _add_texts(self, values: pa.Array, longest_bytes: int) -> None:
        data = payload(values)
        is_ascii = data.isascii()
        if not is_ascii:
            try:
                values.validate(full=True)
            except pa.ArrowInvalid:
                values = self._without_bad_utf8(values)
                data = payload(values)
        if b"\x00" in data:
            self._nul_texts += pc.sum(pc.match_substring(values, "\x00")).as_py() or 0
        if longest_bytes > self._longest_chars:  # a text has no more characters than bytes
            longest_chars = longest_bytes if is_ascii else pc.max(pc.utf8_length(values)).as_py() or 0
            self._longest_chars = max(self._longest_chars, longest_chars)

    def _without_bad_utf8(self, values: pa.Array) -> pa.Array:
        """Count the texts that are not UTF-8 and return the others; characters are counted in these only."""
        good: list[bytes] = []
        for raw in values.view(pa.binary()).drop_null().to_pylist():
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                self._bad_utf8_texts += 1
                self._nul_texts += b"\x00" in raw
            else:
                good.append(raw)
        return pa.array(good, pa.binary()).view(pa.string())


def merged(one: ColumnProfile, other: ColumnProfile) -> ColumnProfile:
    """Add up the profiles of two ranges."""
    lows = [low for low in (one.int_min, other.int_min) if low is not None]
    highs = [high for high in (one.int_max, other.int_max) if high is not None]
    real_lows = [low for low in (one.real_min, other.real_min) if low is not None]
    real_highs = [high for high in (one.real_max, other.real_max) if high is not None]
    return ColumnProfile(
        counts=_added(one.counts, other.counts),
        int_min=min(lows, default=None),
        int_max=max(highs, default=None),
        real_nonfinite=one.real_nonfinite + other.real_nonfinite,
        real_min=min(real_lows, default=None),
        real_max=max(real_highs, default=None),
        longest_chars=max(one.longest_chars, other.longest_chars),
        longest_bytes=max(one.longest_bytes, other.longest_bytes),
        total_bytes=one.total_bytes + other.total_bytes,
        empty_texts=one.empty_texts + other.empty_texts,
        nul_texts=one.nul_texts + other.nul_texts,
        bad_utf8_texts=one.bad_utf8_texts + other.bad_utf8_texts,
        accepted=_added(one.accepted, other.accepted),
        accepted_wider=_added(one.accepted_wider, other.accepted_wider),
        examples={**other.examples, **one.examples},
        documents_losing=one.documents_losing + other.documents_losing,
        uuid_shapes=dict(Counter(one.uuid_shapes) + Counter(other.uuid_shapes)),
        whole_days=_added_days(one, other),
        texts_to_null=one.texts_to_null + other.texts_to_null,
    )


def _added(one: Mapping[StorageClass, int], other: Mapping[StorageClass, int]) -> dict[StorageClass, int]:
    return {c: one.get(c, 0) + other.get(c, 0) for c in StorageClass if c in one or c in other}


def _added_days(one: ColumnProfile, other: ColumnProfile) -> dict[EpochUnit, int]:
    """Add up the midnights. A range without integers speaks against no unit."""
    return dict(Counter(one.whole_days) + Counter(other.whole_days))


def _example(values: pa.Array) -> str:
    """Return a short, printable form of the first value."""
    known = values.drop_null()
    if values.type == pa.string():  # an empty text tells nothing
        known = (
            known.filter(pc.greater(pc.binary_length(known), 0)) if not len(known[0].as_buffer()) else known
        )
        if not len(known):
            return ""
    first = known[:1]
    if values.type == pa.binary():
        return f"x'{first[0].as_py()[: _EXAMPLE_CHARS // 2].hex()}'"
    if values.type == pa.string():
        text: str = first.view(pa.binary())[0].as_py()[: _EXAMPLE_CHARS * 4].decode("utf-8", "replace")
        return "".join(c if c.isprintable() else "\ufffd" for c in text[:_EXAMPLE_CHARS])
    return repr(first[0].as_py())
