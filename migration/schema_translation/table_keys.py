"""Primary keys, uniqueness and the key that names a row on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.errors import MappingFileError
from migration.model import ColumnPlan, ObjectState, StorageClass, ValueKind
from migration.sqlite_names import folded
from migration.value_conversion.rules.empty_text_rules import or_null_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from migration.model import ColumnProfile
    from migration.source_schema import SourceIndex, SourceTable

_OR_NULL = or_null_name("")


def is_complete(name: str, columns: Mapping[str, ColumnPlan], profiles: Mapping[str, ColumnProfile]) -> bool:
    """Tell whether a column will hold a value in every row."""
    plan = columns[folded(name)]
    profile = profiles.get(plan.name)
    if profile is None:
        return plan.not_null
    becomes_null = profile.texts_to_null or (
        plan.rules.get(StorageClass.TEXT, "").endswith(_OR_NULL) and profile.empty_texts
    )
    return not profile.count(StorageClass.NULL) and not becomes_null


def folds_case(collation: str, plan: ColumnPlan) -> bool:
    """Tell whether SQLite's collation makes texts equal that are not the same to PostgreSQL."""
    return plan.kind is ValueKind.TEXT and collation.upper() in {"NOCASE", "RTRIM"}


def collation_outcome(collation: str, plan: ColumnPlan) -> tuple[ObjectState, str]:
    """Return what becomes of a column's COLLATE clause, for the report."""
    if folds_case(collation, plan):
        how = "lower()" if collation.upper() == "NOCASE" else "rtrim()"
        return (
            ObjectState.CHANGED,
            f"indexes and uniqueness go through {how}; comparisons in queries do so where they say {how} too",
        )
    if collation.upper() in {"NOCASE", "RTRIM"}:
        return (
            ObjectState.CHANGED,
            f"{collation.upper()} means nothing to a column of type {plan.target_type}",
        )
    return (
        ObjectState.SKIPPED,
        f"{collation} is defined by the application; PostgreSQL compares as the database's collation does",
    )


def collation_of(table: SourceTable, column: str) -> str:
    """Return the declared collation of a column."""
    return next((c.collation for c in table.columns if folded(c.name) == folded(column)), "BINARY")


def plain_columns(index: SourceIndex) -> tuple[str, ...] | None:
    """Return the columns of an index over nothing but columns, for all rows; None for any other index."""
    if index.where_sql is not None or any(term.name is None for term in index.columns):
        return None
    return tuple(term.name for term in index.columns if term.name is not None)


def unique_column_sets(table: SourceTable, columns: Mapping[str, ColumnPlan]) -> list[frozenset[str]]:
    """Return the sets of lower-case column names that a foreign key may refer to in PostgreSQL."""
    sets = [frozenset(folded(name) for name in table.primary_key)] if table.primary_key else []
    for index in table.indexes:
        names = plain_columns(index)
        if not index.unique or names is None or not all(folded(name) in columns for name in names):
            continue
        if any(folds_case(term.collation, columns[folded(term.name or "")]) for term in index.columns):
            continue
        sets.append(frozenset(folded(name) for name in names))
    return sets


def row_key(
    table: SourceTable, columns: Mapping[str, ColumnPlan], profiles: Mapping[str, ColumnProfile]
) -> tuple[str, ...]:
    """Return the source names of the columns that identify a row on both sides; empty where none do.

    Raises:
        MappingFileError: the mapping file names a key that cannot identify a row.
    """
    if table.override is not None and table.override.key:
        return _asked_key(table, table.override.key, columns, profiles)
    candidates: list[Sequence[str]] = [table.primary_key] if table.primary_key else []
    for index in table.indexes:
        names = plain_columns(index)
        if index.unique and names:
            candidates.append(names)
    for key in candidates:
        known = [columns.get(folded(name)) for name in key]
        if all(
            plan is not None and plan.generated_sql is None and is_complete(plan.name, columns, profiles)
            for plan in known
        ):
            return tuple(plan.name for plan in known if plan is not None)
    return ()


def _asked_key(
    table: SourceTable,
    key: Sequence[str],
    columns: Mapping[str, ColumnPlan],
    profiles: Mapping[str, ColumnProfile],
) -> tuple[str, ...]:
    for name in key:
        plan = columns[folded(name)]
        if plan.generated_sql is not None or not is_complete(name, columns, profiles):
            why = "it is generated" if plan.generated_sql is not None else "it holds NULL"
            raise MappingFileError(f"The key of the mapping file names {name}, but {why}", table=table.name)
    return tuple(columns[folded(name)].name for name in key)
