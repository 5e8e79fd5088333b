"""Who is in the way of a cutover, where its own transaction could not ask any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.cutover_errors import CutoverBlockedError
from migration.ledger.table_records import read_tables
from migration.target.cutover.lock_acquisition import EXCLUSIVE
from migration.target.cutover.occupied_names import view_names
from migration.target.pg_catalog.lock_holders import lock_holders, name_holders, open_writers, ways_to_end
from migration.target.pg_catalog.schema_relations import relations_named

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord


def name_blockers(
    connection: Connection, run: RunRecord, blocked: CutoverBlockedError
) -> CutoverBlockedError:
    """Return the error with the names of who holds locks on what bears the names of the run's tables and views.

    Where nobody does, the lock is of something else (a right, a sequence): whoever has changed something is named.
    """
    if blocked.next_steps:
        return blocked
    plans = [table.plan for table in read_tables(connection, run.id) if table.plan is not None]
    oids = [
        relation.oid
        for schema in sorted({plan.target_schema for plan in plans})
        for inside in [[plan for plan in plans if plan.target_schema == schema]]
        for relation in relations_named(
            connection, schema, [*(plan.target_name for plan in inside), *view_names(inside)]
        )
    ]
    holders = lock_holders(connection, oids, EXCLUSIVE) or open_writers(connection)
    if not holders:
        return blocked
    return CutoverBlockedError(
        f"Another session holds a lock that is needed: {name_holders(holders)}",
        next_steps=ways_to_end(holders),
        **blocked.place,
    )
