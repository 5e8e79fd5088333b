"""Keys, indexes, constraints, sequences and views: built one by one, each in a savepoint.

What cannot be built does not stop a run: the rows are there and proved. It is reported, with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.model import Finding, FindingKind, ObjectResult, ObjectState
from migration.target.postgres_errors import lacks_locks, translate
from migration.target.sql_statements import quoted, run_all, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import Connection, Row

    from migration.model import TargetObject

# Classes of SQLSTATE that speak of the statement or the data, not of the server or the connection.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_REFUSALS: Final = frozenset({"0A", "21", "22", "23", "2B", "2F", "3F", "42", "44", "54", "P0", "XX"})
LIMIT_MET: Final = "a limit of PostgreSQL"
"""What a reason begins with where an object is too large for the server in some way, in whatever language it speaks."""
_LIMIT: Final = "54"
_PERMISSION: Final = "42501"
_EXAMPLES: Final = 3


def is_refusal(error: DBAPIError) -> bool:
    """Whether the server refused this statement for what it says or for the rows that stand there."""
    state = getattr(error.orig, "sqlstate", None) or ""
    return state[:2] in _REFUSALS and state != _PERMISSION


def build_object(
    connection: Connection, item: TargetObject, schema: str
) -> tuple[ObjectResult, tuple[Finding, ...]]:
    """Build one object of a plan, or its fallback, or report why neither can be.

    Args:
        connection: in the caller's transaction, which stays usable whatever happens.
        item: what to build. One that the plan has skipped already is only reported.
        schema: the schema that the table is in now, unquoted.

    Returns:
        The line for the report, and findings; none of them is an error.

    Raises:
        RetryableError, PermanentError: the connection broke, the disk is full, ...: nothing to do with the object.
    """
    if not _is_wanted(item) or not item.sql:
        return ObjectResult(item.kind, item.name, item.state, item.reason, item.table), ()
    refused = _attempt(connection, item.sql, item, schema)
    if refused is None:
        return _built(item, sequence_problems(connection, schema, item.table) if _counts(item) else [])
    if item.fallback_sql:
        refused_too = _attempt(connection, item.fallback_sql, item, schema)
        if refused_too is None:
            return _fallen_back(connection, item, schema, refused)
        refused = f"{refused}; {refused_too}"
    message = f"{item.kind} {item.name} could not be built: {refused}"
    # A view hangs on some table in a plan, and is none of that table's.
    is_view = item.kind == "view"
    kind = FindingKind.SKIPPED_OBJECT if is_view else FindingKind.MISSING_CONSTRAINT
    place = item.name if is_view else item.table
    finding = Finding(kind, place, message, is_error=False, loss=f"skipped:{item.kind}")
    return ObjectResult(item.kind, item.name, ObjectState.SKIPPED, refused, item.table), (finding,)


def build_all(
    connection: Connection, items: Sequence[tuple[TargetObject, str]], also_sql: Sequence[str] = ()
) -> list[tuple[ObjectResult, tuple[Finding, ...]]]:
    """Build objects (each with the schema that its table is in now) in one statement; all of them or none.

    Args:
        connection: in the caller's transaction, which is lost if anything is refused: `build_object` says why then.
        items: what to build, in this order. Those that the plan has skipped are only reported.
        also_sql: further statements, afterwards.

    Returns:
        Line for the report and findings of each, as `build_object`.

    Raises:
        DBAPIError: the server refuses one of them, or the connection broke.
    """
    run_all(connection, [*building(items), *also_sql])
    counting = {(schema, item.table) for item, schema in items if _is_wanted(item) and _counts(item)}
    problems = all_sequence_problems(connection, counting)
    return [
        _built(item, problems.get((schema, item.table), []) if _is_wanted(item) and _counts(item) else [])
        for item, schema in items
    ]


def building(items: Iterable[tuple[TargetObject, str]]) -> list[str]:
    """Return the statements that build objects as they are planned, each with the schema that its table is in now."""
    return [
        item.sql.replace("{schema}", quoted(schema))
        for item, schema in items
        if item.sql and _is_wanted(item)
    ]


def _is_wanted(item: TargetObject) -> bool:
    return item.state is not ObjectState.SKIPPED and bool(item.sql)


def _counts(item: TargetObject) -> bool:
    return item.kind == "sequence"


def _built(item: TargetObject, problems: Sequence[str]) -> tuple[ObjectResult, tuple[Finding, ...]]:
    if problems:
        problem = "; ".join(problems)
        finding = Finding(FindingKind.SEQUENCE, item.table, problem, is_error=False)
        return ObjectResult(item.kind, item.name, ObjectState.CHANGED, problem, item.table), (finding,)
    return ObjectResult(item.kind, item.name, item.state, item.reason, item.table), ()


def index_stands(connection: Connection, schema: str, name: str) -> bool:
    """Tell whether an index of this name is there; `schema` and `name` are unquoted."""
    found = connection.execute(text("SELECT to_regclass(:name)"), {"name": quoted(schema, name)})
    return found.scalar_one() is not None


def _attempt(connection: Connection, statement: str, item: TargetObject, schema: str) -> str | None:
    """Run a statement in a savepoint; return why the server refused it, or None."""
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, statement.replace("{schema}", quoted(schema)))
    except DBAPIError as error:
        if not is_refusal(error):
            if lacks_locks(error):  # the connection is sound, and the caller may do with less
                savepoint.rollback()
            raise translate(error, table=item.table, object_kind=item.kind, object=item.name) from error
        savepoint.rollback()
        return reason_of(error)
    savepoint.commit()
    return None


def meets_limit(error: DBAPIError) -> bool:
    """Whether the server refused something because it is too large, too long or too many."""
    return (getattr(error.orig, "sqlstate", None) or "").startswith(_LIMIT)


def reason_of(error: DBAPIError) -> str:
    """Return the server's words, with the keys that are at fault."""
    diagnostics = getattr(error.orig, "diag", None)
    primary = getattr(diagnostics, "message_primary", None) or str(error.orig)
    if meets_limit(error):  # its detail tells where the row stands, which nobody needs
        return f"{LIMIT_MET}: {primary}"
    # Duplicate and orphan keys are what the reader needs here.
    detail = getattr(diagnostics, "message_detail", None)
    return f"{primary} ({detail.rstrip('.')})" if detail else str(primary)


