"""The command `list-tables`: the catalog, or what is in a database."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from producer.cli.command_options import json_flag, verbose_flag

if TYPE_CHECKING:
    import sqlite3

    from migration.model import Source
    from migration.settings import Settings
    from migration.source_schema import SourceTable


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table, view or other object of a source. `rows` and `bytes` are None where there is nothing to count.

    `bytes` is the space in the file where SQLite can say it (dbstat), else an estimate from a sample of rows.
    """

    source: str
    name: str
    kind: str
    rows: int | None
    bytes: int | None
    columns: int | None
    catalog: tuple[str, ...]
    """Apps of the catalog that have a table of this name."""


@click.command(
    "list-tables",
    epilog="Example: migration-cli list-tables --source shop.db",
    short_help="The tables of the catalog, or of a database.",
)
@click.option(
    "--source",
    "sources",
    multiple=True,
    metavar="[LABEL=]PATH",
    help="SQLite database, dump or folder to look into.",
)
@json_flag
@verbose_flag
def list_tables(sources: Sequence[str], as_json: bool, verbose: bool) -> int:  # noqa: ARG001
    """List the 34 tables of the educational catalog by app; with --source, what is in a file."""
    if not sources:
        _print_catalog(as_json=as_json)
        return 0
    from producer.cli.cli_settings import read_settings
    from producer.cli.source_arguments import check_sources, parse_sources

    settings = read_settings()
    parsed = parse_sources(sources)
    check_sources(parsed)
    found = [fact for source in parsed for fact in look_into(source, settings)]
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        _print_facts(found)
    return 0


def look_into(source: Source, settings: Settings) -> list[TableFacts]:
    """Return what a source holds, from a frozen copy: the source itself is not touched.

    Raises:
        SourceError: the source cannot be used.
    """
    from migration.owned_folders import owned_folder
    from migration.source.schema_reading.schema_introspection import read_schema
    from migration.source.snapshot_connection import open_snapshot
    from migration.source.snapshots.snapshot_creation import take_snapshot
    from migration.source.source_budget import SourceBudget
    from migration.writable_folders import setting_of_folder, writable_folder

    place = writable_folder(
        settings.snapshot_dir, holds="snapshots", setting=setting_of_folder(settings, "snapshot_dir")
    )
    with owned_folder(place, ".look-") as folder:
        snapshot = take_snapshot(source, folder, budget=SourceBudget.of(settings))
        schema = read_schema(snapshot.path)
        with open_snapshot(snapshot.path) as connection:
            facts = [_describe(source.label, connection, table) for table in schema.tables]
    named = {fact.name for fact in facts}
    facts += [
        TableFacts(source.label, item.name, item.kind, None, None, None, ())
        for item in schema.objects
        if item.name not in named
    ]
    return facts


def _describe(label: str, connection: sqlite3.Connection, table: SourceTable) -> TableFacts:
    from migration.catalog import find

    rows, size_bytes = _measure(connection, table)
    apps = tuple(entry.app for entry in find(table.name))
    return TableFacts(label, table.name, table.kind.value, rows, size_bytes, len(table.columns), apps)


def _measure(connection: sqlite3.Connection, table: SourceTable) -> tuple[int, int]:
    import sqlite3

    from migration.model import KeyRange
    from migration.source.row_reading.key_range_sql import from_clause
    from migration.source.row_reading.row_sample import average_row_bytes

    rows = int(connection.execute(f"SELECT count(*) {from_clause(table, KeyRange())}").fetchone()[0])
    try:
        found = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = ?", (table.name,)).fetchone()
    except sqlite3.Error:  # this SQLite was built without dbstat
        found = (None,)
    if found[0] is None:  # a virtual table has no pages of its own
        return rows, rows * average_row_bytes(connection, table) if rows else 0
    return rows, int(found[0])


def _print_catalog(*, as_json: bool) -> None:
    from migration.catalog import APPS, CATALOG

    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(CATALOG), indent=2))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for app in APPS:
        click.echo(app)
        for entry in (table for table in CATALOG if table.app == app):
            click.echo(f"  {entry.name:<26}{entry.description}"[:width])
    names = len({entry.name for entry in CATALOG})
    click.echo(f"{len(CATALOG)} tables of {len(APPS)} apps, with {names} names.")


def _print_facts(found: Sequence[TableFacts]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from migration.report.text_formatting import count, printable, size

    console = Console(highlight=False)
    if not found:
        console.print("The database is empty.")
        return
    several = len({fact.source for fact in found}) > 1
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    titles = [*(["Source"] if several else []), "Table", "Kind", "Columns", "Rows", "Size", "Catalog"]
    for title in titles:
        grid.add_column(title, justify="right" if title in {"Columns", "Rows", "Size"} else "left")
    for fact in found:
        cells = [printable(fact.source)] if several else []
        cells += [
            printable(fact.name),
            fact.kind,
            "" if fact.columns is None else str(fact.columns),
            "" if fact.rows is None else f"{fact.rows:,}",
            "" if fact.bytes is None else size(fact.bytes),
            ", ".join(fact.catalog),
        ]
        grid.add_row(*(Text(cell) for cell in cells))
    console.print(grid)
    tables = [fact for fact in found if fact.rows is not None]
    rows = sum(fact.rows or 0 for fact in tables)
    known = sum(bool(fact.catalog) for fact in tables)
    console.print(f"{count(len(tables), 'table')}, {count(rows, 'row')}; {known} in the educational catalog.")
