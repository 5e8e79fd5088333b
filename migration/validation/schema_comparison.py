"""What a table of the target lacks beside its rows, as far as names and keys tell: columns, keys, indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.model import Finding, FindingKind
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.source_schema import SourceTable
    from migration.target.pg_catalog.existing_table_plans import ExistingTable


def column_findings(table: SourceTable, existing: ExistingTable) -> list[Finding]:
    """Return the columns that cannot be compared: errors, since nothing can be said of their values."""
    return list(_columns(table, existing))


def key_findings(
    table: SourceTable, existing: ExistingTable, table_names: Mapping[str, str]
) -> list[Finding]:
    """Return the keys and indexes that the target's table lacks, as far as its catalog alone tells.

    For roles that may not make the temporary tables by which `validation.schema` compares all of it.

    Args:
        table: as the source declares it.
        existing: as it stands in the target.
        table_names: tables of the source → tables of the target.
    """
    return [*_keys(table, existing), *_foreign_keys(table, existing, table_names)]


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
        if any(column.collation.upper() != "BINARY" for column in index.columns):
            continue  # over lower(...) or the like in the target: an expression, which nobody can read here
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
    parents = {folded(source): target for source, target in table_names.items()}
    for key in table.foreign_keys:
        parent = parents.get(folded(key.parent_table))
        if parent is None or not names.keys() >= set(key.columns):
            continue  # reported as a missing table or column
        if (frozenset(names[name] for name in key.columns), parent) not in standing:
            yield _missing(table, f"No foreign key on ({', '.join(key.columns)}) to {key.parent_table}")


def _missing(table: SourceTable, message: str) -> Finding:
    return Finding(FindingKind.MISSING_CONSTRAINT, table.name, message, is_error=False)
