"""Read ranges of a snapshot as Arrow batches: by ADBC, and row by row where ADBC cannot."""

from __future__ import annotations

import sqlite3
from contextlib import ExitStack, closing
from functools import cached_property
from typing import TYPE_CHECKING, Self

import adbc_driver_manager
import pyarrow as pa

from migration.convoy_error import ConvoyError, Place
from migration.errors import InternalError, SourceCorruptError, UnexpectedClassError
from migration.model import StorageClass
from migration.source.arrow_opening import open_for_arrow
from migration.source.row_reading.batch_query import SLOT_TYPES, Guard, build_query
from migration.source.snapshot_connection import connect_snapshot, open_snapshot
from migration.sqlite_names import folded
from migration.value_conversion.raw_batch import RawBatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from migration.model import KeyRange
    from migration.source.row_reading.batch_query import BatchQuery, Slot
    from migration.source_schema import SourceTable

_BATCH_OPTION = "adbc.sqlite.query.batch_rows"


class SnapshotReader:
    """Reads batches from one snapshot. A context manager, to be opened in the process and thread that uses it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows_connection: sqlite3.Connection | None = None
        try:
            self._connection = open_for_arrow(path)
        except adbc_driver_manager.Error as error:
            raise SourceCorruptError(f"The snapshot cannot be opened: {error}", file=str(path)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; iterators over batches must be exhausted or closed before."""
        self._connection.close()
        if self._rows_connection is not None:
            self._rows_connection.close()

    @property
    def rows(self) -> sqlite3.Connection:
        """An sqlite3 connection to the same snapshot, opened on first use."""
        if self._rows_connection is None:
            self._rows_connection = connect_snapshot(self._path)
        return self._rows_connection

    @cached_property
    def encoding(self) -> str:
        """The database's encoding, as SQLite names it: UTF-8, UTF-16le or UTF-16be."""
        (encoding,) = self.rows.execute("PRAGMA encoding").fetchone()
        return str(encoding)

    def batches(
        self,
        table: SourceTable,
        classes: Mapping[str, Sequence[StorageClass]],
        key_range: KeyRange,
        batch_rows: int,
        *,
        guard: Guard = Guard.NONE,
    ) -> Iterator[RawBatch]:
        """Yield the rows of a range, at most `batch_rows` at a time; of the columns in `classes`, and the key.

        `classes` names the storage classes present in each column (`ColumnProfile.classes`). Where that is only a
        guess, `guard` says so: values of other classes are then left out, like NULL, or raise an error. Memory is that
        of two batches. The key is the rowid (int64), or for WITHOUT ROWID tables each column of the primary key as
        text, blobs in hexadecimal; a table that has neither gives no key.

        Raises:
            UnexpectedClassError: a column holds a class that `classes` does not name.
            SourceCorruptError: SQLite cannot read the rows.
        """
        query = build_query(table, classes, key_range, guard=guard, encoding=self.encoding)
        place: Place = {"table": table.name}
        with ExitStack() as stack:
            try:
                readers = [self._open(stack, query, group, batch_rows) for group in range(len(query.groups))]
            except adbc_driver_manager.Error as error:
                if guard is Guard.COERCED:  # rows that sqlite3 gives raise no error for another class
                    raise _mismatch(error, place) from error
                # Most likely a collation that only the application has: sqlite3 can be given a stand-in for it.
                connection = stack.enter_context(open_snapshot(self._path))
                connection.text_factory = bytes
                streams = [
                    _read_rows(connection, query, group, batch_rows) for group in range(len(query.groups))
                ]
            else:
                streams = [_without_first_row(reader) for reader in readers]
                for group, reader in enumerate(readers):
                    _check_types(reader.schema, query.slots(group), place)
            try:
                for parts in zip(*streams, strict=True):
                    raw = _raw_batch(query, classes, parts, place)
                    del parts
                    yield raw
                    del raw
            except (sqlite3.Error, adbc_driver_manager.Error, pa.ArrowException, OSError) as error:
                raise _read_error(error, place) from error

    def _open(self, stack: ExitStack, query: BatchQuery, group: int, batch_rows: int) -> pa.RecordBatchReader:
        cursor = stack.enter_context(closing(self._connection.cursor()))
        cursor.adbc_statement.set_options(**{_BATCH_OPTION: str(batch_rows)})
        cursor.execute(query.statement(group, first_row=True))
        return stack.enter_context(closing(cursor.fetch_record_batch()))


