"""Read every value of a range once and say what is there: the profile has the last word on types.

Counting typeof() in SQL costs as much as reading. So the rows are read once, each column through the slot of the class
that a sample shows; only a column with nulls in that slot is counted in SQL, and only where the counts differ are its
other classes read. Integers are read as they are, because the reader refuses all else in their place; where that
happens, the range is read anew with typeof() around them too. The result is exact either way.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from migration.column_types.column_decision import candidate, wider
from migration.column_types.fitting_value_count import accepted
from migration.column_types.whole_days import WholeDays
from migration.errors import SourceCorruptError, UnexpectedClassError
from migration.model import ColumnProfile, StorageClass, ValueKind
from migration.source.row_reading.batch_query import Guard
from migration.source.row_reading.key_range_sql import from_clause
from migration.source.row_reading.mapping_expression_check import read_error
from migration.source.row_reading.row_sample import take_sample
from migration.source.row_reading.value_statistics import Tally, merged
from migration.source.sqlite_syntax import value_sql
from migration.value_conversion.repeated_values import find_repeats
from migration.value_conversion.row_conversion import column_context
from migration.value_conversion.rules.document_losses import count_losing
from migration.value_conversion.rules.json_rules import are_kept_whole
from migration.value_conversion.text_normalisation import normaliser

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa

    from migration.model import ColumnPlan, KeyRange
    from migration.source.row_reading.row_sample import Sample
    from migration.source.row_reading.snapshot_reader import SnapshotReader
    from migration.source_schema import SourceTable
    from migration.value_conversion.batch_conversion import Context

_BATCH_BYTES = 4 << 20
_MAX_BATCH_ROWS = 16_384  # twice as many as a copy takes: documents that repeat are parsed once a batch
_DOCUMENTS_AT_ONCE = 512
_VALUE_CLASSES = tuple(c for c in StorageClass if c is not StorageClass.NULL)
_COLUMNS_AT_ONCE = 400  # each takes four columns of the result, of which SQLite allows 2,000


def profile_range(
    reader: SnapshotReader, table: SourceTable, key_range: KeyRange, context: Context
) -> dict[str, ColumnProfile]:
    """Profile all columns of a range, generated ones too; profiles of ranges add up (`merge_profiles`).

    `total_bytes` counts text and blobs by their bytes in UTF-8 and numbers as 8. `accepted` (and
    `accepted_wider`) is filled for columns whose declared type maps to anything but text, where every value fits.

    Raises:
        SourceCorruptError: SQLite cannot read the rows.
    """
    try:
        return _profile(reader, table, key_range, context)
    except (sqlite3.Error, SourceCorruptError) as error:
        raise read_error(table, error) from error


def _profile(
    reader: SnapshotReader, table: SourceTable, key_range: KeyRange, context: Context
) -> dict[str, ColumnProfile]:
    sample = take_sample(reader.rows, table, key_range)
    if not sample.is_mixed:
        with suppress(UnexpectedClassError):
            return _read(reader, table, key_range, context, sample, Guard.COERCED)
    return _read(reader, table, key_range, context, sample, Guard.ALL)


def _read(
    reader: SnapshotReader,
    table: SourceTable,
    key_range: KeyRange,
    context: Context,
    sample: Sample,
    guard: Guard,
) -> dict[str, ColumnProfile]:
    batch_rows = max(1, min(_MAX_BATCH_ROWS, _BATCH_BYTES // sample.row_bytes))
    columns = {column.name: _Column(candidate(column, table)) for column in table.columns}

    def read(classes: Mapping[str, Sequence[StorageClass]], guard: Guard) -> int:
        rows = 0
        for batch in reader.batches(table, classes, key_range, batch_rows, guard=guard):
            rows += batch.rows
            for name, slots in batch.slots.items():
                for storage_class, values in slots.items():
                    columns[name].add(storage_class, values, context)
        return rows

    expected = {name: column.expected(sample.classes.get(name)) for name, column in columns.items()}
    rows = read(expected, guard)
    # What is missing from integers that were read as they are is NULL: the reader refuses all else in their place.
    only_integers = {
        name
        for name, classes in expected.items()
        if guard is Guard.COERCED and classes == (StorageClass.INTEGER,)
    }
    with_gaps = {
        name: column.tally
        for name, column in columns.items()
        if column.tally.values < rows and name not in only_integers
    }
    unexpected = _unexpected_classes(reader, table, key_range, with_gaps)
    if unexpected:
        read(unexpected, Guard.ALL)
    return {name: column.profile(rows) for name, column in columns.items()}


def merge_profiles(parts: Iterable[Mapping[str, ColumnProfile]]) -> dict[str, ColumnProfile]:
    """Add up the profiles of ranges, column by column; of no parts, an empty profile."""
    whole: dict[str, ColumnProfile] = {}
    for part in parts:
        for name, profile in part.items():
            whole[name] = merged(whole[name], profile) if name in whole else profile
    return whole


class _Column:
    """One column while it is profiled: what it holds, and how much of that its declared type takes."""

    def __init__(self, natural: ColumnPlan) -> None:
        self.tally = Tally()
        self._natural = natural
        self._wider = wider(natural)
        self._normaliser = normaliser(natural)
        self._whole_days = WholeDays(natural)

    def expected(self, most_frequent: StorageClass | None) -> tuple[StorageClass, ...]:
        """Return the classes that are read at once; one that comes besides costs a look at all rows, and another read.

        Of prices with a fraction, one in a hundred is whole, and an INTEGER to SQLite's NUMERIC affinity.
        """
        if most_frequent is StorageClass.REAL and self._natural.kind is ValueKind.NUMERIC:
            return (StorageClass.REAL, StorageClass.INTEGER)
        return () if most_frequent is None else (most_frequent,)

    def add(self, storage_class: StorageClass, values: pa.Array, context: Context) -> None:
        """Add one slot of a batch."""
        if self._normaliser is not None and storage_class is StorageClass.TEXT:
            stored, (values, _) = values, self._normaliser.apply(values)
            self.tally.add_normalised_away(stored, values)
        if (
            not self.tally.add(storage_class, values)
            or self._natural.rules.get(StorageClass.TEXT) == "text_to_text"
        ):
            return  # every value fits into text; its lengths are in the statistics
        if storage_class is StorageClass.INTEGER:
            self._whole_days.add(values, context)
        if self._natural.rules.get(storage_class) == "text_to_json":
            taken = self._add_documents(values, context)
        else:
            taken = accepted(self._natural, storage_class, values, context)
        taken_wider = 0
        if self._wider is not None:
            takes_the_same = _way(self._wider, storage_class) == _way(self._natural, storage_class) or (
                taken and _are_days_in_utc(self._natural, storage_class, context)
            )
            taken_wider = taken if takes_the_same else accepted(self._wider, storage_class, values, context)
        self.tally.add_accepted(storage_class, taken, taken_wider)

    def profile(self, rows: int) -> ColumnProfile:
        """Return what was found, for so many rows."""
        return replace(self.tally.profile(rows), whole_days=dict(self._whole_days.counts))

    def _add_documents(self, values: pa.Array, context: Context) -> int:
        """Count what documents would lose; return how many fit. Those that repeat in a batch are looked at once."""
        all_fit = True
        different = find_repeats(values).values.drop_null()
        for start in range(0, len(different), _DOCUMENTS_AT_ONCE):
            documents = different[start : start + _DOCUMENTS_AT_ONCE]
            if are_kept_whole(documents):
                continue  # in one parsing, where the rest takes three
            self.tally.add_losing_documents(count_losing(documents))
            all_fit = all_fit and accepted(self._natural, StorageClass.TEXT, documents, context) == len(
                documents
            )
        return _known(values) if all_fit else accepted(self._natural, StorageClass.TEXT, values, context)


def _known(values: pa.Array) -> int:
    return int(len(values) - values.null_count)


def _way(plan: ColumnPlan, storage_class: StorageClass) -> tuple[str | None, str]:
    """Return what a conversion depends on: two plans that agree in this accept the same values."""
    return plan.rules.get(storage_class), plan.target_type


def _are_days_in_utc(plan: ColumnPlan, storage_class: StorageClass, context: Context) -> bool:
    """Tell whether values that fit are moments too. In another zone a day may have no midnight."""
    return (
        plan.rules.get(storage_class) == "text_to_date"
        and column_context(plan, context).source_timezone == "UTC"
    )


def _unexpected_classes(
    reader: SnapshotReader, table: SourceTable, key_range: KeyRange, tallies: Mapping[str, Tally]
) -> dict[str, tuple[StorageClass, ...]]:
    """Return, for the columns that hold more values than were seen, the classes that were not read."""
    rows = from_clause(table, key_range)
    values = {column.name: value_sql(column) for column in table.columns}
    names = list(tallies)
    mixed: list[str] = []
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        part = names[start : start + _COLUMNS_AT_ONCE]
        terms = ", ".join(f"count({values[name]})" for name in part)
        counts = reader.rows.execute(f"SELECT {terms} {rows}").fetchone()
        mixed += [name for name, count in zip(part, counts, strict=True) if count > tallies[name].values]
    found: dict[str, tuple[StorageClass, ...]] = {}
    for start in range(0, len(mixed), _COLUMNS_AT_ONCE):
        part = mixed[start : start + _COLUMNS_AT_ONCE]
        terms = ", ".join(
            f"max(typeof({values[name]}) = '{storage_class}')"
            for name in part
            for storage_class in _VALUE_CLASSES
        )
        present = reader.rows.execute(f"SELECT {terms} {rows}").fetchone()
        for position, name in enumerate(part):
            flags = present[position * len(_VALUE_CLASSES) : (position + 1) * len(_VALUE_CLASSES)]
            found[name] = tuple(
                c
                for c, is_there in zip(_VALUE_CLASSES, flags, strict=True)
                if is_there and not tallies[name].count(c)
            )
    return found