def _fallen_back(
    connection: Connection, item: TargetObject, schema: str, refused: str
) -> tuple[ObjectResult, tuple[Finding, ...]]:
    orphans = _orphans(connection, item.name, schema) if item.kind == "foreign key" else None
    kind = FindingKind.MISSING_CONSTRAINT
    reason = f"{item.reason}; {refused}" if item.reason else refused
    if orphans is not None:
        count, examples = orphans
        kind = FindingKind.ORPHAN_ROWS
        reason = (
            f"{count} rows have no parent (for example {', '.join(examples)}), so the constraint is NOT VALID:"
            f" it holds for new rows only"
        )
        if item.fallback_reason:
            reason += f"; {item.fallback_reason}"
    message = f"{item.kind} {item.name}: {reason}"
    finding = Finding(kind, item.table, message, is_error=False)
    return ObjectResult(item.kind, item.name, ObjectState.CHANGED, reason, item.table), (finding,)


def _orphans(connection: Connection, name: str, schema: str) -> tuple[int, list[str]] | None:
    """Count the child rows without a parent under a foreign key, with examples; None if it cannot be found."""
    row = connection.execute(
        text(
            "SELECT child.relname AS child, pn.nspname AS parent_schema, parent.relname AS parent,"
            " ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, i)"
            "   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n"
            "   ORDER BY k.i) AS child_columns,"
            " ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, i)"
            "   JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n"
            "   ORDER BY k.i) AS parent_columns"
            " FROM pg_catalog.pg_constraint c"
            " JOIN pg_catalog.pg_class child ON child.oid = c.conrelid"
            " JOIN pg_catalog.pg_class parent ON parent.oid = c.confrelid"
            " JOIN pg_catalog.pg_namespace n ON n.oid = child.relnamespace"
            " JOIN pg_catalog.pg_namespace pn ON pn.oid = parent.relnamespace"
            " WHERE c.contype = 'f' AND n.nspname = :schema AND c.conname = :name"
        ),
        {"schema": schema, "name": name},
    ).first()
    if row is None:
        return None
    pairs = list(zip(row.child_columns, row.parent_columns, strict=True))
    matches = " AND ".join(f"p.{quoted(parent)} = c.{quoted(child)}" for child, parent in pairs)
    present = " AND ".join(f"c.{quoted(child)} IS NOT NULL" for child, _ in pairs)
    keys = ", ".join(f"c.{quoted(child)}" for child, _ in pairs)
    orphans = (
        f"FROM {quoted(schema, row.child)} c WHERE {present} AND NOT EXISTS"
        f" (SELECT FROM {quoted(row.parent_schema, row.parent)} p WHERE {matches})"
    )
    count = int(run_sql(connection, f"SELECT count(*) {orphans}").scalar_one())
    examples = run_sql(connection, f"SELECT DISTINCT {keys} {orphans} LIMIT {_EXAMPLES}").all()
    columns = ", ".join(row.child_columns)
    return count, [f"{columns} = {', '.join(str(value) for value in example)}" for example in examples]


