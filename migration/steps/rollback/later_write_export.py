"""Writes out what a rollback would take away: the rows that were written since the cutover, as CSV and as SQL.

Rows are told by their age. Where that is not certain, all rows of the table are written out: rather too many.
The server spells the values, so a file can be loaded into the table that a later run makes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from sqlalchemy import Connection, text

from migration.errors import OutputFileError
from migration.steps.rollback.later_writes import LaterWrites
from migration.steps.rollback.watched_table import WatchedTable
from migration.target.cutover.row_horizon import is_younger_sql
from migration.target.pg_catalog.table_signature import RIGHT
from migration.target.sql_statements import driver_connection, quoted

_LONGEST_NAME_BYTES: Final = 200
_COLUMNS: Final = text(
    "SELECT a.attname AS name, a.attgenerated <> '' AS is_generated FROM pg_catalog.pg_attribute a"
    " WHERE a.attrelid = CAST(:oid AS oid) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
)
_KEY: Final = text(
    "SELECT a.attname FROM pg_catalog.pg_index i CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY"
    " AS k(number, place) JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number"
    " WHERE i.indrelid = CAST(:oid AS oid) AND i.indisprimary ORDER BY k.place"
)


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """The files of one table. `is_whole`: they hold all of its rows."""

    schema: str
    table: str
    rows: int
    is_whole: bool
    csv: Path
    sql: Path


def export_later_writes(
    connection: Connection, tables: Sequence[WatchedTable], writes: Sequence[LaterWrites], folder: Path
) -> list[ExportedTable]:
    """Write a CSV file and an SQL file for each table that was written to; all are on the disk when it returns.

    Args:
        connection: in the transaction that keeps others out.
        tables: those of the run.
        writes: what was found.
        folder: it is made where it is not there.

    Raises:
        OutputFileError: a file stands there already, or cannot be written.
    """
    written_to = {(found.schema, found.table): found for found in writes}
    exported: list[ExportedTable] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables:
            found = written_to.get((table.relation.schema, table.relation.name))
            if found is not None:
                exported.append(_export(connection, table, found, folder))
        _sync_folder(folder)
    except OSError as error:
        remove_export(exported)
        raise OutputFileError(
            f"The rows cannot be written out: {error.strerror}",
            setting="--export",
            file=str(error.filename or folder),
            remedy="Nothing was changed. Name another folder, or one that is empty",
        ) from error
    return exported


def remove_export(exported: Sequence[ExportedTable]) -> None:
    """Remove the files of an export whose rollback has not come about."""
    for one in exported:
        one.csv.unlink(missing_ok=True)
        one.sql.unlink(missing_ok=True)


def _export(connection: Connection, table: WatchedTable, found: LaterWrites, folder: Path) -> ExportedTable:
    name = _file_name(table.relation.schema, table.relation.name)
    # Rows of unknown age are all rows; where only the table itself was changed, its new columns may be filled.
    is_changed = any(not line.startswith(RIGHT) for line in found.shape)
    is_whole = table.horizon is None or not table.horizon.is_sharp or is_changed
    where = "" if is_whole or table.horizon is None else f" WHERE {is_younger_sql(connection, table.horizon)}"
    origin = f"FROM {table.own_rows} t{where}"
    csv, sql = folder / f"{name}.csv", folder / f"{name}.sql"
    driver = driver_connection(connection)
    with _new_file(csv) as file:
        rows = _copy(driver, f"COPY (SELECT * {origin}) TO STDOUT (FORMAT csv, HEADER)", file)
    with _new_file(sql) as file:
        head = f"-- Written to {table.sql} since the cutover: {found.words()}\n".replace("\n", " ").strip()
        file.write(f"{head}\nSET standard_conforming_strings = on;\n".encode())
        statement = _insert_sql(connection, table)
        with driver.cursor("convoy_export") as cursor:
            cursor.execute(f"SELECT {statement} {origin}".encode())
            for (line,) in cursor:
                file.write(f"{line}\n".encode())
    return ExportedTable(table.relation.schema, table.relation.name, rows, is_whole, csv, sql)


def _copy(driver: psycopg.Connection[Any], statement: str, file: IO[bytes]) -> int:
    with driver.cursor() as cursor:
        with cursor.copy(statement.encode()) as copy:
            for piece in copy:
                file.write(piece)
        return cursor.rowcount


def _insert_sql(connection: Connection, table: WatchedTable) -> str:
    """Return SQL that makes an INSERT of a row `t`; one that meets its key again changes that row."""
    oid = table.relation.oid
    columns = [row.name for row in connection.execute(_COLUMNS, {"oid": oid}) if not row.is_generated]
    key = list(connection.execute(_KEY, {"oid": oid}).scalars())
    names = ", ".join(quoted(column) for column in columns)
    head = f"INSERT INTO {table.sql} ({names}) OVERRIDING SYSTEM VALUE VALUES ("
    tail = ")"
    if key:
        others = [column for column in columns if column not in key]
        change = ", ".join(f"{quoted(column)} = EXCLUDED.{quoted(column)}" for column in others)
        on = ", ".join(quoted(column) for column in key)
        tail += f" ON CONFLICT ({on}) DO {f'UPDATE SET {change}' if others else 'NOTHING'}"
    values = " || ', ' || ".join(f"quote_nullable(t.{quoted(column)}::text)" for column in columns) or "''"
    return f"{_literal(head)} || {values} || {_literal(tail + ';')}"


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that is not there yet; it is on the disk at the end, or gone."""
    path.touch(mode=0o600, exist_ok=False)  # rows of the database
    with path.open("r+b") as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _file_name(*names: str) -> str:
    """Return a name that is one file on every system; different tables stay different, points in names or not."""
    safe = ".".join(
        "".join(c if c.isalnum() or c in "_- " else f"%{ord(c):x}" for c in name) for name in names
    )
    if len(safe.encode()) <= _LONGEST_NAME_BYTES:
        return safe
    beginning = safe.encode()[: _LONGEST_NAME_BYTES // 2].decode(errors="ignore")
    return f"{beginning}-{hashlib.sha256(safe.encode()).hexdigest()[:16]}"
