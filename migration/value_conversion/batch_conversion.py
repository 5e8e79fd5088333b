"""Turns what SQLite stores into what PostgreSQL gets: whole columns at once, single values where need be."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from migration.model import Rejection, StorageClass, ValueKind
from migration.value_conversion.declared_meaning import classes_dropped
from migration.value_conversion.named_losses import CLASS_DROPPED, LOSSES, ORPHAN_TO_NULL
from migration.value_conversion.packed_values import pack, packed_type
from migration.value_conversion.row_conversion import (
    NULL_REASON,
    column_context,
    convert_value,
    fraction_reason,
    key_value,
    original_bytes,
    reason_without_rule,
    stored_value,
)
from migration.value_conversion.row_key import storable_key
from migration.value_conversion.rules import RULES, Context, Misfit
from migration.value_conversion.rules.conversion_rule import drop
from migration.value_conversion.text_normalisation import normaliser
from migration.value_conversion.uuid_shapes import are_all_lower
from migration.value_conversion.value_kinds import ARROW_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from migration.model import ColumnPlan, ColumnProfile
    from migration.value_conversion.orphan_row_removal import OrphanRows
    from migration.value_conversion.raw_batch import RawBatch
    from migration.value_conversion.rules import Rule
    from migration.value_conversion.text_normalisation import Changed

__all__ = ["LOST_NAMED", "Context", "Converted", "Converter", "LostValue", "convert", "row_key"]

_MICROSECOND_DIGITS = 6
LOST_NAMED = 3
"""Rows that are named for each loss of a column, in a batch, a chunk and a finding."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a raw batch."""

    batch: pa.RecordBatch
    """Rows without a rejected value; columns named by ColumnPlan.name, in the order of the plans."""
    rejections: tuple[Rejection, ...]
    """Every rejected value; a row may have several."""
    rows_rejected: int
    """With the orphan rows."""
    transforms: Mapping[tuple[str, str], int]
    """(column, transform) → values changed, in loaded rows."""
    kept: pa.BooleanArray | None = None
    """Which rows of the raw batch are in `batch`; None: all."""
    orphans: tuple[Rejection, ...] = ()
    """The values that point nowhere, of rows that leave for that reason."""
    lost: tuple[LostValue, ...] = ()
    """Some of the loaded values that cannot be had back, a few of each kind."""


@dataclass(frozen=True, slots=True)
class LostValue:
    """A value that cannot be had back from the target's. `loss` is its name, `key` that of its row."""

    column: str
    loss: str
    key: str


@dataclass(frozen=True, slots=True)
class _Misfitting:
    """A value that cannot be stored, by its place in the batch."""

    row: int
    column: str
    storage_class: StorageClass
    original: bytes
    reason: str


