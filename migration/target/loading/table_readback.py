"""Rows of the target as logical Arrow batches, for digests and comparison.

ADBC's PostgreSQL driver reads binary COPY into Arrow. Each column is selected so that it comes back in the Arrow
type that conversion gave it (value_kinds.ARROW_TYPES):

- numeric as text, since ADBC spells its own decimals differently (``nan``, ``inf``);
- jsonb as it is, which ADBC gives as text of an extension type: a cast in the server takes both sides a fifth longer;
- json and uuid as text; char(n) as text, which PostgreSQL strips of its padding;
- infinite dates and timestamps come as the numbers that ADBC wraps them to, far outside the years 1 to 9999: they
  differ from every value of a source, as they should.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

import adbc_driver_postgresql.dbapi
import pyarrow as pa
from adbc_driver_manager import Error as AdbcError
from sqlalchemy import text

from migration.model import ValueKind
from migration.target.connection_refusals import note_refusal
from migration.target.postgres_errors import translate, unreachable
from migration.target.session_settings import session_settings, settings_sql
from migration.target.sql_statements import quoted, written_sql
from migration.target.target_connection import (
    beginning_with,
    connect,
    place_of,
    with_defaults,
    without_statement_timeout,
)
from migration.value_conversion.value_kinds import ARROW_TYPES, is_known, split_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from sqlalchemy import Connection, Row

    from migration.model import ColumnPlan, TablePlan

_OF_LIBPQ: Final = "[libpq]"
_QUOTING: Final = "SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'quote_all_identifiers'"
_QUERY_CANCELED: Final = "57014"
_BATCH_BYTES: Final = 2 << 20
_TID_RANGE_SCAN_SINCE: Final = 140_000
_SIZES: Final = text(
    "SELECT c.relname AS name, pg_catalog.pg_relation_size(c.oid) AS size,"
    " current_setting('block_size')::int AS block_bytes, current_setting('server_version_num')::int AS version"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = ANY(CAST(:names AS text[])) AND c.relkind = 'r'"
)
_AS_TEXT: Final = frozenset({ValueKind.NUMERIC, ValueKind.TEXT, ValueKind.JSON, ValueKind.UUID})
_COME_AS_TEXT: Final = frozenset({"text", "jsonb"})


@dataclass(frozen=True, slots=True)
class Block:
    """Heap blocks ``first <= block < last`` of a table; `last` None is open."""

    first: int
    last: int | None


def block_ranges(
    connection: Connection, schema: str, target_bytes: Mapping[str, int]
) -> dict[str, list[Block]]:
    """Split tables into ranges of heap blocks, the last of each open; asks once for all of them.

    PostgreSQL 14 and later reads such a range without touching the rest (TID range scan); older servers read
    the whole table for each range, so they get one.

    Args:
        connection: to the target.
        schema: where the tables are now, unquoted.
        target_bytes: table → about so much for each range of it.
    """
    sizes = {
        row.name: row for row in connection.execute(_SIZES, {"schema": schema, "names": list(target_bytes)})
    }
    return {name: _ranges(sizes.get(name), wanted) for name, wanted in target_bytes.items()}


def _ranges(table: Row[Any] | None, target_bytes: int) -> list[Block]:
    # A partitioned table has no blocks of its own.
    if table is None or table.version < _TID_RANGE_SCAN_SINCE:
        return [Block(0, None)]
    blocks = table.size // table.block_bytes
    step = max(1, target_bytes // table.block_bytes)
    starts = list(range(0, max(blocks, 1), step))
    return [Block(first, last) for first, last in zip(starts, [*starts[1:], None], strict=True)]


def _connect(conninfo: str) -> adbc_driver_postgresql.dbapi.Connection:
    """Open a connection; ADBC reads the server's types at once, which a timeout of role or database may not cut."""
    try:
        return adbc_driver_postgresql.dbapi.connect(conninfo, autocommit=True)
    except AdbcError as error:
        if error.sqlstate != _QUERY_CANCELED and "statement timeout" not in str(error):
            raise
    return adbc_driver_postgresql.dbapi.connect(without_statement_timeout(conninfo), autocommit=True)


_NOT_CONNECTED = "Failed to connect"
"""The driver's words of libpq's PQconnectdb; the SQLSTATE is libpq's, which has none."""


