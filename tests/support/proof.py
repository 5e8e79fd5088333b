"""Proves a finished run from outside: rows, quarantine, transforms, keys and sequences against the original file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Engine, select

from migration.ledger.chunk_records import read_loaded
from migration.ledger.ledger_tables import objects, quarantine
from migration.ledger.run_records import RunRecord
from migration.ledger.run_results import read_transform_totals
from migration.ledger.table_records import planned, read_sources, read_tables
from migration.model import Phase, TablePlan
from migration.value_conversion.named_losses import LOSSES, OFFSET_TO_UTC
from tests.support.independent import (
    QuarantinedValue,
    ReportedTable,
    compare,
    quote,
    virtual_tables_with_rows,
)

_LARGEST = frozenset({2**63 - 1, 2**31 - 1, 2**15 - 1})

_LOSSES_ALONE = (LOSSES.keys() | {OFFSET_TO_UTC}) - {
    "nul_stripped",
    "empty_to_null",
    "negative_zero_to_zero",
    "rounded_to_real",
}


def prove(path: Path, url: str, ledger: Engine, run: RunRecord) -> list[str]:
    """Return a sentence for each way in which the run lost something without saying so.

    Of a load into tables that stood there already, the rows and the quarantine are proved, and nothing else.
    """
    if run.phase not in {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}:
        return [f"the run is {run.phase}: {run.error}"]
    problems: list[str] = []
    with psycopg.connect(url) as connection:
        for reported, rows in reported_tables(ledger, run):
            table = reported
            if run.options.data_only:
                table = replace(table, transforms=None)
            problems += compare(path, connection, table)
            (there,) = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table.schema, table.target))
            ).fetchone() or (None,)
            if there != rows - table.quarantined:
                problems.append(
                    f"{table.name}: {rows} rows, {there} there and {table.quarantined} in quarantine"
                )
        if run.options.data_only:
            return problems
        problems += _sequence_problems(path, connection, ledger, run)
    return problems + _schema_problems(path, ledger, run)


def reported_tables(ledger: Engine, run: RunRecord) -> list[tuple[ReportedTable, int]]:
    """Return what the ledger says of each table, and its number of rows in the source."""
    result = []
    with ledger.connect() as connection:
        transforms = read_transform_totals(connection, run.id)
        for table in read_tables(connection, run.id):
            plan = planned(table)
            loaded = read_loaded(connection, table.id)
            values = connection.execute(
                select(
                    quarantine.c.key, quarantine.c.column, quarantine.c.storage_class, quarantine.c.original
                ).where(quarantine.c.table_id == table.id)
            )
            result.append(
                (
                    ReportedTable(
                        plan.name,
                        plan.target_schema,
                        plan.target_name,
                        tuple((c.name, c.target_name, c.target_type) for c in plan.columns),
                        loaded.rows_quarantined,
                        tuple(
                            QuarantinedValue(tuple(v.key), v.column, v.storage_class, v.original)
                            for v in values
                        ),
                        # Losses that have no transform's name have tests of their own (lossy_values.py).
                        Counter(
                            {
                                key[1:]: n
                                for key, n in transforms.items()
                                if key[0] == table.id and key[2] not in _LOSSES_ALONE
                            }
                        ),
                        frozenset(c.name for c in plan.columns if c.generated_sql is not None),
                        run.options.source_timezone,
                    ),
                    table.rows,
                )
            )
    return result


def _plans(ledger: Engine, run: RunRecord) -> list[TablePlan]:
    with ledger.connect() as connection:
        return [planned(table) for table in read_tables(connection, run.id)]


def _has_given_out_all(path: Path, table: str) -> bool:
    """Whether AUTOINCREMENT has come to its end in the source, too."""
    with closing(sqlite3.connect(path)) as opened:
        statement = "SELECT max(seq) FROM sqlite_sequence WHERE name = ? COLLATE NOCASE"
        try:
            return opened.execute(statement, (table,)).fetchone()[0] in _LARGEST
        except sqlite3.OperationalError:
            return False


def _sequence_problems(
    path: Path, connection: psycopg.Connection[Any], ledger: Engine, run: RunRecord
) -> list[str]:
    """Draw the next number of every identity column: no row may have it."""
    problems = []
    for plan in _plans(ledger, run):
        for column in plan.columns:
            if not column.identity:
                continue
            table = sql.Identifier(plan.target_schema, plan.target_name)
            statement = sql.SQL("SELECT max({}) FROM {}").format(sql.Identifier(column.target_name), table)
            (largest,) = connection.execute(statement).fetchone() or (None,)
            names = (table.as_string(connection), column.target_name)
            (sequence,) = connection.execute("SELECT pg_get_serial_sequence(%s, %s)", names).fetchone() or (
                "",
            )
            (before,) = connection.execute(f"SELECT (last_value, is_called)::text FROM {sequence}".encode())
            try:
                with connection.transaction():
                    (following,) = connection.execute("SELECT nextval(%s)", (sequence,)).fetchone() or (None,)
                last, _, is_called = str(before[0]).strip("()").partition(",")
                connection.execute("SELECT setval(%s, %s, %s)", (sequence, int(last), is_called == "t"))
            except psycopg.errors.SequenceGeneratorLimitExceeded:
                if largest not in _LARGEST and not _has_given_out_all(path, plan.name):
                    problems.append(f"{plan.name}: the sequence is at its end, the largest id is {largest}")
                continue
            if following is None or (largest is not None and following <= largest):
                problems.append(f"{plan.name}: the sequence gives {following}, the largest id is {largest}")
    return problems


def _schema_problems(path: Path, ledger: Engine, run: RunRecord) -> list[str]:
    """Every object of the source must have a line: count those that SQLite lists."""
    with ledger.connect() as connection:
        (source,) = read_sources(connection, run.id)
        told = Counter(connection.execute(select(objects.c.kind).where(objects.c.run_id == run.id)).scalars())
    tables = {plan.name for plan in _plans(ledger, run)} | {o.name for o in source.schema.objects}
    with closing(sqlite3.connect(path)) as opened:
        listed = opened.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite~_%' ESCAPE '~'"
        ).fetchall()
        keys = sum(
            len({row[0] for row in opened.execute(f"PRAGMA foreign_key_list({quote(name)})")})
            for kind, name, _ in listed
            if kind == "table"
        )
    copied = {plan.name for plan in _plans(ledger, run)}
    problems = [f"the rows of {name} were left out" for name in virtual_tables_with_rows(path) - copied]
    problems += [
        f"{kind} {name} has no line" for kind, name, _ in listed if kind == "table" and name not in tables
    ]
    counts = Counter(kind for kind, _, _ in listed)
    counts["foreign key"] = keys
    return problems + [
        f"{counts[kind]} objects of kind {kind}, {told[kind]} in the report: {dict(told)}"
        for kind in ("view", "trigger", "index", "foreign key")
        if told[kind] < counts[kind]
    ]
