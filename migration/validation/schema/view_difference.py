"""The views of a source beside those of the target: the same query, or at least the same rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.identifiers import PLACEHOLDER
from migration.model import Finding, FindingKind
from migration.target.loading.index_and_constraint_creation import is_refusal
from migration.target.pg_catalog.source_name_matching import match_names
from migration.target.pg_catalog.table_shapes import look_in, read_shapes
from migration.target.postgres_errors import translate
from migration.target.session_time_zone import times_read_in
from migration.target.sql_statements import quoted, run_sql
from migration.validation.schema.wanted_shapes import TEMPORARY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan, TargetObject
    from migration.schema_translation.source_plan import ProfiledSource
    from migration.target.pg_catalog.table_shapes import TableShape

_LONGEST: Final = "60s"
_NAMES: Final = (
    "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY c.relname"
)


def view_findings(
    connection: Connection, schema: str, source: ProfiledSource, plans: Sequence[TablePlan], zone: str
) -> tuple[list[Finding], int]:
    """Return what differs in the views, and how many were compared.

    Args:
        connection: in a transaction.
        schema: the target schema, unquoted.
        source: what it declares.
        plans: its tables by the names and types that stand; the views are among their objects.
        zone: its time zone.
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
            findings.append(_found(FindingKind.VIEW, name, "The view is missing"))
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
            findings += _compare(connection, schema, name, item, shape, zone)
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
        ours = read_shapes(connection, schema, [item.name], temporary=True)[item.name].query
        if ours == standing.query:
            return []
        if _same_rows(connection, quoted(TEMPORARY, item.name), quoted(schema, standing.name)):
            message = f"The view {name} is written in other words, and gives the same rows now"
            return [_found(FindingKind.NOT_CHECKED, name, message)]
        message = f"The view is another query: {_on_one_line(standing.query)} where it would be {_on_one_line(ours)}"
        return [_found(FindingKind.VIEW, name, message)]
    except DBAPIError as error:
        if not is_refusal(error):
            raise translate(error, object_kind="view", object=name) from error
        message = f"The view {name} was not compared: {translate(error).what}"
        return [_found(FindingKind.NOT_CHECKED, name, message)]
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _same_rows(connection: Connection, ours: str, theirs: str) -> bool:
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, f"SET LOCAL statement_timeout = '{_LONGEST}'")
        odd = run_sql(
            connection,
            f"SELECT EXISTS (SELECT * FROM {ours} EXCEPT ALL SELECT * FROM {theirs})"
            f" OR EXISTS (SELECT * FROM {theirs} EXCEPT ALL SELECT * FROM {ours})",
        ).scalar_one()
    except DBAPIError:
        return False
    else:
        return not odd
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()


def _on_one_line(query: str | None) -> str:
    return " ".join((query or "").split())


def _found(kind: FindingKind, name: str, message: str) -> Finding:
    return Finding(kind, name, message, is_error=False)