class TargetReader:
    """Reads tables of the target; one connection of its own, opened in the process that uses it.

    Args:
        url: a libpq URL with everything that is needed to log in.
        application_name: shown in pg_stat_activity.

    Raises:
        RetryableError: no connection.
    """

    def __init__(self, url: str, application_name: str = "convoy read-back") -> None:
        try:
            # The same border as all: what psycopg's connection finds out of the way to the server holds for ADBC's.
            conninfo = with_defaults(url, application_name)
            with connect(url, application_name) as entrance:
                version = entrance.info.server_version
                quoting = entrance.execute(_QUOTING).fetchone()
            if quoting == ("on",):
                # ADBC knows types by the names of their functions, which it reads at once: quoted, it knows none.
                conninfo = beginning_with(conninfo, "quote_all_identifiers", "off")
            self._connection = _connect(conninfo)
        except AdbcError as error:
            if _NOT_CONNECTED not in str(error):
                raise translate(error, **place_of(url)) from error
            refused = unreachable(error, place_of(url))
            note_refusal(refused)
            raise refused from error
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(settings_sql(session_settings(version)))
        except AdbcError as error:
            self.close()
            raise translate(error, **place_of(url)) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def make_sure(self) -> None:
        """Make sure that the session has not ended while it was idle.

        A question to one that has would end this process: the driver makes a text of the SQLSTATE that such an answer
        lacks (https://github.com/apache/arrow-adbc/issues/3878). A change of autocommit is what it gives an error for.

        Raises:
            ConnectionLostError: the session has ended.
        """
        try:
            self._connection.adbc_connection.set_autocommit(False)
            self._connection.adbc_connection.set_autocommit(True)
        except AdbcError as error:
            raise translate(error) from error

    def batches(
        self,
        schema: str,
        plan: TablePlan,
        block: Block | None = None,
        where_sql: str | None = None,
        *,
        only: bool = False,
        packed: bool = False,
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows of ``schema.<plan.target_name>`` in batches of about 2 MB.

        Args:
            schema: the schema that the table is in now, unquoted.
            plan: the table.
            block: only these heap blocks.
            where_sql: only rows for which this SQL holds; the caller has quoted what is in it.
            only: leave out the rows of inheritance children; not for partitioned tables, which have no others.
            packed: UUIDs come as the bytes that they are: for who hashes rows, and shows none.

        Yields:
            Logical batches; columns named and ordered as `plan.copied_columns`.

        Raises:
            ConnectionLostError: the session has ended.
        """
        self.make_sure()
        statement = select_sql(schema, plan, block, where_sql, only=only, packed=packed)
        wanted = pa.schema(
            [
                (c.name, pa.binary() if packed and _is_uuid(c) else ARROW_TYPES[c.kind])
                for c in plan.copied_columns
            ]
        )
        with self._connection.cursor() as cursor:
            try:
                cursor.adbc_statement.set_options(
                    **{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
                )
                cursor.execute(statement)
                with cursor.fetch_record_batch() as reader:
                    for batch in reader:
                        yield _named(batch, wanted)
            except (AdbcError, OSError) as error:  # Arrow's stream reports a lost connection as OSError
                raise translate(error, table=plan.target_name) from error
            except pa.ArrowException as error:  # or, by another code of the driver's, as ArrowInvalid
                if not str(error).startswith(_OF_LIBPQ):
                    raise
                raise translate(OSError(str(error)), table=plan.target_name) from error


def select_sql(
    schema: str,
    plan: TablePlan,
    block: Block | None = None,
    where_sql: str | None = None,
    *,
    only: bool = False,
    packed: bool = False,
) -> str:
    """Return the SELECT whose result has the logical types of the plan's copied columns, or `packed` ones."""
    columns = (
        ", ".join(
            quoted(column.target_name) if packed and _is_uuid(column) else _selected(column)
            for column in plan.copied_columns
        )
        or "NULL::bigint"
    )
    conditions = []
    if block is not None and (block.first or block.last is not None):
        conditions.append(f"ctid >= '({block.first},0)'::tid")
        if block.last is not None:
            conditions.append(f"ctid < '({block.last},0)'::tid")
    if where_sql:
        conditions.append(f"({where_sql})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    table = quoted(schema, plan.target_name)
    return f"SELECT {columns} FROM {'ONLY ' if only else ''}{table}{where}"


def _is_uuid(column: ColumnPlan) -> bool:
    return column.kind is ValueKind.UUID and is_known(column.target_type)


def _selected(column: ColumnPlan) -> str:
    name = quoted(column.target_name)
    if column.kind in _AS_TEXT and split_type(column.target_type)[0] not in _COME_AS_TEXT:
        return f"{name}::pg_catalog.text" if is_known(column.target_type) else written_sql(name)
    return name


def _named(batch: pa.RecordBatch, wanted: pa.Schema) -> pa.RecordBatch:
    """Return the batch under the plan's names; columns have the plan's types already, or are cast."""
    if not wanted.names:
        return batch
    stored = [array.storage if isinstance(array, pa.ExtensionArray) else array for array in batch.columns]
    arrays = [
        array if array.type == field.type else array.cast(field.type)
        for array, field in zip(stored, wanted, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=wanted)
