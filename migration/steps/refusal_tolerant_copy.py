"""Load the rows of a chunk that the server takes, where it refuses some of them: a row too large for a page, say.

All together first, in one COPY, which is the only way that costs nothing. Where the server refuses that, batch by
batch, and a batch by halves, each try in a savepoint: PostgreSQL knows its limits better than any list of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol, TypeVar

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from migration.model import Rejection, TablePlan
from migration.steps.refused_values import refused_values
from migration.target.application_tables.row_refusal_errors import Refusal, at_fault, halve
from migration.target.loading.binary_copy import copy_batches
from migration.target.sql_statements import quoted
from migration.value_conversion.batch_conversion import Converted
from migration.value_conversion.raw_batch import RawBatch
from migration.value_conversion.row_conversion import stored_value

# Data exception, integrity constraint, program limit: https://www.postgresql.org/docs/current/errcodes-appendix.html
_ROW_IS_REFUSED: Final = ("22", "23", "54")
# A row of more than 1 GiB before its long values are stored apart: an internal error, whose words are not translated.
_TOO_MUCH_MEMORY: Final = "invalid memory alloc request size"
# What the server says where bytes on the wire are not what they should be: no row's fault.
_OUR_FAULT: Final = frozenset({"22P03", "22P04"})
_COLUMN_IN_CONTEXT = re.compile(r", column (.+?)(?::|$)", re.MULTILINE)
_NUMBER_BYTES: Final = 8


def refuses_a_row(error: psycopg.Error) -> bool:
    """Tell whether the server says of a row that it does not take it, and not that something else is wrong."""
    state = error.sqlstate or ""
    if state == "XX000":
        return _TOO_MUCH_MEMORY in str(error)
    return state.startswith(_ROW_IS_REFUSED) and state not in _OUR_FAULT


@dataclass(slots=True)
class TolerantLoad:
    """Loads batches into a table; what the server refuses of them is told row by row.

    `connection` is in a transaction that the caller ends, and stays usable.
    """

    connection: Connection
    driver: psycopg.Connection[Any]
    schema: str
    plan: TablePlan
    bytes_sent: int = 0
    _columns: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def load(self, batch: pa.RecordBatch) -> dict[int, Refusal]:
        """Load the rows of a batch that fit; return the others by their places in it, with the server's words.

        Raises:
            psycopg.Error: the server refuses something other than a row.
        """
        if not batch.num_rows:
            return {}

        def attempt(first: int, last: int) -> Refusal | None:
            return self._attempt(batch.slice(first, last - first + 1))

        return halve([(0, batch.num_rows - 1)], attempt)

    def _attempt(self, rows: pa.RecordBatch) -> Refusal | None:
        savepoint = self.connection.begin_nested()
        try:
            sent = copy_batches(self.driver, self.schema, self.plan, [rows])
        except psycopg.Error as error:
            if not refuses_a_row(error):
                raise
            savepoint.rollback()
            return self._with_columns(_refusal(error))
        savepoint.commit()
        self.bytes_sent += sent
        return None

    def _with_columns(self, refusal: Refusal) -> Refusal:
        """Name the columns of a constraint or index that refuses a row, where the server names that alone."""
        if refusal.columns or not refusal.constraint:
            return refusal
        if refusal.constraint not in self._columns:
            name = quoted(self.schema, self.plan.target_name)
            oid = self.connection.execute(
                text("SELECT to_regclass(:name)::oid::bigint"), {"name": name}
            ).scalar_one()
            known = tuple(column.target_name for column in self.plan.copied_columns)
            found = at_fault(self.connection, oid, refusal, known)
            self._columns[refusal.constraint] = () if found == known else found
        return replace(refusal, columns=self._columns[refusal.constraint])


def _refusal(error: psycopg.Error) -> Refusal:
    reason = (error.diag.message_primary or str(error)).splitlines()[0].strip()
    named = error.diag.column_name
    if named is None and (found := _COLUMN_IN_CONTEXT.search(error.diag.context or "")):
        named = found[1]
    return Refusal(reason, error.diag.constraint_name or "", (named,) if named else ())


class RowStream(Protocol):
    """The rows of a chunk, as `ChunkStream` gives them."""

    def batches(
        self, load: Callable[[pa.RecordBatch], dict[int, Refusal]] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches; with `load`, they are where it has put them."""
        ...


S = TypeVar("S", bound=RowStream)


def load_rows(
    connection: Connection,
    driver: psycopg.Connection[Any],
    schema: str,
    plan: TablePlan,
    read: Callable[[], S],
) -> tuple[S, int]:
    """Load a chunk in one COPY; where the server refuses a row of it, once more and without the rows that it refuses.

    Args:
        connection: in a transaction that the caller ends, and stays usable.
        driver: psycopg's connection below it.
        schema: the schema that the table is in now, unquoted.
        plan: the table.
        read: begins to read the chunk, from its first row.

    Returns:
        The stream that was read to its end, and how many bytes went over the wire.

    Raises:
        psycopg.Error: the server refuses something other than a row.
    """
    stream = read()
    savepoint = connection.begin_nested()
    try:
        bytes_sent = copy_batches(driver, schema, plan, stream.batches())
    except psycopg.Error as error:
        if not refuses_a_row(error):
            raise
        savepoint.rollback()
    else:
        savepoint.commit()
        return stream, bytes_sent
    tolerant = TolerantLoad(connection, driver, schema, plan)
    stream = read()
    for _ in stream.batches(tolerant.load):
        pass
    return stream, tolerant.bytes_sent


def load_all_rows(
    _connection: Connection,
    driver: psycopg.Connection[Any],
    schema: str,
    plan: TablePlan,
    read: Callable[[], S],
) -> tuple[S, int]:
    """Load a chunk in one COPY, as `load_rows` does where no row is refused; otherwise the transaction is lost.

    Raises:
        psycopg.Error: the server refuses a row, or something else.
    """
    stream = read()
    return stream, copy_batches(driver, schema, plan, stream.batches())


def part(
    raw: RawBatch, converted: Converted, refused: Mapping[int, Refusal], plan: TablePlan
) -> tuple[RawBatch, list[Rejection]]:
    """Return the rows of a batch without those that the server refused, and what the quarantine keeps of these.

    `refused` counts in the converted batch, which may lack rows of the raw one.
    """
    places = None if converted.kept is None else pc.indices_nonzero(converted.kept)
    gone = {
        (number if places is None else places[number].as_py()): refusal for number, refusal in refused.items()
    }
    rest = pa.array([row for row in range(raw.rows) if row not in gone], pa.int64())
    names = {column.target_name: column.name for column in plan.copied_columns}
    rejections = [
        rejection
        for row, refusal in sorted(gone.items())
        for rejection in refused_values(raw, row, _with_known_columns(raw, row, refusal, names), names)
    ]
    return raw.take(rest), rejections


def _with_known_columns(raw: RawBatch, row: int, refusal: Refusal, names: Mapping[str, str]) -> Refusal:
    """Return a refusal with the columns that the source has, or else the one with the row's longest value."""
    known = [name for name in refusal.columns if name in names]
    if not known:
        sizes = dict(_sizes(raw, row))
        known = [max(names, key=lambda name: sizes.get(names[name], 0))]
    return replace(refusal, columns=tuple(known))


def _sizes(raw: RawBatch, row: int) -> Iterator[tuple[str, int]]:
    for name, slots in raw.slots.items():
        for values in slots.values():
            value = stored_value(values, row)
            if value is not None:
                yield name, len(value) if isinstance(value, bytes) else _NUMBER_BYTES
