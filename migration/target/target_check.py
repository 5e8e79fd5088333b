"""The checks before anything is created in the target: server, schema, names, and the plans' DDL itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import Place
from migration.cutover_errors import TooFewLocksError
from migration.errors import TargetReadOnlyError, TargetVersionError
from migration.model import ObjectResult, ObjectState
from migration.schema_translation.request_refusals import check_schema_name
from migration.target.application_tables.data_only_plan import check_application_tables
from migration.target.cutover.occupied_names import relations_to_replace
from migration.target.cutover.replaced_objects import Replacement, foresee
from migration.target.loading.index_and_constraint_creation import build_object
from migration.target.loading.staging_schema import sequences_make_way
from migration.target.loading.table_trial import try_table
from migration.target.missing_rights import MissingRight, refuse_lacking, schema_rights
from migration.target.postgres_errors import lacks_locks, too_few_locks, translate
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan, TargetObject
    from migration.run_options import RunOptions

_OLDEST_VERSION: Final = 130_000
_NOT_TRIED: Final = (
    "not tried: the server has too few locks to build all objects in one transaction, as a run never does"
)


def check_target(
    connection: Connection, plans: Sequence[TablePlan], options: RunOptions, *, is_staged: bool = False
) -> None:
    """Check all that can be known before anything is created; once it `is_staged`, before the cutover.

    The server's free disk space cannot be seen from a connection; a full disk fails the run, which can be resumed.

    Raises:
        UsageError: the options ask for something that cannot be.
        TargetVersionError, TargetReadOnlyError: what they say of the server.
        TargetPermissionError: the role may not create the staging schema, or tables in the target schema.
        TargetOccupiedError: the tables' names are taken and may not, or cannot, be replaced; for a load of rows
            alone: the tables hold rows.
    """
    _check_server(connection, is_staged=is_staged)
    if options.data_only:
        check_application_tables(connection, plans, options)
        return
    for schema in sorted({plan.target_schema for plan in plans}):
        _check_schema(connection, schema)
        inside = [plan for plan in plans if plan.target_schema == schema]
        relations_to_replace(connection, schema, inside, options.if_exists)


def foresee_replacements(
    connection: Connection, plans: Sequence[TablePlan], options: RunOptions, trial_schema: str
) -> list[Replacement]:
    """Return what will become of the objects of tables that the run replaces, for each target schema.

    Raises:
        ObjectsInTheWayError: names those that cannot be carried over and that nobody has signed for.
        TargetPermissionError: the role may not take those out of the way that somebody has signed for.
    """
    found = []
    for schema in [] if options.data_only else sorted({plan.target_schema for plan in plans}):
        inside = [plan for plan in plans if plan.target_schema == schema]
        standing = relations_to_replace(connection, schema, inside, options.if_exists)
        try:
            replacement = foresee(connection, schema, inside, standing, trial_schema)
        except DBAPIError as error:
            raise translate(error, schema=schema) from error
        replacement.check(options.drop_dependents)
        refuse_lacking(connection, replacement.lacking, schema=schema)
        found.append(replacement)
    return found


def try_ddl(connection: Connection, plans: Sequence[TablePlan], schema: str) -> list[ObjectResult]:
    """Create the plans' empty tables and all their objects in `schema`, and undo it all.

    Returns:
        One result for each table and object; what the server refuses is SKIPPED with its reason.

    Raises:
        RetryableError: the connection broke.
    """
    results: list[ObjectResult] = []
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
        standing = []
        for plan in sequences_make_way(plans):
            refused = try_table(connection, plan, schema)
            if refused is None:
                standing.append(plan)
            state = ObjectState.CREATED if refused is None else ObjectState.SKIPPED
            reason = "" if refused is None else refused.reason
            results.append(ObjectResult("table", plan.name, state, reason, plan.source_label))
        items = [item for plan in standing for item in plan.objects]
        results += _try_objects(connection, sorted(items, key=lambda item: item.stage), schema)
    except DBAPIError as error:
        if lacks_locks(error):
            raise too_few_locks(len(plans), schema=schema) from error
        raise translate(error, schema=schema) from error
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()
    return results


def _try_objects(connection: Connection, items: Sequence[TargetObject], schema: str) -> list[ObjectResult]:
    """Build objects one after the other. A run does so table by table; here all of them hold their locks at once."""
    results: list[ObjectResult] = []
    for number, item in enumerate(items):
        try:
            result, _ = build_object(connection, item, schema)
        except TooFewLocksError:
            return results + [
                replace(_as_planned(rest), reason=f"{rest.reason}; {_NOT_TRIED}".removeprefix("; "))
                for rest in items[number:]
            ]
        results.append(result)
    return results


def _as_planned(item: TargetObject) -> ObjectResult:
    return ObjectResult(item.kind, item.name, item.state, item.reason, item.table)


def _check_server(connection: Connection, *, is_staged: bool) -> None:
    row = connection.execute(
        text(
            "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name,"
            " current_database() AS database, current_user AS role, pg_catalog.pg_is_in_recovery() AS standby,"
            " current_setting('transaction_read_only')::boolean AS read_only,"
            " pg_catalog.has_database_privilege(current_database(), 'CREATE') AS may_create"
        )
    ).one()
    place: Place = {"database": row.database}
    if row.version < _OLDEST_VERSION:
        raise TargetVersionError(
            f"PostgreSQL {row.name} is too old", remedy="Use PostgreSQL 13 or newer", **place
        )
    if row.standby or row.read_only:
        raise TargetReadOnlyError(
            "The server is read-only, a standby perhaps", remedy="Name the primary server", **place
        )
    if not row.may_create:
        grant = f"GRANT CREATE ON DATABASE {quoted(row.database)} TO {quoted(row.role)}"
        action = (
            "create schemas, which the cutover needs for what makes way, and a rollback for what it takes back"
            if is_staged
            else "create schemas, and the run needs one to stage its tables in"
        )
        refuse_lacking(connection, [MissingRight(action, grant)], **place)


def _check_schema(connection: Connection, schema: str) -> None:
    check_schema_name(schema)
    refuse_lacking(connection, schema_rights(connection, schema, ["CREATE", "USAGE"]), schema=schema)
