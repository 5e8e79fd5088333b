"""The schema in which a run builds its tables, out of users' sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError

from migration.target.postgres_errors import lacks_locks, too_few_locks, translate
from migration.target.schema_removal import remove_own_schema
from migration.target.sql_statements import quoted, run_sql, try_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import TablePlan


def create_staging(connection: Connection, plans: Sequence[TablePlan], staging_schema: str) -> None:
    """Create the staging schema and its empty tables; what an earlier attempt left there is removed.

    Autovacuum is off for the tables while they are filled, since it would read each row again; cutover turns it on.

    Raises:
        TargetChangedError: others use what an earlier attempt has left there.
        TooFewLocksError: there are more tables than the server has locks for.
        ConvoyError: as `translate` says; names the table whose DDL was refused.
    """
    remove_own_schema(connection, staging_schema, None, then="resume the run")
    try:
        run_sql(connection, f"CREATE SCHEMA {quoted(staging_schema)}")
    except DBAPIError as error:
        raise translate(error, schema=staging_schema) from error
    made = [(plan, _creating(plan, staging_schema)) for plan in sequences_make_way(plans)]
    if try_all(connection, [statement for _, statement in made]):
        return
    for plan, statement in made:
        try:
            run_sql(connection, statement)
        except DBAPIError as error:
            if lacks_locks(error):
                raise too_few_locks(len(plans), schema=staging_schema) from error
            raise translate(error, table=plan.target_name) from error


def _creating(plan: TablePlan, staging_schema: str) -> str:
    # An ALTER TABLE of its own would cost hundreds of tables as many changes of the catalog.
    create = plan.create_sql.replace("{schema}", quoted(staging_schema))
    return f"{create} WITH (autovacuum_enabled = false)"


def sequences_make_way(plans: Sequence[TablePlan]) -> list[TablePlan]:
    """Return the plans with such tables first as are called like the sequence of an identity column.

    PostgreSQL gives a sequence another name where the usual one is taken; it does not do so for a table.
    """
    return sorted(plans, key=lambda plan: not plan.target_name.endswith("_seq"))