class _ColumnConverter:
    """One column, with all that does not change from batch to batch looked up once."""

    def __init__(
        self,
        plan: ColumnPlan,
        context: Context,
        profile: ColumnProfile | None,
        standing: ColumnPlan | None,
        *,
        packs: bool,
    ) -> None:
        self.plan = plan
        self.type = ARROW_TYPES[plan.kind]
        self._packed = packed_type(plan) if packs else None
        self.result_type = self.type if self._packed is None else self._packed
        self.context = column_context(plan, context)
        self.normaliser = normaliser(plan)
        self.rules = {storage_class: RULES[name] for storage_class, name in plan.rules.items()}
        self.dropped = classes_dropped(plan, standing)
        self.proved = frozenset(
            storage_class
            for storage_class, rule in self.rules.items()
            if profile is not None and _is_proved(rule, profile, self.context)
        )

    def convert(
        self, slots: Mapping[StorageClass, pa.Array], rows: int
    ) -> tuple[pa.Array, Iterable[_Misfitting], list[Changed]]:
        """Return the column's values, what does not fit, and what transforms have changed."""
        parts: list[pa.Array] = []
        misfits: list[_Misfitting] = []
        transformed: list[Changed] = []
        for storage_class, stored in slots.items():
            values = stored
            if self.normaliser is not None and storage_class is StorageClass.TEXT:
                values, changes = self.normaliser.apply(stored)
                transformed += changes
            if values.null_count == rows:
                continue
            rule = self.rules.get(storage_class)
            if rule is None:
                misfits += self._without_rule(storage_class, (stored, values))
                continue
            if storage_class in self.dropped:
                transformed.append((CLASS_DROPPED, values.is_valid()))
            whole = self._at_once(rule, values)
            if whole is not None:
                parts.append(whole)
                continue
            converted, bad = rule.columnar(values, self.context)
            if bad is not None:
                converted = self._by_rows(rule, (stored, values), converted, bad, misfits)
            if self.context.fraction_digits is not None:
                converted = self._unrounded(rule, stored, converted, misfits)
            transformed += self._changed(rule, values, converted)
            parts.append(converted)
        column = self._joined(parts, rows)
        if self.plan.not_null and column.null_count:
            self._nulls(column, misfits)
        return column, misfits, transformed

    def _at_once(self, rule: Rule, values: pa.Array) -> pa.Array | None:
        """Return what becomes of a slot all of whose values fit unchanged; None where that is to be found out."""
        if rule.storage_class in self.proved:
            return values
        if self._packed is None or rule.packed is None:
            return None
        return rule.packed(values, self.context)

    def _changed(self, rule: Rule, values: pa.Array, converted: pa.Array) -> Iterable[Changed]:
        yield from rule.changed(values, self.context)
        for loss in rule.losses:
            lost = loss.lost(values, converted, self.context)
            if lost is not None:
                yield loss.name, lost

    def _by_rows(
        self,
        rule: Rule,
        sides: tuple[pa.Array, pa.Array],
        converted: pa.Array,
        bad: pa.BooleanArray,
        misfits: list[_Misfitting],
    ) -> pa.Array:
        """Decide what the columnar form leaves over; `sides` are the values as stored, and as normalised."""
        stored, values = sides
        saved = []
        for row in pc.indices_nonzero(bad).to_pylist():
            try:
                saved.append(convert_value(rule, stored_value(values, row), self.context))
            except Misfit as misfit:
                saved.append(None)
                original = original_bytes(stored_value(stored, row))
                misfits.append(_Misfitting(row, self.plan.name, rule.storage_class, original, misfit.reason))
        return pc.replace_with_mask(converted, bad, pa.array(saved, self.type))

    def _unrounded(
        self, rule: Rule, stored: pa.Array, converted: pa.Array, misfits: list[_Misfitting]
    ) -> pa.Array:
        """Reject the times that the column's type would round."""
        digits = min(self.context.fraction_digits or 0, _MICROSECOND_DIGITS)
        step = 10 ** (_MICROSECOND_DIGITS - digits)
        micros = converted.cast(pa.int64())
        rounded = pc.not_equal(pc.multiply(pc.divide(micros, step), step), micros).fill_null(False)
        if not rounded.true_count:
            return converted
        reason = fraction_reason(digits)
        misfits.extend(
            _Misfitting(
                row, self.plan.name, rule.storage_class, original_bytes(stored_value(stored, row)), reason
            )
            for row in pc.indices_nonzero(rounded).to_pylist()
        )
        return drop(converted, rounded)

    def _joined(self, parts: list[pa.Array], rows: int) -> pa.Array:
        if not parts:
            return pa.nulls(rows, self.result_type)
        if self._packed is not None:
            parts = [pack(part, self._packed) for part in parts]
        return parts[0] if len(parts) == 1 else pc.coalesce(*parts)

    def _without_rule(
        self, storage_class: StorageClass, sides: tuple[pa.Array, pa.Array]
    ) -> Iterable[_Misfitting]:
        stored, values = sides
        reason = reason_without_rule(storage_class, self.plan.cast_to or self.plan.target_type)
        for row in pc.indices_nonzero(values.is_valid()).to_pylist():
            original = original_bytes(stored_value(stored, row))
            yield _Misfitting(row, self.plan.name, storage_class, original, reason)

    def _nulls(self, column: pa.Array, misfits: list[_Misfitting]) -> None:
        known = {misfit.row for misfit in misfits}
        misfits.extend(
            _Misfitting(row, self.plan.name, StorageClass.NULL, b"", NULL_REASON)
            for row in pc.indices_nonzero(column.is_null()).to_pylist()
            if row not in known
        )


def _is_proved(rule: Rule, profile: ColumnProfile, context: Context) -> bool:
    """Tell whether a rule would give every value as it is: the profile has looked at all of them."""
    if rule.name == "text_to_uuid":
        return are_all_lower(profile)
    if not rule.only_checks or (rule.losses and profile.documents_losing):
        return False
    if rule.kind is ValueKind.TEXT:
        return _are_plain_texts(profile, context)
    return profile.accepted.get(rule.storage_class, 0) == profile.count(rule.storage_class)


def _are_plain_texts(profile: ColumnProfile, context: Context) -> bool:
    """Tell whether a text column takes all texts as they are."""
    fits = context.length is None or profile.longest_chars <= context.length
    return fits and not profile.nul_texts and not profile.bad_utf8_texts