def _read_rows(
    connection: sqlite3.Connection, query: BatchQuery, group: int, batch_rows: int
) -> Iterator[list[pa.Array]]:
    """Yield the arrays that ADBC would have given, from rows; the connection gives text as bytes."""
    types = [SLOT_TYPES[slot.arrow_class] for slot in query.slots(group)] or [pa.int64()]
    with closing(connection.execute(query.statement(group, first_row=False))) as cursor:
        while rows := cursor.fetchmany(batch_rows):
            yield [_array(values, kind) for values, kind in zip(zip(*rows, strict=True), types, strict=True)]


def _without_first_row(reader: pa.RecordBatchReader) -> Iterator[list[pa.Array]]:
    for number, batch in enumerate(reader):
        columns = batch.columns if number else [column.slice(1) for column in batch.columns]
        del batch  # not to be held beside the next one
        if len(columns[0]):
            yield columns
        del columns


def _array(values: tuple[object, ...], kind: pa.DataType) -> pa.Array:
    if kind == pa.string():
        # Not a cast: bytes that are not UTF-8 have to stay as they are, as ADBC leaves them.
        return pa.array(values, pa.binary()).view(pa.string())
    return pa.array(values, kind)


def _check_types(schema: pa.Schema, slots: Sequence[Slot], place: Place) -> None:
    """Refuse a stream whose first rows have made ADBC change the type of a column."""
    for kind, slot in zip(schema.types, slots, strict=False):
        if kind != SLOT_TYPES[slot.arrow_class]:
            raise UnexpectedClassError(
                f"Column {slot.column} holds {kind} values, of which its profile knows nothing",
                remedy="The snapshot does not belong to this profile: start a new run",
                **place,
            )


def _raw_batch(
    query: BatchQuery,
    classes: Mapping[str, Sequence[StorageClass]],
    parts: Sequence[Sequence[pa.Array]],
    place: Place,
) -> RawBatch:
    """Put the columns of one batch of each statement into their slots."""
    key_count = len(query.keys)
    keys = tuple(parts[0][:key_count])
    if any(part[:key_count] != list(keys) for part in parts[1:]):
        raise InternalError(
            "Two reads of the same rows came in a different order", remedy="Report this as a bug", **place
        )
    slots: dict[str, dict[StorageClass, pa.Array]] = {column: {} for column in classes}
    for group, part in enumerate(parts):
        for slot, array in zip(query.groups[group], part[key_count:], strict=False):
            if slot.column is not None:
                wide = slot.encoding
                slots[slot.column][slot.storage_class] = array if wide is None else _narrow(array, wide)
    alias = query.table.rowid_alias
    if alias in slots and StorageClass.INTEGER in classes[alias]:
        slots[alias][StorageClass.INTEGER] = keys[0]
    return RawBatch(tuple(_printable(key) for key in keys), slots, len(parts[0][0]))


def _narrow(array: pa.Array, encoding: str) -> pa.Array:
    """Return texts in UTF-16 as UTF-8. Half surrogates stay what they are: three bytes that no UTF-8 has.

    https://www.unicode.org/versions/Unicode16.0.0/core-spec/chapter-3/#G31703 (D92); the form is known as WTF-8.
    """
    texts = [
        None
        if value is None
        else value[: len(value) & ~1].decode(encoding, "surrogatepass").encode("utf-8", "surrogatepass")
        for value in array.to_pylist()
    ]
    return pa.array(texts, pa.binary()).view(pa.string())


def _printable(key: pa.Array) -> pa.Array:
    """Return a key that every reader can decode: U+FFFD for bytes that are not UTF-8."""
    if key.type != pa.string():
        return key
    try:
        key.validate(full=True)
    except pa.ArrowInvalid:
        raw = key.view(pa.binary()).to_pylist()
        return pa.array(
            [None if value is None else value.decode("utf-8", "replace") for value in raw], pa.string()
        )
    return key


def _mismatch(error: Exception, place: Place) -> UnexpectedClassError:
    return UnexpectedClassError(
        f"A column holds values that its profile does not have: {error}",
        remedy="The snapshot does not belong to this profile: start a new run",
        **place,
    )


def _read_error(error: Exception, place: Place) -> ConvoyError:
    if "mismatch" in folded(str(error)):
        return _mismatch(error, place)
    return SourceCorruptError(
        f"The rows cannot be read: {error}", remedy="Check the snapshot's disk, or start again", **place
    )
