"""Many rows of the ledger in one statement: they travel as one JSON array, and the server takes it apart.

A statement for each row costs a round trip, or at least an execution, each; one for all costs neither, and its text is
the same for any number of rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql

from migration.target.sql_statements import quoted

ROWS_AT_ONCE: Final = 250
"""So much of a large set is in memory twice."""
_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


def insert_set(
    connection: Connection,
    table: Table,
    records: Sequence[Mapping[str, Any]],
    *,
    returning: str | None = None,
    on_conflict_sql: str = "",
) -> list[Any]:
    """Insert records, all of which name the same columns; numbers that the server gives follow their order.

    Args:
        connection: in the caller's transaction.
        table: of the ledger.
        records: values as JSON has them, by column. None is NULL, in columns of JSON too.
        returning: a column whose new values are wanted.
        on_conflict_sql: what to do with those that are there already, as in `INSERT`.

    Returns:
        The values of `returning`, in the order of the records.
    """
    returned: list[Any] = []
    for part in _parts(records):
        names = list(part[0])
        chosen = ", ".join(quoted(name) for name in names)
        statement = (
            f"INSERT INTO {_name(table)} ({chosen}) SELECT {chosen} FROM {_recordset(table, names)}"
            f" ORDER BY nth {on_conflict_sql}"
        )
        if returning is not None:
            statement += f" RETURNING {quoted(returning)}"
        result = connection.exec_driver_sql(statement, (json.dumps(part),))
        if returning is not None:
            returned += result.scalars().all()
    return returned


def update_set(
    connection: Connection,
    table: Table,
    records: Sequence[Mapping[str, Any]],
    *,
    key: str = "id",
    also_sql: str = "",
) -> None:
    """Update one row for each record.

    Args:
        connection: in the caller's transaction.
        table: of the ledger.
        records: values as JSON has them, by column; each names its row by `key`, and all name the same columns.
        key: a column of few or single rows for each value.
        also_sql: further assignments, the same for all of them: ``state = 'done'``.
    """
    for part in _parts(records):
        names = list(part[0])
        assignments = [f"{quoted(name)} = given.{quoted(name)}" for name in names if name != key]
        assignments += [also_sql] if also_sql else []
        connection.exec_driver_sql(
            f"UPDATE {_name(table)} AS written SET {', '.join(assignments)} FROM {_recordset(table, names)}"
            f" WHERE written.{quoted(key)} = given.{quoted(key)}",
            (json.dumps(part),),
        )


def _parts(records: Sequence[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    for first in range(0, len(records), ROWS_AT_ONCE):
        yield list(records[first : first + ROWS_AT_ONCE])


def _name(table: Table) -> str:
    return quoted(*([table.schema] if table.schema else []), table.name)


def _recordset(table: Table, names: Sequence[str]) -> str:
    """Return what gives the parameter's records as rows, with their place in the array as `nth`."""
    columns: dict[str, Column[Any]] = {column.name: column for column in table.columns}
    typed = ", ".join(f"{quoted(name)} {columns[name].type.compile(dialect=_DIALECT)}" for name in names)
    given = ", ".join([*(quoted(name) for name in names), "nth"])
    return (
        f"ROWS FROM (pg_catalog.json_to_recordset(%s::pg_catalog.json) AS ({typed}))"
        f" WITH ORDINALITY AS given ({given})"
    )
