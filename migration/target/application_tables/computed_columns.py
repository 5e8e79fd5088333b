"""Columns that the source stores and the application's table computes: what it has computed beside what was stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.model import Finding, FindingKind, ValueKind
from migration.target.application_tables.row_transfer import stored_columns
from migration.target.loading.server_checksum import fingerprint
from migration.target.sql_statements import quoted, run_sql
from migration.value_conversion.declared_meaning import keeps_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import ColumnPlan, TablePlan
    from migration.target.application_tables.row_transfer import RowTransfer

_ROWS_NAMED: Final = 20
_LONGEST: Final = 200


def computed_differences(connection: Connection, plan: TablePlan, arrival: RowTransfer) -> list[Finding]:
    """Return the rows in which the table has computed other values than the source holds.

    Args:
        connection: in the transaction that has inserted the rows.
        plan: the table; rows are named by its key.
        arrival: its rows, which still wait in their origin. The table may hold others, too.
    """
    if not arrival.computed:
        return []
    waiting = _Side(plan, arrival, is_waiting=True)
    standing = _Side(plan, arrival, is_waiting=False)
    if fingerprint(connection, arrival.origin, waiting.row) == fingerprint(
        connection, arrival.table.own_rows, standing.row
    ):
        return []
    # In the order of the plan's columns: those that were stored tell which rows belong together.
    kept, computed = len(stored_columns(plan)), len(arrival.computed)
    names = [f"c{number}" for number in range(kept + computed)]
    stored = ", ".join(names[:kept])
    joined = f"ROW(a.{', a.'.join(names[:kept])})::text = ROW(b.{', b.'.join(names[:kept])})::text"
    both = ", ".join(
        [f"a.{name}::text" for name in names] + [f"b.{name}::text AS t_{name}" for name in names[kept:]]
    )
    rows = run_sql(
        connection,
        f"WITH a AS ({waiting.select} EXCEPT ALL {standing.select}),"
        f" b AS (SELECT DISTINCT ON ({stored}) * FROM ({standing.select}) s ORDER BY {stored})"
        f" SELECT count(*) OVER () AS total, {both} FROM a LEFT JOIN b ON {joined}"
        f" ORDER BY {stored} LIMIT {_ROWS_NAMED}",
    ).all()
    if not rows:
        return []
    total = int(rows[0].total)
    summary = (
        f"0 rows missing in the target, 0 only there, {total:,} different; {len(rows):,} of them are named."
        " The table computes values that the source stores otherwise; to go without the source's,"
        f" say {' '.join(f'--exclude {plan.name}.{column.name}' for column in arrival.computed)}"
    )
    found = [Finding(FindingKind.DIGEST_MISMATCH, plan.name, summary)]
    return found + [_finding(plan, arrival.computed, tuple(row)[1:]) for row in rows]


class _Side:
    """Rows that wait, or that stand, as columns in which equal values are equal."""

    def __init__(self, plan: TablePlan, arrival: RowTransfer, *, is_waiting: bool) -> None:
        columns = (*stored_columns(plan), *arrival.computed)

        def written(column: ColumnPlan) -> str:
            name = column.target_name
            return canonical(column, arrival.value(name) if is_waiting else quoted(name))

        values = [written(column) for column in columns]
        self.row = f"ROW({', '.join(values)})::text"
        listed = ", ".join(f"{value} AS c{number}" for number, value in enumerate(values))
        self.select = f"SELECT {listed} FROM {arrival.origin if is_waiting else arrival.table.own_rows}"


def _document(text: str) -> str:
    """Return a document as SQL in which equal ones are equal: one that jsonb would not keep speaks by its text.

    That is a key that is said twice, since a document has a colon outside strings for each member; a negative zero; the
    character NUL; a number that may be too large.
    """
    kept, spelt = f"{text}::pg_catalog.jsonb", f"pg_catalog.to_jsonb({text})"
    return (
        rf"CASE WHEN {text} ~ '-0|\\u0000|[eE][+-]?\d{{4}}' THEN {spelt}"
        f" WHEN {_members(text)} = {_members(f'{kept}::text')} THEN {kept} ELSE {spelt} END"
    )


def _members(document: str) -> str:
    outside = rf"""pg_catalog.regexp_replace({document}, '"([^"\\]|\\.)*"', '', 'g')"""
    return f"pg_catalog.length(pg_catalog.regexp_replace({outside}, '[^:]', '', 'g'))"


def canonical(column: ColumnPlan, value: str) -> str:
    """Return a value as SQL in which equal values are equal, as `canonical_form` has it for rows that are read."""
    if column.kind is ValueKind.NUMERIC and not keeps_scale(column):
        return f'pg_catalog.trim_scale({value})::text COLLATE pg_catalog."C"'
    if column.kind is ValueKind.JSON and column.target_type == "json":
        return _document(f"({value})::text")
    if column.kind is ValueKind.JSON:
        return f"({value})::pg_catalog.jsonb"  # to which 1.0 is 1.00, and json has no equality
    return f'({value})::text COLLATE pg_catalog."C"'


def _finding(plan: TablePlan, computed: Sequence[ColumnPlan], row: Sequence[str | None]) -> Finding:
    stored = [column.name for column in stored_columns(plan)]
    ours = dict(zip([*stored, *(column.name for column in computed)], row, strict=False))
    theirs = dict(zip([column.name for column in computed], row[len(ours) :], strict=True))
    differing = [name for name, value in theirs.items() if value != ours[name]]
    values = "; ".join(
        f"{name} is {_shown(ours[name])} in the source and {_shown(theirs[name])} in the target, which computes it"
        for name in differing
    )
    key = ", ".join(f"{name} = {_shown(ours[name])}" for name in plan.key if name in ours)
    column = differing[0] if len(differing) == 1 else None
    return Finding(FindingKind.DIFFERING_ROW, plan.name, values, column, key or None)


def _shown(value: str | None) -> str:
    if value is None:
        return "NULL"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
