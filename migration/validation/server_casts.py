"""Values of types that only the server knows (uuid, enums, domains, arrays): it says itself how it writes them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.target.application_tables.row_refusal_errors import Refusal, halve, refusal_of_value
from migration.target.sql_statements import assigned_sql, written_sql
from migration.value_conversion.named_losses import CUT_BY_TYPE, RESPELLED_BY_SERVER
from migration.value_conversion.server_spelling import is_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from migration.model import ColumnPlan, TablePlan

# The type below all domains, without length, precision or fields: it cuts as little as a type of its kind can.
_ROOMY_TYPE: Final = text(
    """
    WITH RECURSIVE below (oid) AS (
        SELECT pg_catalog.to_regtype(:type)::oid
        UNION ALL
        SELECT t.typbasetype FROM below b JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype = 'd'
    )
    SELECT pg_catalog.format_type(b.oid, NULL) FROM below b
    JOIN pg_catalog.pg_type t ON t.oid = b.oid WHERE t.typtype <> 'd'
    """
)


@dataclass(frozen=True, slots=True)
class CastBatch:
    """A batch as the server writes it.

    `refused`: row → column and reason; these rows are still in the batch, with NULL in that column. `lost`: row, column
    and name of the loss of each value that cannot be had back from what the server writes.
    """

    batch: pa.RecordBatch
    refused: dict[int, tuple[str, str]]
    lost: tuple[tuple[int, str, str], ...]


class ServerCasts:
    """Assigns texts of a source to the types of some columns and writes them back: both sides are spelled alike.

    Args:
        connection: to the target; no transaction stays open between two calls.
        columns: those to be cast; `cast_to` is the type.
    """

    def __init__(self, connection: Connection, columns: Sequence[ColumnPlan]) -> None:
        self._connection = connection
        self._columns = [column for column in columns if column.cast_to]
        self._roomy: dict[str, str] = {}

    def apply(self, batch: pa.RecordBatch) -> CastBatch:
        """Return the batch as the server writes it, what it refuses, and what it does not keep."""
        refused: dict[int, tuple[str, str]] = {}
        lost: list[tuple[int, str, str]] = []
        for column in self._columns:
            position = batch.schema.get_field_index(column.name)
            texts = batch.column(position).to_pylist()
            written: list[str | None] = [None] * len(texts)
            found = halve(
                [(0, len(texts) - 1)] if texts else [],
                lambda first, last, column=column, texts=texts, written=written: self._cast(  # type: ignore[misc]
                    column.cast_to, texts, written, first, last
                ),
            )
            for row, refusal in found.items():
                refused.setdefault(row, (column.name, refusal.reason))
            lost += [(row, column.name, loss) for row, loss in self._lost(column, texts, written)]
            batch = batch.set_column(position, batch.schema.field(position), pa.array(written, pa.string()))
        return CastBatch(batch, refused, tuple(item for item in lost if item[0] not in refused))

    def _lost(
        self, column: ColumnPlan, texts: Sequence[str | None], written: Sequence[str | None]
    ) -> list[tuple[int, str]]:
        """Return what is not kept, by its place, with the name of the loss."""
        type_ = column.cast_to
        rows = [
            row
            for row, (one, other) in enumerate(zip(texts, written, strict=True))
            if one is not None and other is not None and not is_kept(one, other, column.time_example)
        ]
        if not rows:
            return []
        roomy = self._roomy_type(type_)
        uncut: list[str | None] = [written[row] for row in rows]
        if roomy != type_:
            halve(
                [(0, len(rows) - 1)],
                lambda first, last: self._cast(roomy, [texts[row] for row in rows], uncut, first, last),
            )
        return [
            (row, RESPELLED_BY_SERVER if whole == written[row] else CUT_BY_TYPE)
            for row, whole in zip(rows, uncut, strict=True)
        ]

    def _roomy_type(self, type_: str) -> str:
        if type_ not in self._roomy:
            self._roomy[type_] = (
                self._connection.execute(_ROOMY_TYPE, {"type": type_}).scalar_one_or_none() or type_
            )
            self._connection.rollback()
        return self._roomy[type_]

    def _cast(
        self, type_: str, texts: Sequence[str | None], written: list[str | None], first: int, last: int
    ) -> Refusal | None:
        statement = (
            f"SELECT {written_sql('a.v').replace('%', '%%')} FROM (SELECT n,"
            f" {assigned_sql('u.v', type_).replace('%', '%%')} AS v"
            " FROM unnest(%(texts)s::pg_catalog.text[]) WITH ORDINALITY AS u (v, n)) a ORDER BY a.n"
        )

        def asked(given: Sequence[str | None]) -> list[str | None]:
            try:
                return list(self._connection.exec_driver_sql(statement, {"texts": list(given)}).scalars())
            finally:
                self._connection.rollback()

        try:
            written[first : last + 1] = asked(texts[first : last + 1])
        except DBAPIError as error:
            return refusal_of_value(error, lambda: _fails(asked), object_kind="type", object=type_)
        return None


def _fails(asked: Callable[[Sequence[str | None]], object]) -> bool:
    try:
        asked([])
    except DBAPIError:
        return True
    return False


@contextmanager
def server_casts(engine: Engine, plan: TablePlan) -> Iterator[ServerCasts | None]:
    """Open what asks the server how it keeps values of types that only it knows; None where a table has none.

    On a connection of its own: the caller's is busy with its COPY.
    """
    if not plan.texts_to_assign:
        yield None
        return
    with engine.connect() as connection:
        yield ServerCasts(connection, plan.copied_columns)


def without_rows(batch: pa.RecordBatch, rows: Sequence[int]) -> pa.RecordBatch:
    """Return a batch without some of its rows."""
    if not rows:
        return batch
    gone = pc.is_in(pa.array(range(batch.num_rows)), value_set=pa.array(rows))
    return batch.filter(pc.invert(gone))
