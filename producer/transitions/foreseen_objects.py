"""Keys and indexes that a dry-run has tried to build on the rows, and that the server refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import select

from migration.ledger.ledger_tables import steps
from migration.ledger.run_results import save_objects
from migration.ledger.table_records import planned
from migration.model import ObjectResult, ObjectState, Phase
from migration.schema_translation.table_ddl import qualified
from migration.steps.run_schema_names import told_apart
from migration.steps.trial_load import REFUSED_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.table_records import TableRecord
    from migration.model import TablePlan, TargetObject

_COLUMNS = re.compile(r"\(((?:\"(?:[^\"]|\"\")*\"(?:, )?)+)\)")
_NAME = re.compile(r"\"(?:[^\"]|\"\")*\"")


def save_refused_objects(connection: Connection, run: RunRecord, tables: list[TableRecord]) -> None:
    """Correct what the dry-run has said of empty tables: these objects are refused, and foreign keys that need them."""
    results = connection.execute(
        select(steps.c.table_id, steps.c.result)
        .where(
            steps.c.run_id == run.id,
            steps.c.phase == Phase.COPYING.value,
            steps.c.result.has_key(REFUSED_OBJECTS),
        )
        .order_by(steps.c.id)
    )
    reasons = {
        (table_id, kind, name): reason
        for table_id, result in results
        for kind, name, reason in result[REFUSED_OBJECTS]
    }
    plans = {table.id: planned(table) for table in tables}
    found = [
        told_apart(
            run, plans[table_id].target_schema, ObjectResult(kind, name, ObjectState.SKIPPED, reason, owner)
        )
        for (table_id, kind, name), reason in reasons.items()
        for owner in [plans[table_id].target_name]
    ]
    for table_id, kind, name in reasons:
        plan = plans[table_id]
        key = next(item for item in plan.objects if (item.kind, item.name) == (kind, name))
        for item in _referring(list(plans.values()), plan, key):
            reason = f"it needs the {kind} {name} of {plan.target_name}, which is left out"
            line = ObjectResult(item.kind, item.name, ObjectState.SKIPPED, reason, item.table)
            found.append(told_apart(run, plan.target_schema, line))
    save_objects(connection, run.id, found)


def _referring(plans: list[TablePlan], parent: TablePlan, key: TargetObject) -> Iterator[TargetObject]:
    """Yield the foreign keys that refer to the columns of a unique key."""
    columns = _COLUMNS.search(key.sql)
    if columns is None or key.kind not in {"unique constraint", "primary key"}:
        return
    start = f" REFERENCES {qualified(parent.target_name)} ("
    for plan in plans:
        for item in plan.objects:
            _, found, rest = item.sql.partition(start)
            if item.kind != "foreign key" or not found or plan.target_schema != parent.target_schema:
                continue
            theirs = _COLUMNS.match(f"({rest}")
            if theirs and set(_NAME.findall(theirs[1])) == set(_NAME.findall(columns[1])):
                yield item
