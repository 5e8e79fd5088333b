"""Values of types that only the server knows (uuid, enums, domains, arrays): it says itself how it writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy.exc import DBAPIError

from migration.target.application_tables.row_refusal_errors import Refusal, halve, refusal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import ColumnPlan


class ServerCasts:
    """Casts texts of a source to the types of some columns and back to text, so that both sides are spelled alike.

    Args:
        connection: to the target; no transaction stays open between two calls.
        columns: those to be cast; `cast_to` is the type.
    """

    def __init__(self, connection: Connection, columns: Sequence[ColumnPlan]) -> None:
        self._connection = connection
        self._columns = [column for column in columns if column.cast_to]

    def apply(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, dict[int, tuple[str, str]]]:
        """Return the batch as the server writes it, and of each row that it refuses the column and the reason.

        Refused rows are still in the batch, with NULL in that column.
        """
        refused: dict[int, tuple[str, str]] = {}
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
            batch = batch.set_column(position, batch.schema.field(position), pa.array(written, pa.string()))
        return batch, refused

    def _cast(
        self, type_: str, texts: list[str | None], written: list[str | None], first: int, last: int
    ) -> Refusal | None:
        statement = (
            f"SELECT CAST(v AS {type_.replace('%', '%%')})::pg_catalog.text"
            " FROM unnest(%(texts)s::pg_catalog.text[]) WITH ORDINALITY AS u (v, n) ORDER BY n"
        )
        try:
            found = self._connection.exec_driver_sql(statement, {"texts": texts[first : last + 1]})
            written[first : last + 1] = list(found.scalars())
        except DBAPIError as error:
            self._connection.rollback()
            return refusal_of(error, object_kind="type", object=type_)
        self._connection.rollback()
        return None


def without_rows(batch: pa.RecordBatch, rows: Sequence[int]) -> pa.RecordBatch:
    """Return a batch without some of its rows."""
    if not rows:
        return batch
    gone = pc.is_in(pa.array(range(batch.num_rows)), value_set=pa.array(rows))
    return batch.filter(pc.invert(gone))
