"""Tables that stand in PostgreSQL already, seen as the plans of a migration that would have made them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import text

from migration.column_types.column_decision import fit, fit_interval
from migration.errors import PermanentError
from migration.model import TablePlan
from migration.target.pg_catalog.source_name_matching import match_items
from migration.value_conversion.server_cast_rules import CAST_BY_SERVER, is_left_to_server, with_cast_rules
from migration.value_conversion.value_kinds import is_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row

    from migration.model import ColumnPlan, ColumnProfile
    from migration.source_schema import SourceTable

_TABLES = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY 1"
)
# A domain is seen as the type that it is over, through domains over domains: `type`. `own_type` is as it is declared.
_COLUMNS = """
SELECT a.attname AS name, pg_catalog.format_type(below.oid, below.modifier) AS type,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS own_type, a.attnotnull AS not_null
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    WITH RECURSIVE chain (oid, modifier) AS (
        SELECT a.atttypid, a.atttypmod
        UNION ALL
        SELECT t.typbasetype, t.typtypmod FROM chain
        JOIN pg_catalog.pg_type t ON t.oid = chain.oid WHERE t.typtype = 'd'
    )
    SELECT chain.oid, chain.modifier FROM chain
    JOIN pg_catalog.pg_type t ON t.oid = chain.oid WHERE t.typtype <> 'd'
) below
WHERE n.nspname = :schema AND c.relname = :table AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
_KEYS = (
    "SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(n, p)"
    "     JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.p) AS columns,"
    "   i.indisunique AS is_unique, i.indisprimary AS is_primary, 0 = ANY(i.indkey) AS has_expression,"
    "   i.indpred IS NOT NULL AS is_partial"
    " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :table AND i.indisvalid"
)
_FOREIGN_KEYS = (
    "SELECT ARRAY(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY k(n, p)"
    "     JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY k.p) AS columns,"
    "   parent.relname AS parent"
    " FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_class c ON c.oid = f.conrelid"
    " JOIN pg_catalog.pg_class parent ON parent.oid = f.confrelid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE f.contype = 'f' AND n.nspname = :schema AND c.relname = :table"
)


@dataclass(frozen=True, slots=True)
class ExistingIndex:
    """A valid index: its plain columns in order, and whether there is more to it (expressions, a WHERE)."""

    columns: tuple[str, ...]
    is_unique: bool
    is_primary: bool
    is_plain: bool


@dataclass(frozen=True, slots=True)
class ExistingTable:
    """A table of the target beside its source.

    `plan` holds the columns that both have and that can be compared; `plan.key` is empty unless it has all of the key.
    """

    plan: TablePlan
    missing_columns: tuple[str, ...]
    """Source names of columns that the target does not have."""
    extra_columns: tuple[str, ...]
    """Target names of columns that the source does not have."""
    foreign_columns: tuple[tuple[str, str], ...]
    """(source name, PostgreSQL type) of columns whose type Convoy cannot compare."""
    indexes: tuple[ExistingIndex, ...]
    foreign_keys: tuple[tuple[tuple[str, ...], str], ...]
    """(columns, parent table) by their names in the target."""
    text_columns: tuple[ColumnPlan, ...] = ()
    """Plans of `foreign_columns` as text, from which PostgreSQL can cast to their types."""


def table_names(connection: Connection, schema: str) -> list[str]:
    """Return the tables and views of a schema, sorted."""
    return list(connection.execute(text(_TABLES), {"schema": schema}).scalars())


def read_existing(
    connection: Connection,
    schema: str,
    table: str,
    source_table: SourceTable,
    profiles: Mapping[str, ColumnProfile],
    source_label: str = "",
) -> ExistingTable:
    """Read a table of the target and plan, for its own types, how the source's values become its values.

    Args:
        connection: any connection to the target.
        schema: its schema, unquoted.
        table: its name, unquoted.
        source_table: the table of the source that it is to hold.
        profiles: what the source's columns hold; decides the unit of epochs and the like.
        source_label: goes into the plan.
    """
    where = {"schema": schema, "table": table}
    rows = {row.name: row for row in connection.execute(text(_COLUMNS), where)}
    names = match_items(source_table.columns, rows)
    columns: list[ColumnPlan] = []
    foreign: list[tuple[str, str]] = []
    as_text: list[ColumnPlan] = []
    for column in source_table.columns:
        if column.name not in names:
            continue
        standing = rows[names[column.name]]
        profile = profiles.get(column.name)
        try:
            own = fit(column, source_table, standing.type, profile)
        except PermanentError:
            own = None
        if own is None or own.kind in CAST_BY_SERVER or is_left_to_server(column.override, own.kind):
            foreign.append((column.name, standing.type))
            if is_interval(standing.type):
                fitted = fit_interval(column, source_table)
            else:
                plain = fit(column, source_table, "text", profile)
                fitted = with_cast_rules(plain, own, standing.type, column.override, profile)
            reason = f"The target's column is {standing.type}; travels as text and is cast on arrival"
            as_text.append(
                replace(
                    fitted,
                    target_name=standing.name,
                    not_null=False,
                    generated_sql=None,
                    reason=reason,
                    cast_to=standing.own_type,
                )
            )
        else:
            # Nothing is written: a NULL that stands under NOT NULL in SQLite has to be seen, not refused.
            columns.append(replace(own, target_name=standing.name, not_null=False, generated_sql=None))
    return ExistingTable(
        plan=TablePlan(
            source_label=source_label,
            name=source_table.name,
            target_schema=schema,
            target_name=table,
            columns=tuple(columns),
            create_sql="",
            key=_key(source_table, {column.name for column in columns}),
        ),
        missing_columns=tuple(c.name for c in source_table.columns if c.name not in names),
        extra_columns=tuple(name for name in rows if name not in names.values()),
        foreign_columns=tuple(foreign),
        indexes=tuple(_index(row) for row in connection.execute(text(_KEYS), where)),
        foreign_keys=tuple(
            (tuple(row.columns), row.parent) for row in connection.execute(text(_FOREIGN_KEYS), where)
        ),
        text_columns=tuple(as_text),
    )


def _key(table: SourceTable, present: set[str]) -> tuple[str, ...]:
    """Return the source's primary key, or else its first unique key, of which all columns are compared."""
    asked = table.override.key if table.override is not None else ()
    spelled = {column.name.lower(): column.name for column in table.columns}
    candidates: list[Sequence[str]] = [[spelled[name.lower()] for name in asked], table.primary_key]
    for index in table.indexes:
        names = [column.name for column in index.columns if column.name is not None]
        if index.unique and index.where_sql is None and len(names) == len(index.columns):
            candidates.append(names)
    return next((tuple(names) for names in candidates if names and present.issuperset(names)), ())


def _index(row: Row[tuple[list[str], bool, bool, bool, bool]]) -> ExistingIndex:
    return ExistingIndex(
        tuple(row.columns), row.is_unique, row.is_primary, not (row.has_expression or row.is_partial)
    )
