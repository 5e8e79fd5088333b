"""What the bookkeeping of an application's migrations says in the source and in the target: both have to agree.

Rows of one version of an application may mean something else to another one, whatever their tables look like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.application_errors import VersionsDifferError
from migration.name_lists import some
from migration.schema_translation.bookkeeping_tables import Comparison
from migration.schema_translation.table_selection import keeps_book, select_tables, stays_out
from migration.target.pg_catalog.application_table_facts import read_application_tables
from migration.target.pg_catalog.existing_table_plans import table_names
from migration.target.pg_catalog.source_name_matching import match_items
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from migration.run_options import RunOptions
    from migration.schema_translation.bookkeeping_tables import BookkeepingTable
    from migration.source_schema import SourceSchema, SourceTable

_MAY_READ: Final = text(
    "SELECT pg_catalog.has_table_privilege(CAST(:oid AS oid), 'SELECT')"
    " AND pg_catalog.has_schema_privilege(:schema, 'USAGE')"
)


@dataclass(frozen=True, slots=True)
class ComparedBookkeeping:
    """What both sides say of one table. `sentence` is told; `differs` where that stops a run."""

    table: str
    keeper: str
    sentence: str
    differs: bool = False
    only_source: tuple[str, ...] = ()
    only_target: tuple[str, ...] = ()


def check_versions(
    connection: Connection, sources: Sequence[tuple[str, SourceSchema]], options: RunOptions
) -> None:
    """Make sure that the applications of both sides stand at the same migrations, as far as rows alone are loaded.

    Args:
        connection: to the target.
        sources: label and schema of each; their tables of bookkeeping know what was applied.
        options: those of the run; `ignore_version` lets everything pass.

    Raises:
        VersionsDifferError: they do not; it names what only the source and what only the target has.
    """
    if not options.data_only or options.ignore_version:
        return
    differing = [
        (options, label, found)
        for label, schema in sources
        for found in compare_bookkeeping(connection, label, schema, options)
        if found.differs
    ]
    if not differing:
        return
    _, label, first = differing[0]
    raise VersionsDifferError(
        "Source and target are not at the same version of the application: "
        + "; ".join(f"{found.keeper}'s table {found.table}: {found.sentence}" for _, _, found in differing),
        source=label,
        table=first.table,
        remedy="Bring both to the same version of the application (its own command for migrations), or go on with"
        " --ignore-version",
        details="\n".join(line for _, _, found in differing for line in _lines(found)),
    )


def compare_bookkeeping(
    connection: Connection, label: str, schema: SourceSchema, options: RunOptions
) -> Iterator[ComparedBookkeeping]:
    """Yield what both sides say, for each table of bookkeeping that a load of rows leaves alone."""
    target_schema = label if options.schema_per_source else options.target_schema
    chosen = {table.name for table in select_tables(label, schema, options)}
    for table in schema.tables:
        book = keeps_book(table)
        if book is None or table.name in chosen or not stays_out(table):
            continue
        yield _compare(connection, target_schema, table, book)


def _compare(
    connection: Connection, schema: str, table: SourceTable, book: BookkeepingTable
) -> ComparedBookkeeping:
    def told(sentence: str) -> ComparedBookkeeping:
        return ComparedBookkeeping(table.name, book.keeper, sentence)

    if book.compare is Comparison.NONE:
        return told("it says nothing about versions")
    found = _standing(connection, schema, table, book)
    if isinstance(found, str):
        return told(found)
    ours, theirs = set(table.applied), set(found)
    if ours == theirs:
        return told(f"both sides stand at {_count(table.applied, book)}")
    only_source = tuple(name for name in table.applied if name not in theirs)
    only_target = tuple(name for name in found if name not in ours)
    differs = book.compare is not Comparison.TOLD
    sentence = f"{_side('source', only_source, book)}, {_side('target', only_target, book)}"
    if not differs:
        sentence += f"; {book.keeper} names them for each database, so that nothing follows from it"
    return ComparedBookkeeping(table.name, book.keeper, sentence, differs, only_source, only_target)


def _standing(
    connection: Connection, schema: str, table: SourceTable, book: BookkeepingTable
) -> tuple[str, ...] | str:
    """Return what the target says was applied, or why it says nothing."""
    reason = "the target has no such table, so that versions are not compared"
    for place in dict.fromkeys(filter(None, (schema, book.schema))):
        name = match_items([table], table_names(connection, place)).get(table.name)
        if name is None:
            continue
        standing = read_application_tables(connection, place, [name]).get(name)
        columns = {column.name.lower(): column.name for column in standing.columns} if standing else {}
        if standing is None or not book.has_shape(columns):
            reason = f"{name} is another table in the target, so that versions are not compared"
            continue
        if not connection.execute(_MAY_READ, {"oid": standing.oid, "schema": place}).scalar_one():
            return f"the role may not read {name}, so that versions are not compared"
        wanted = [columns[column] for column in sorted(book.columns)]
        values = ", ".join(f"{quoted(column)}::text" for column in wanted)
        rows = run_sql(connection, f"SELECT {values} FROM {standing.own_rows}").all()
        return book.versions(dict(zip(sorted(book.columns), row, strict=True)) for row in rows)
    return reason


def _count(versions: tuple[str, ...], book: BookkeepingTable) -> str:
    if book.compare is Comparison.HIGHEST and versions:
        return f"version {versions[0]}"
    if len(versions) == 1:
        return versions[0]
    return f"the same {len(versions):,} migrations"


def _side(side: str, names: tuple[str, ...], book: BookkeepingTable) -> str:
    if book.compare is Comparison.HIGHEST:
        return f"the {side} is at {names[0] if names else 'none'}"
    if not names:
        return f"none only in the {side}"
    return f"{len(names):,} only in the {side} ({some(names)})"


def _lines(found: ComparedBookkeeping) -> Iterator[str]:
    for side, names in (("source", found.only_source), ("target", found.only_target)):
        yield from (f"{found.table}, only in the {side}: {name}" for name in names)
