"""Each value that a library writes (docs/libraries.toml) gets the right type, and arrives in its dialect's type."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import FindingKind, Mode
from migration.report.report_builder import build_report
from tests.support.library_table import LibraryValue, library_values

if TYPE_CHECKING:
    from migration.report.report_model import Report
    from tests.support.direct import Direct

VALUES = library_values()
# One row that stays out says nothing about another: each value has a table of its own, all in one file.
TYPES_SQL = "CREATE TYPE public.mood AS ENUM ('red', 'blue')"


def name_of(value: LibraryValue) -> str:
    return f"{value.number} {value.library} {value.kind}"


CHECKED = [pytest.param(value, id=name_of(value)) for value in VALUES]


@dataclass(frozen=True)
class Run:
    """A finished run of all rows: its report, the lossy values of each table, types and values of the target."""

    report: Report
    losses: dict[str, set[str]]
    types: dict[str, str]
    stored: dict[str, list[str]]


def look(direct: Direct, schema: str, run_id: str) -> Run:
    report = build_report(direct.ledger, run_id)
    losses: dict[str, set[str]] = {}
    for finding in report.findings:
        if finding.kind is FindingKind.LOSSY_VALUE:
            losses.setdefault(str(finding.table), set()).add(finding.loss)
    types, stored = {}, {}
    with psycopg.connect(direct.url) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for value in VALUES:
            found = connection.execute(
                f"SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
                f" WHERE a.attrelid = to_regclass('{schema}.{value.table}') AND a.attname = %s".encode(),
                (value.column,),
            ).fetchone()
            types[value.table] = found[0] if found else "no table"
            rows = connection.execute(f'SELECT "{value.column}"::text FROM {schema}.{value.table}'.encode())
            stored[value.table] = [row[0] for row in rows]
    return Run(report, losses, types, stored)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("libraries") / "libraries.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        for value in VALUES:
            connection.execute(
                f'CREATE TABLE {value.table} ("{value.key}" INTEGER PRIMARY KEY, "{value.column}" {value.declared})'
            )
            connection.execute(f"INSERT INTO {value.table} VALUES (1, {value.value})")
    return path


@pytest.fixture(scope="module")
def plain(direct: Direct, source: Path) -> Run:
    run = direct.migrate(source, target_schema="libraries_plain")
    assert run.error is None
    return look(direct, "libraries_plain", run.id)


@pytest.fixture(scope="module")
def load(direct: Direct, source: Path) -> dict[Mode, Run]:
    with psycopg.connect(direct.url) as target:
        target.execute(TYPES_SQL)
        target.execute("CREATE SCHEMA libraries_load")
        for value in VALUES:
            target.execute(
                f"CREATE TABLE libraries_load.{value.table}"
                f' ("{value.key}" integer PRIMARY KEY, "{value.column}" {value.target})'.encode()
            )
    said = [
        f'[tables.{table}.columns]\n"{value.column}" = {{ epoch = "{value.epoch}" }}\n'
        for table, values in groupby(VALUES, key=lambda value: value.table)
        for value in values
        if value.epoch
    ]
    mapping = parse_mapping("\n".join(said), "libraries.toml")
    runs = {}
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        run = direct.migrate(
            source, mode=mode, target_schema="libraries_load", data_only=True, mapping=mapping
        )
        assert run.error is None
        runs[mode] = look(direct, "libraries_load", run.id)
    return runs


@pytest.mark.parametrize("value", CHECKED)
def test_migration_chooses_the_type_and_keeps_the_row(plain: Run, value: LibraryValue) -> None:
    assert plain.types[value.table] == spelled(value.plain)
    assert len(plain.stored[value.table]) == 1


@pytest.mark.parametrize("value", CHECKED)
def test_load_stores_the_value_in_the_type_of_the_dialect(load: dict[Mode, Run], value: LibraryValue) -> None:
    assert load[Mode.MIGRATE].stored[value.table] == [value.loaded]
    assert load[Mode.MIGRATE].losses.get(value.table, set()) == value.loss


@pytest.mark.parametrize("value", CHECKED)
def test_dry_run_tells_the_losses_of_the_load(load: dict[Mode, Run], value: LibraryValue) -> None:
    assert load[Mode.DRY_RUN].losses.get(value.table, set()) == value.loss


def spelled(target_type: str) -> str:
    """Return a type as format_type() writes it."""
    for short, long in (("varchar", "character varying"), ("char(", "character(")):
        if target_type.startswith(short):
            return target_type.replace(short, long, 1)
    return "time without time zone" if target_type == "time" else target_type
