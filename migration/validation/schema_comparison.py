"""What a table of the target lacks beside its rows: columns, keys, indexes, free sequence numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.model import Finding, FindingKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migration.source_schema import SourceTable
    from migration.target.pg_catalog.existing_table_plans import ExistingTable


def compare_structure(
    table: SourceTable,
    existing: ExistingTable,
    table_names: Mapping[str, str],
    sequences: Sequence[str],
    *,
    rows_only: bool = False,
) -> list[Finding]:
    """Return what the target's table lacks. Columns that cannot be compared are errors, the rest is advice.

    Args:
        table: as the source declares it.
        existing: as it stands in the target.
        table_names: tables of the source → tables of the target.
        sequences: what is wrong with the sequences that the target's table owns.
        rows_only: keys and indexes are those of the application that has made the table.
    """
    return [
        *_columns(table, existing),
        *(() if rows_only else _keys(table, existing)),
        *(() if rows_only else _foreign_keys(table, existing, table_names)),
        *(Finding(FindingKind.SEQUENCE, table.name, problem, is_error=False) for problem in sequences),
    ]


def _columns(table: SourceTable, existing: ExistingTable) -> Iterator[Finding]:
    for name in existing.missing_columns:
        message = f"The target's table {existing.plan.target_name} has no column {name}"
        yield Finding(FindingKind.MISSING_COLUMN, table.name, message, name)
    for name, target_type in existing.foreign_columns:
        message = f"Values of PostgreSQL type {target_type} cannot be compared with SQLite's"
        yield Finding(FindingKind.TYPE_MISMATCH, table.name, message, name)


def _keys(table: SourceTable, existing: ExistingTable) -> Iterator[Finding]:
    names = {column.name: column.target_name for column in existing.plan.columns}
    if table.primary_key and names.keys() >= set(table.primary_key):
        wanted = {names[name] for name in table.primary_key}
        if not any(i.is_unique and i.is_plain and set(i.columns) == wanted for i in existing.indexes):
            yield _missing(table, f"No primary key on ({', '.join(table.primary_key)})")
    for index in table.indexes:
        columns = [column.name for column in index.columns]
        if index.origin == "pk" or index.where_sql is not None or not names.keys() >= set(columns):
            continue  # reported above, or not to be told from its definition
        in_target = tuple(names[name] for name in columns if name is not None)
        found = any(
            i.is_plain
            and (
                i.columns[: len(in_target)] == in_target
                if not index.unique
                else i.is_unique and set(i.columns) == set(in_target)
            )
            for i in existing.indexes
        )
        if not found:
            kind = "unique index" if index.unique else "index"
            yield _missing(table, f"No {kind} on ({', '.join(in_target)}), in SQLite {index.name}")


def _foreign_keys(
    table: SourceTable, existing: ExistingTable, table_names: Mapping[str, str]
) -> Iterator[Finding]:
    names = {column.name: column.target_name for column in existing.plan.columns}
    standing = {(frozenset(columns), parent) for columns, parent in existing.foreign_keys}
    parents = {source.lower(): target for source, target in table_names.items()}
    for key in table.foreign_keys:
        parent = parents.get(key.parent_table.lower())
        if parent is None or not names.keys() >= set(key.columns):
            continue  # reported as a missing table or column
        if (frozenset(names[name] for name in key.columns), parent) not in standing:
            yield _missing(table, f"No foreign key on ({', '.join(key.columns)}) to {key.parent_table}")


def _missing(table: SourceTable, message: str) -> Finding:
    return Finding(FindingKind.MISSING_CONSTRAINT, table.name, message, is_error=False)