class Converter:
    """Converts the batches of one table by the plans of its columns.

    Args:
        columns: the plans, in the order of the result.
        context: what conversions depend on.
        profile: what a full read of these very rows found, by column. Where it has seen every value pass a rule
            that only checks (JSON is the costly one), the rule is not run again.
        standing: column → the plan by which other rows of the table have gone into the target before.
        packed: columns that have a packed type (`packed_values`) come in it: for who hashes and encodes values, and
            shows none.
    """

    def __init__(
        self,
        columns: Sequence[ColumnPlan],
        context: Context,
        profile: Mapping[str, ColumnProfile] = MappingProxyType({}),
        standing: Mapping[str, ColumnPlan] = MappingProxyType({}),
        *,
        packed: bool = False,
    ) -> None:
        self._columns = tuple(
            _ColumnConverter(plan, context, profile.get(plan.name), standing.get(plan.name), packs=packed)
            for plan in columns
        )
        self._schema = pa.schema([(column.plan.name, column.result_type) for column in self._columns])

    def convert(self, raw: RawBatch, orphans: OrphanRows | None = None) -> Converted:
        """Convert one batch. Values that do not fit leave with their whole row, and are told one by one.

        Args:
            raw: the rows as SQLite stores them.
            orphans: the rows that leave because they point nowhere, or lose what points there.
        """
        parted = None if orphans is None else orphans.part(raw)
        if parted is not None:
            raw = parted.batch
        arrays: list[pa.Array] = []
        misfits: list[_Misfitting] = []
        transformed: list[tuple[str, Changed]] = []
        for column in self._columns:
            name = column.plan.name
            array, found, changed = column.convert(raw.slots.get(name, {}), raw.rows)
            arrays.append(array)
            misfits += found
            transformed += [(name, change) for change in changed]
        batch = (
            pa.RecordBatch.from_arrays(arrays, schema=self._schema)
            if arrays
            else pa.RecordBatch.from_struct_array(pa.nulls(raw.rows, pa.struct([])).fill_null({}))
        )
        leaving = None
        if parted is not None:
            transformed += [(name, (ORPHAN_TO_NULL, rows)) for name, rows in parted.nulled]
            leaving = parted.leaving
        if not misfits and leaving is None:
            counts = _count(transformed, None)
            return Converted(batch, (), 0, counts, lost=_lost(raw, transformed, counts, None))
        rejected = {misfit.row for misfit in misfits}
        kept = pa.array([row not in rejected for row in range(raw.rows)], pa.bool_())
        if leaving is not None:
            kept = pc.and_not(kept, leaving)
        counts = _count(transformed, kept)
        return Converted(
            batch.filter(kept),
            _rejections(raw, misfits),
            raw.rows - kept.true_count,
            counts,
            kept,
            parted.rejections if parted is not None else (),
            _lost(raw, transformed, counts, kept),
        )


def _rejections(raw: RawBatch, misfits: Sequence[_Misfitting]) -> tuple[Rejection, ...]:
    return tuple(
        Rejection(
            key=tuple(key_value(key, misfit.row) for key in raw.keys),
            column=misfit.column,
            storage_class=misfit.storage_class,
            original=misfit.original,
            reason=misfit.reason,
        )
        for misfit in misfits
    )


def _count(
    transformed: Iterable[tuple[str, Changed]], kept: pa.BooleanArray | None
) -> dict[tuple[str, str], int]:
    """Count the values of loaded rows that a transform has changed."""
    counts: dict[tuple[str, str], int] = {}
    for name, (transform, changed) in transformed:
        count = (changed if kept is None else pc.and_(changed, kept)).true_count
        if count:
            counts[name, transform] = counts.get((name, transform), 0) + count
    return counts


def _lost(
    raw: RawBatch,
    transformed: Iterable[tuple[str, Changed]],
    counts: Mapping[tuple[str, str], int],
    kept: pa.BooleanArray | None,
) -> tuple[LostValue, ...]:
    """Name the first rows of each loss by their keys."""
    if LOSSES.keys().isdisjoint(transform for _, transform in counts):
        return ()
    found: list[LostValue] = []
    for name, (transform, changed) in transformed:
        if transform in LOSSES and (name, transform) in counts:
            rows = pc.indices_nonzero(changed if kept is None else pc.and_(changed, kept))
            found += [LostValue(name, transform, row_key(raw, row)) for row in rows[:LOST_NAMED].to_pylist()]
    return tuple(found)


def row_key(raw: RawBatch, row: int) -> str:
    """Return the key of a row as the ledger keeps and reports show it."""
    key = storable_key([key_value(part, row) for part in raw.keys])
    return ", ".join("NULL" if part is None else str(part) for part in key)


def convert(raw: RawBatch, columns: Sequence[ColumnPlan], context: Context) -> Converted:
    """Convert one batch; for many batches of one table, keep a `Converter`."""
    return Converter(columns, context).convert(raw)
