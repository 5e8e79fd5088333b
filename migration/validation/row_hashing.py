"""Hashes of whole rows, computed by DuckDB inside this process.

DuckDB is used as a library over Arrow memory: no file, no network, no extension, one thread.
"""

from __future__ import annotations

import os
import threading
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

_LANE: Final = 1 << 64
_NAME: Final = "rows_to_hash"
_FORM: Final = 2
"""Number of the form in which rows are hashed (`digest_form`): one more with each change of it."""
_NUMBER: Final = "convoy_table_number"


class Algorithm(StrEnum):
    """How a row becomes 128 bits."""

    HASH128 = "hash128"  # two differently salted 64-bit hashes: against accidents, 20 times as fast
    MD5 = "md5"  # against somebody who wants two tables to look the same


def algorithm_name(algorithm: Algorithm = Algorithm.HASH128) -> str:
    """Return the name of an algorithm as evidence has it.

    DuckDB may change its hash from version to version, and Convoy the form of values in which it is taken.
    """
    if algorithm is Algorithm.MD5:
        return algorithm.value
    return f"{algorithm.value}-{_FORM}/duckdb-{duckdb.__version__}"


class _Connections(threading.local):
    """One DuckDB for each thread of each process: neither crosses a fork or may be shared by threads."""

    process: int = 0
    connection: duckdb.DuckDBPyConnection | None = None


_connections = _Connections()


def duck() -> duckdb.DuckDBPyConnection:
    """Return this thread's in-memory DuckDB, opened on first use."""
    if _connections.connection is None or _connections.process != os.getpid():
        _connections.connection = duckdb.connect(
            ":memory:",
            config={
                "threads": "1",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        _connections.process = os.getpid()
    return _connections.connection


def sum_rows(table: pa.Table, algorithm: Algorithm) -> tuple[int, int]:
    """Return the sums of both 64-bit halves of all rows' hashes, each modulo 2^64.

    Args:
        table: canonical columns (`canonical_table`, `digest_table`). Names do not count, positions do.
        algorithm: how to hash.
    """
    if not table.num_rows:
        return 0, 0
    high, low = _row_sql(table, algorithm)
    # Sums of up to 2^63 rows of 64 bits fit in a HUGEINT.
    select = f"SELECT sum(({high})::HUGEINT), sum(({low})::HUGEINT) FROM {_NAME}"
    with duck().cursor() as cursor:
        cursor.register(_NAME, table)
        # Not through a relation and Arrow, as below: for one row of two numbers that costs more than the hashing.
        ((high_sum, low_sum),) = cursor.execute(select).fetchall()
    return int(high_sum) % _LANE, int(low_sum) % _LANE


def sum_rows_of(tables: Sequence[pa.Table], algorithm: Algorithm) -> list[tuple[int, int]]:
    """Return what `sum_rows` does for each of some tables, all of the same columns, by one question.

    A question costs a millisecond and more, which is what a hundred rows take, ten times over.
    """
    if len(tables) == 1:
        return [sum_rows(tables[0], algorithm)]
    sums = [(0, 0)] * len(tables)
    numbered = [
        table.append_column(_NUMBER, pa.repeat(pa.scalar(number, pa.int64()), table.num_rows))
        for number, table in enumerate(tables)
    ]
    high, low = _row_sql(tables[0], algorithm)
    select = (
        f"SELECT {_NUMBER}, sum(({high})::HUGEINT), sum(({low})::HUGEINT) FROM {_NAME} GROUP BY {_NUMBER}"
    )
    with duck().cursor() as cursor:
        cursor.register(_NAME, pa.concat_tables(numbered))
        for number, high_sum, low_sum in cursor.execute(select).fetchall():
            sums[number] = int(high_sum) % _LANE, int(low_sum) % _LANE
    return sums


def hash_rows(table: pa.Table, algorithm: Algorithm = Algorithm.HASH128) -> pa.Table:
    """Return both halves of each row's hash as uint64 columns `high` and `low`, in the order of the rows."""
    if not table.num_rows:
        return pa.table({"high": pa.array([], pa.uint64()), "low": pa.array([], pa.uint64())})
    high, low = _row_sql(table, algorithm)
    return _over(table, f"SELECT ({high})::UBIGINT AS high, ({low})::UBIGINT AS low")


def _over(table: pa.Table, select: str) -> pa.Table:
    """Run one SELECT over `table`, on a cursor of its own so that no unread result can be in its way."""
    with duck().cursor() as cursor:
        cursor.register(_NAME, table)
        return cursor.sql(f"{select} FROM {_NAME}").to_arrow_table()


def _row_sql(table: pa.Table, algorithm: Algorithm) -> tuple[str, str]:
    """Return the SQL expressions of the two halves of a row's hash."""
    names = table.schema.names
    if algorithm is Algorithm.MD5:
        joined = " || ".join(_framed(name, table.schema.field(name).type) for name in names)
        return f"md5_number_upper({joined})", f"md5_number_lower({joined})"
    columns = ", ".join(names)
    # The outer hash mixes the whole once more: DuckDB joins columns by XOR, and sums of XORs can cancel out.
    return f"hash(hash({columns}))", f"hash(hash(8191, {columns}))"


def _framed(name: str, type_: pa.DataType) -> str:
    """Return a value as text that no other value or pair of neighbouring values can produce."""
    if pa.types.is_string(type_):
        return f"coalesce(strlen({name}) || ':' || {name}, 'N') || ','"
    if pa.types.is_binary(type_):
        return f"coalesce('x' || hex({name}), 'N') || ','"
    return f"coalesce({name}::VARCHAR, 'N') || ','"
