"""Queries that find all rows at once which a constraint will refuse, where the catalog says how it decides.

What they do not know of (exclusion, partial and expression indexes, partitions), trying finds, row by row in the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.target.application_tables.row_refusal_errors import Refusal
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from migration.target.application_tables.row_transfer import RowTransfer

NUMBER: Final = "convoy_row_number"
# A constraint that is not enforced (PostgreSQL 18) refuses nothing; older servers have no such column.
_CHECKS: Final = """
SELECT k.conname AS name, pg_catalog.pg_get_expr(k.conbin, k.conrelid) AS expression,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey) ORDER BY a.attnum) AS columns
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'c' AND k.conrelid = CAST(:oid AS oid)
  AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
ORDER BY k.conname
"""
# The columns behind INCLUDE come after indnkeyatts.
_UNIQUE: Final = """
SELECT c.relname AS name,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
             WHERE k.p <= i.indnkeyatts ORDER BY k.p) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indisunique AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indrelid = CAST(:oid AS oid)
  AND NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false)
ORDER BY c.relname
"""

FOREIGN_KEYS: Final = """
SELECT k.conname AS name, k.conrelid::bigint AS child, k.confrelid::bigint AS parent,
       CASE (SELECT c.relkind FROM pg_catalog.pg_class c WHERE c.oid = k.confrelid) WHEN 'r' THEN 'ONLY ' ELSE '' END
           || k.confrelid::regclass::text AS parent_sql,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY c(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.n ORDER BY c.p) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY c(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.n ORDER BY c.p)
             AS parent_columns
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = ANY(CAST(:oids AS oid[]))
  AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
ORDER BY k.conrelid, k.conname
"""
"""The foreign keys that are enforced of tables with these oids."""
_INPUT_IS_CHECKED_SINCE: Final = 160_000


@dataclass(frozen=True, slots=True)
class ViolationQuery:
    """Waiting rows `c` for which the condition holds are refused."""

    condition: str
    refusal: Refusal


def violation_queries(connection: Connection, arrival: RowTransfer) -> Iterator[ViolationQuery]:
    """Yield what is known of a table's checks and unique keys; the order in which they are yielded is to be kept."""
    known = set(arrival.columns)
    for row in connection.execute(text(_CHECKS), {"oid": arrival.table.oid}).all():
        if set(row.columns) <= known:
            yield _check(arrival, row.name, row.expression, tuple(row.columns))
    for row in connection.execute(text(_UNIQUE), {"oid": arrival.table.oid}).all():
        if row.columns and set(row.columns) <= known:
            yield from _unique(arrival, row.name, tuple(row.columns))


def _check(arrival: RowTransfer, name: str, expression: str, columns: tuple[str, ...]) -> ViolationQuery:
    values = ", ".join(f"{arrival.value(column)} AS {quoted(column)}" for column in columns) or "1"
    rows = f"SELECT {NUMBER}, {values} FROM {arrival.origin}"
    reason = f'new row for relation "{arrival.table.name}" violates check constraint "{name}"'
    return ViolationQuery(
        f"c.{NUMBER} IN (SELECT {NUMBER} FROM ({rows}) t WHERE ({expression}) IS FALSE)",
        Refusal(reason, name, columns),
    )


def _unique(arrival: RowTransfer, name: str, columns: tuple[str, ...]) -> Iterator[ViolationQuery]:
    refusal = Refusal(f'duplicate key value violates unique constraint "{name}"', name, columns)
    same = " AND ".join(f"p.{quoted(column)} = {arrival.value(column, 'c')}" for column in columns)
    yield ViolationQuery(f"EXISTS (SELECT FROM {arrival.table.own_rows} p WHERE {same})", refusal)
    values = [arrival.value(column) for column in columns]
    present = " AND ".join(f"{value} IS NOT NULL" for value in values)
    places = (
        f"SELECT {NUMBER}, row_number() OVER (PARTITION BY {', '.join(values)} ORDER BY {NUMBER}) AS place"
        f" FROM {arrival.origin} WHERE {present}"
    )
    yield ViolationQuery(f"c.{NUMBER} IN (SELECT {NUMBER} FROM ({places}) t WHERE place > 1)", refusal)


def orphan_violation_queries(
    connection: Connection, arrivals: Mapping[int, RowTransfer]
) -> Iterator[tuple[RowTransfer, ViolationQuery]]:
    """Yield a query for each foreign key whose columns wait on both sides; what one takes out, others may need.

    Args:
        connection: to the target.
        arrivals: by the oids of their tables. A parent may wait in one of them, or stand in the target already.
    """
    for row in connection.execute(text(FOREIGN_KEYS), {"oids": list(arrivals)}).all():
        child, parent = arrivals[row.child], arrivals.get(row.parent)
        if not set(row.columns) <= set(child.columns):
            continue
        if parent is not None and not set(row.parent_columns) <= set(parent.columns):
            continue
        values = [child.value(name, "c") for name in row.columns]
        pairs = list(zip(values, row.parent_columns, strict=True))
        stands = " AND ".join(f"p.{quoted(name)} = {value}" for value, name in pairs)
        conditions = [f"{value} IS NOT NULL" for value in values]
        conditions.append(f"NOT EXISTS (SELECT FROM {row.parent_sql} p WHERE {stands})")
        if parent is not None:
            waits = " AND ".join(f"{parent.value(name, 'p')} = {value}" for value, name in pairs)
            conditions.append(f"NOT EXISTS (SELECT FROM {parent.origin} p WHERE {waits})")
        reason = refused_by_foreign_key(child.table.name, row.name)
        yield child, ViolationQuery(" AND ".join(conditions), Refusal(reason, row.name, tuple(row.columns)))


def refused_by_foreign_key(table: str, constraint: str) -> str:
    """Return the server's words of a row whose parent is missing."""
    return f'insert or update on table "{table}" violates foreign key constraint "{constraint}"'


def invalid_values(connection: Connection, arrival: RowTransfer, name: str) -> dict[int, Refusal]:
    """Return the rows whose text is no value of a column's type, as far as the server can say it of all at once."""
    version = run_sql(connection, "SHOW server_version_num").scalar_one()
    if int(version) < _INPUT_IS_CHECKED_SINCE:
        return {}
    value, type_ = f"c.{quoted(name)}", "'" + arrival.type(name).replace("'", "''") + "'"
    statement = (
        f"SELECT c.{NUMBER} AS number, (pg_catalog.pg_input_error_info({value}, {type_})).message AS message"
        f" FROM {arrival.origin} c WHERE NOT pg_catalog.pg_input_is_valid({value}, {type_})"
    )
    try:
        with connection.begin_nested():
            rows = run_sql(connection, statement).all()
    except DBAPIError:
        return {}  # a type whose input function does not take part: trying tells
    return {row.number: Refusal(row.message, columns=(name,)) for row in rows}
