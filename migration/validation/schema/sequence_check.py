"""Where the sequences of a table go on: the next number must be free, and one that the source never gave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from migration.model import Finding, FindingKind
from migration.target.sql_statements import quoted, run_sql
from migration.validation.schema.partition_difference import has_room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from migration.target.pg_catalog.table_shapes import TableShape

_FEWEST: Final = 100
"""Numbers that a sequence must have left, unless one in steps of 1 had no more."""
_INTEGER_END: Final = 2**31 - 1
_ENDS: Final = {"smallint": 2**15 - 1, "integer": _INTEGER_END, "bigint": 2**63 - 1}
"""The largest number of each type; of others (numeric, domains), that of an integer is asked for."""
# USAGE is enough for pg_sequence_last_value(): NULL where the sequence has given out nothing since it was set.
_SEQUENCES: Final = """
SELECT a.attname AS column, s.seqrelid::bigint AS oid, s.seqincrement AS step, s.seqmax AS max, s.seqstart AS start,
       s.seqcycle AS cycles, a.atttypid::regtype::text AS type,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname) AS sequence,
       pg_catalog.has_sequence_privilege(s.seqrelid, 'SELECT') AS may_select,
       pg_catalog.has_sequence_privilege(s.seqrelid, 'USAGE') AS may_use,
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS may_read
FROM pg_catalog.pg_attribute a
JOIN (
    SELECT d.refobjid AS relation, d.refobjsubid AS number, d.objid AS sequence FROM pg_catalog.pg_depend d
    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
      AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
    UNION
    SELECT f.adrelid, f.adnum, d.refobjid FROM pg_catalog.pg_attrdef f
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_attrdef'::regclass AND d.objid = f.oid
    WHERE d.refclassid = 'pg_catalog.pg_class'::regclass
) u ON u.relation = a.attrelid AND u.number = a.attnum
JOIN pg_catalog.pg_sequence s ON s.seqrelid = u.sequence
JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attrelid = CAST(:oid AS oid) ORDER BY a.attnum
"""


def sequence_findings(
    connection: Connection, schema: str, table: TableShape, name: str, mark: int | None
) -> Iterator[Finding]:
    """Yield what is wrong with the sequences of a table; what may not be read is advice.

    Args:
        connection: to the target.
        schema: of the table, unquoted.
        table: as it stands.
        name: in the source.
        mark: the largest number that AUTOINCREMENT has given out there.
    """
    for row in connection.execute(text(_SEQUENCES), {"oid": table.oid}).all():
        if odd := _oddity(row):
            yield Finding(odd[0], name, odd[1], row.column, is_error=False)
            if odd[0] is FindingKind.SEQUENCE:
                continue
        if not (row.may_select or row.may_use) or not row.may_read:
            if _is_short(row, int(row.start)):  # wherever it is by now
                message = _ends_early(row, int(row.start))
                yield Finding(FindingKind.SEQUENCE, name, message, row.column, is_error=False)
                continue
            what = "the sequence" if row.may_read else "the column"
            message = f"The sequence of column {row.column} was not checked: the role may not read {what}"
            yield Finding(FindingKind.NOT_CHECKED, name, message, row.column, is_error=False)
            continue
        problem = _problem(connection, schema, table, row, mark or 0)
        if problem:
            yield Finding(FindingKind.SEQUENCE, name, problem, row.column, is_error=False)


def _oddity(row: Any) -> tuple[FindingKind, str] | None:
    """Return what is wrong with a sequence wherever it stands: it must go up, as far as its column's numbers do."""
    words = f"The sequence of column {row.column}"
    if row.step < 0:
        return FindingKind.SEQUENCE, f"{words} counts down (INCREMENT {row.step})"
    if row.cycles:
        return FindingKind.SEQUENCE, f"{words} begins anew when it is at its end (CYCLE)"
    end = _ENDS.get(row.type, _INTEGER_END)
    if row.max < min(end, _INTEGER_END):
        return FindingKind.SEQUENCE, f"{words} ends at {row.max:,}; {row.type} holds up to {end:,}"
    if row.max < end:
        return FindingKind.SEQUENCE_END, f"{words} ends at {row.max:,}; {row.type} holds up to {end:,}"
    return None


def _left(following: int, step: int, end: int) -> int:
    """Return how many numbers a sequence has left, the one that follows among them."""
    return max(0, (end - following) // step + 1)


def _is_short(row: Any, following: int) -> bool:
    """Whether so few numbers are left that the next ones will be refused soon, and one in steps of 1 had more."""
    in_steps_of_one = _left(following, 1, _ENDS.get(row.type, row.max))
    return _left(following, row.step, row.max) < min(_FEWEST, in_steps_of_one)


def _ends_early(row: Any, following: int) -> str:
    left = _left(following, row.step, row.max)
    by = f" in steps of {row.step:,}" if row.step > 1 else ""
    return (
        f"The sequence of column {row.column} ends too early: from {following:,} it goes{by} to {row.max:,}, which is"
        f" {left:,} {'number' if left == 1 else 'numbers'}"
    )


def _problem(connection: Connection, schema: str, shape: TableShape, row: Any, mark: int) -> str | None:
    table = shape.name
    if table_hides(connection, schema, table):
        return None
    largest = run_sql(
        connection, f"SELECT max({quoted(row.column)}) FROM {quoted(schema, table)}"
    ).scalar_one()
    following = _following(connection, row)
    if following > row.max:
        return f"The sequence of column {row.column} is at its end ({row.max}): the next insert without a value fails"
    if _is_short(row, following):
        return _ends_early(row, following)
    return _taken(connection, shape, row, following, largest, mark)


def _taken(
    connection: Connection, shape: TableShape, row: Any, following: int, largest: int | None, mark: int
) -> str | None:
    """Return why the number that follows cannot be used."""
    if largest is not None and following <= largest:
        return f"The sequence of column {row.column} goes on with {following}, and {largest} is taken"
    if following <= mark:
        what = f"AUTOINCREMENT has given out {mark} already"
        return f"The sequence of column {row.column} goes on with {following}, and {what}"
    if not has_room(connection, shape, row.column, following):
        return (
            f"The sequence of column {row.column} goes on with {following}, for which there is no partition"
        )
    return None


def table_hides(connection: Connection, schema: str, table: str) -> bool:
    """Whether row level security keeps the role from counting the rows of a table."""
    statement = text("SELECT pg_catalog.row_security_active(CAST(:name AS regclass))")
    return bool(connection.execute(statement, {"name": quoted(schema, table)}).scalar_one())


def _following(connection: Connection, row: Any) -> int:
    if row.may_select:
        state = run_sql(connection, f"SELECT last_value, is_called FROM {row.sequence}").one()
        return int(state.last_value + (row.step if state.is_called else 0))
    last = connection.execute(
        text("SELECT pg_catalog.pg_sequence_last_value(:oid)"), {"oid": row.oid}
    ).scalar_one()
    return int(row.start if last is None else last + row.step)