def sequence_problems(connection: Connection, schema: str, table: str) -> list[str]:
    """Return what is wrong with the sequences that a table owns: the next number of each must be free."""
    return all_sequence_problems(connection, [(schema, table)]).get((schema, table), [])


def all_sequence_problems(
    connection: Connection, places: Collection[tuple[str, str]]
) -> dict[tuple[str, str], list[str]]:
    """Return what is wrong with the sequences of tables (schema and name), of those where anything is."""
    if not places:
        return {}
    values = {"schemas": [schema for schema, _ in places], "names": [name for _, name in places]}
    columns = connection.execute(_SEQUENCES, values).all()
    problems: dict[tuple[str, str], list[str]] = {}
    readable = [column for column in columns if column.readable]
    states = iter(_sequence_states(connection, readable))
    for column in columns:
        problem = (
            _sequence_problem(column, next(states))
            if column.readable
            else f"the sequence of column {column.column} was not checked: the role lacks SELECT on it"
        )
        if problem:
            problems.setdefault((column.schema, column.table), []).append(problem)
    return problems


# The tables are found by their names first, which have an index: the catalogs hold whatever else the database has.
_SEQUENCES: Final = text(
    """
    SELECT n.nspname AS schema, c.relname AS table, a.attname AS column, s.seqrelid::regclass::text AS sequence,
           s.seqincrement AS step, s.seqmax AS max, has_sequence_privilege(s.seqrelid, 'SELECT') AS readable
    FROM unnest(CAST(:schemas AS text[]), CAST(:names AS text[])) AS wanted (schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname = wanted.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
    JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = c.oid
      AND d.refobjsubid = a.attnum
      AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
    JOIN pg_catalog.pg_sequence s ON s.seqrelid = d.objid
    ORDER BY n.nspname, c.relname, a.attnum
    """
)
_STATES_AT_ONCE: Final = 100


def _sequence_states(connection: Connection, columns: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the state of each column's sequence and its largest value, in the order of the columns."""
    states: list[Row[Any]] = []
    for first in range(0, len(columns), _STATES_AT_ONCE):
        each = [
            f"SELECT {number} AS number, s.last_value, s.is_called,"
            f" (SELECT max({quoted(column.column)}) FROM {quoted(column.schema, column.table)})::numeric AS largest"
            f" FROM {column.sequence} s"
            for number, column in enumerate(columns[first : first + _STATES_AT_ONCE])
        ]
        states += run_sql(connection, f"{' UNION ALL '.join(each)} ORDER BY number").all()
    return states


def _sequence_problem(column: Row[Any], state: Row[Any]) -> str | None:
    following = state.last_value + (column.step if state.is_called else 0)
    if following > column.max:
        return (
            f"column {column.column} holds the largest number of its sequence ({column.max}):"
            " the next insert without a value will fail"
        )
    if state.largest is not None and following <= state.largest:
        return (
            f"the sequence of column {column.column} goes on with {following}, and {state.largest} is taken"
        )
    return None
