"""The views of a source beside those of the target: the same query, or at least the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.identifiers import PLACEHOLDER
from migration.mapping_file.loss_signatures import signed, skipped_loss
from migration.model import Finding, FindingKind
from migration.target.loading.index_and_constraint_creation import is_refusal
from migration.target.pg_catalog.source_name_matching import match_names
from migration.target.pg_catalog.table_shapes import look_in, read_shapes
from migration.target.postgres_errors import translate
from migration.target.session_time_zone import times_read_in
from migration.target.sql_statements import quoted, run_sql
from migration.validation.schema.wanted_shapes import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan, TargetObject
    from migration.run_options import RunOptions
    from migration.schema_translation.source_plan import ProfiledSource
    from migration.target.pg_catalog.table_shapes import TableShape

# What a view reads it reads with its owner's rights, unless it is security_invoker (PostgreSQL 15), by columns.
_FACTS: Final = """
SELECT pg_catalog.pg_get_userbyid(c.relowner) AS owner, pg_catalog.has_table_privilege(c.oid, 'SELECT') AS may_read,
       coalesce(lower((SELECT o.option_value FROM pg_catalog.pg_options_to_table(c.reloptions) o
                       WHERE o.option_name = 'security_invoker')) IN ('true', 'on', 'yes', '1'), false) AS asks_reader,
       current_setting('is_superuser') = 'on' AS reads_all,
       ARRAY(SELECT DISTINCT pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(k.relname)
             FROM pg_catalog.pg_rewrite r
             JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
              AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> r.ev_class
             JOIN pg_catalog.pg_class k ON k.oid = d.refobjid AND k.relkind IN ('r', 'p', 'v', 'm', 'f')
             JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace
             WHERE r.ev_class = c.oid AND r.rulename = '_RETURN' AND NOT CASE d.refobjsubid
                WHEN 0 THEN pg_catalog.has_any_column_privilege(c.relowner, d.refobjid, 'SELECT')
                ELSE pg_catalog.has_column_privilege(c.relowner, d.refobjid, d.refobjsubid::smallint, 'SELECT') END
             ORDER BY 1) AS kept_from
FROM pg_catalog.pg_class c WHERE c.oid = CAST(:oid AS oid)
"""
_NO_RIGHT: Final = "42501"
_CANCELLED: Final = "57014"
_LONGEST: Final = "60s"
_NAMES: Final = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY c.relname"
)

_READS: Final = """
SELECT DISTINCT d.refobjid::regclass::text FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
WHERE r.ev_class = CAST(:oid AS oid) AND r.rulename = '_RETURN' AND d.refclassid = 'pg_catalog.pg_class'::regclass
  AND d.refobjid <> r.ev_class
"""
# What the parsed query calls, as far as it may give another value tomorrow: users' functions may do anything.
_CALLS: Final = r"""
SELECT p.oid::regprocedure::text FROM pg_catalog.pg_rewrite r
CROSS JOIN LATERAL pg_catalog.regexp_matches(
    r.ev_action::text, '\:(?\:funcid|opfuncid|aggfnoid|winfnoid) ([0-9]+)', 'g') m
JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
WHERE r.ev_class = CAST(:oid AS oid) AND r.rulename = '_RETURN' AND (p.provolatile <> 'i' OR p.oid::bigint >= 16384)
UNION
SELECT m[1] FROM pg_catalog.pg_rewrite r
CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::text, '(SQLVALUEFUNCTION \:op [0-9]+)', 'g') m
WHERE r.ev_class = CAST(:oid AS oid) AND r.rulename = '_RETURN'
"""


def view_findings(
    connection: Connection,
    schema: str,
    source: ProfiledSource,
    plans: Sequence[TablePlan],
    options: RunOptions,
) -> tuple[list[Finding], int]:
    """Return what differs in the views, and how many were compared.

    Args:
        connection: in a transaction.
        schema: the target schema, unquoted.
        source: what it declares.
        plans: its tables by the names and types that stand; the views are among their objects.
        options: of the run, with the source's time zone and what somebody signs for.
    """
    declared = [item.name for item in source.schema.objects if item.kind == "view"]
    if not declared:
        return [], 0
    there = match_names(declared, connection.execute(text(_NAMES), {"schema": schema}).scalars())
    shapes = read_shapes(connection, schema, list(there.values()))
    items = [item for plan in plans for item in plan.objects if item.kind == "view" and item.sql]
    by_source = {_source_name(item, declared): item for item in items}
    findings: list[Finding] = []
    compared = 0
    for name in declared:
        if name not in there:
            missing = _found(FindingKind.VIEW, name, "The view is missing")
            findings.append(signed(replace(missing, loss=skipped_loss("view")), options))
            continue
        shape, item = shapes[there[name]], by_source.get(name)
        compared += 1
        if shape.query is None:
            findings.append(
                _found(FindingKind.VIEW, name, f"A table stands where the source has the view {name}")
            )
        elif item is None:
            message = f"The view {name} has no translation to compare with"
            findings.append(_found(FindingKind.NOT_CHECKED, name, message))
        else:
            findings += _compare(connection, schema, name, item, shape, options.source_timezone)
        if shape.query is not None:
            findings += _unreadable(connection, schema, name, shape)
        if shape.kind == "m":
            message = "A materialized view stands for the view: it shows what was there when it was refreshed"
            findings.append(_found(FindingKind.VIEW, name, message))
    return findings, compared


def _source_name(item: TargetObject, declared: Sequence[str]) -> str:
    paired = match_names(declared, [item.name])
    return next(iter(paired), item.name)


def _compare(
    connection: Connection, schema: str, name: str, item: TargetObject, standing: TableShape, zone: str
) -> list[Finding]:
    """Let the server read our query beside theirs; where these differ in words, compare what they give."""
    savepoint = connection.begin_nested()
    try:
        look_in(connection, schema)
        # The view itself is temporary; what it reads is what stands.
        create = item.sql.split(";\nCOMMENT ON ")[0]
        statement = create.replace(PLACEHOLDER, quoted(TEMPORARY), 1).replace(PLACEHOLDER, quoted(schema))
        with times_read_in(connection, zone):
            run_sql(connection, statement)
        ours = read_shapes(connection, schema, [item.name], temporary=True)[item.name]
        if ours.query == standing.query:
            return []
        why = _difference(connection, schema, ours, standing)
        if why is None:
            message = f"The view {name} is written in other words, and gives the same rows now"
            return [_found(FindingKind.NOT_CHECKED, name, message)]
        words = f"{_on_one_line(standing.query)} where it would be {_on_one_line(ours.query)}"
        return [_found(FindingKind.VIEW, name, f"The view is another query ({why}): {words}")]
    except DBAPIError as error:
        if not is_refusal(error):
            raise translate(error, object_kind="view", object=name) from error
        message = f"The view {name} was not compared: {translate(error).what}"
        return [_found(FindingKind.NOT_CHECKED, name, message)]
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _difference(connection: Connection, schema: str, ours: TableShape, theirs: TableShape) -> str | None:
    """Return what shows that a query in other words may be another one; None where nothing does.

    Rows alone prove little: those of no row prove nothing, and a query that reads something else, or asks for the
    time or who reads, gives others tomorrow.
    """
    if [column.name for column in ours.columns] != [column.name for column in theirs.columns]:
        return "it has other columns"
    read, wanted = (set(connection.execute(text(_READS), {"oid": o.oid}).scalars()) for o in (theirs, ours))
    if read != wanted:
        return (
            f"it reads {', '.join(sorted(read)) or 'nothing'}, not {', '.join(sorted(wanted)) or 'nothing'}"
        )
    called, known = (set(connection.execute(text(_CALLS), {"oid": o.oid}).scalars()) for o in (theirs, ours))
    if called - known:
        return f"it calls {', '.join(sorted(called - known))}"
    return _rows_difference(connection, quoted(TEMPORARY, ours.name), quoted(schema, theirs.name))


def _rows_difference(connection: Connection, ours: str, theirs: str) -> str | None:
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL statement_timeout = '{_LONGEST}'")
        row = run_sql(
            connection,
            f"SELECT EXISTS (SELECT * FROM {ours} EXCEPT ALL SELECT * FROM {theirs})"
            f" OR EXISTS (SELECT * FROM {theirs} EXCEPT ALL SELECT * FROM {ours}) AS differs,"
            f" EXISTS (SELECT FROM {ours}) AS has_rows",
        ).one()
    except DBAPIError as error:
        return f"its rows could not be compared: {translate(error).what}"
    else:
        if row.differs:
            return "it gives other rows"
        return None if row.has_rows else "neither gives a row, by which they could be compared"
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _unreadable(connection: Connection, schema: str, name: str, shape: TableShape) -> Iterator[Finding]:
    """Tell a view that gives nothing to those who may read it. What the session's own role lacks is its own affair."""
    facts = connection.execute(text(_FACTS), {"oid": shape.oid}).one()
    view = quoted(schema, shape.name)
    if facts.asks_reader:
        message = (
            f"The view {name} reads with the rights of who asks (security_invoker), and would with its owner's."
            f" ALTER VIEW {view} RESET (security_invoker)"
        )
        yield _found(FindingKind.VIEW, name, message)
    refusal = _refusal(connection, view) if facts.may_read else None
    says, lacks_right = refusal or ("", False)
    if facts.kept_from and not facts.asks_reader and shape.kind == "v":
        relations = ", ".join(facts.kept_from)
        message = (
            f"The view {name} cannot be read{f': {says}' if lacks_right else ''}. Its owner {facts.owner} may not read"
            f" {relations}. GRANT SELECT ON {relations} TO {quoted(facts.owner)}"
        )
        yield _found(FindingKind.VIEW, name, message)
    elif refusal and (facts.reads_all or not lacks_right):
        yield _found(FindingKind.VIEW, name, f"The view {name} cannot be read: {says}")


def _refusal(connection: Connection, view: str) -> tuple[str, bool] | None:
    """Return why the server does not read a view, and whether for want of a right; None where it does.

    No row is asked for: rights are looked at and functions looked up before the first one.
    """
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL statement_timeout = '{_LONGEST}'")
        run_sql(connection, "SET LOCAL transaction_read_only = on")
        run_sql(connection, f"SELECT * FROM {view} LIMIT 0")
    except DBAPIError as error:
        if connection.invalidated:
            raise translate(error, object_kind="view", object=view) from error
        state = getattr(error.orig, "sqlstate", None)
        says = getattr(getattr(error.orig, "diag", None), "message_primary", None) or translate(error).what
        return None if state == _CANCELLED else (says, state == _NO_RIGHT)
    else:
        return None
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _on_one_line(query: str | None) -> str:
    return " ".join((query or "").split())


def _found(kind: FindingKind, name: str, message: str) -> Finding:
    return Finding(kind, name, message, is_error=False)
