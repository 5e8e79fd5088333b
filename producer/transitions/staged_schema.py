"""Before the cutover: what stands in staging beside what was planned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from migration.errors import PermanentError
from migration.finding_kinds import FindingKind
from migration.ledger.ledger_tables import objects
from migration.ledger.table_records import planned, read_tables
from migration.model import Finding, ObjectState
from migration.steps.run_schema_names import of_sources, owner_name, staging_schema, target_schemas
from migration.validation.schema.schema_verdict import compare_as_planned

if TYPE_CHECKING:
    from migration.ledger.run_records import RunRecord
    from producer.transitions.transition_context import TransitionContext


@dataclass(slots=True)
class StagedSchema:
    """Findings, and how much of the schema of each table (by its id in the ledger) was compared."""

    findings: list[Finding] = field(default_factory=list)
    checked: dict[int, int] = field(default_factory=dict)


def compare_staged(context: TransitionContext, run: RunRecord) -> StagedSchema:
    """Compare the staged tables with the plan; of tables that an application has made, the schema is its own affair.

    What could not be built as planned has been reported when it was built, and is not reported again. Whatever keeps
    the comparison from being made is advice, and said in the first line: what could not be built is a finding already.
    """
    result = StagedSchema()
    if run.options.data_only:
        return result
    with context.engine.connect() as connection:
        tables = read_tables(connection, run.id)
        states = connection.execute(
            select(objects.c.owner, objects.c.name, objects.c.state).where(objects.c.run_id == run.id)
        ).all()
        connection.rollback()
        for schema in target_schemas([planned(table) for table in tables]):
            inside = [table for table in tables if planned(table).target_schema == schema]
            plans = [planned(table) for table in inside]
            planned_so = {i.name for plan in plans for i in plan.objects if i.state is ObjectState.CHANGED}
            # Objects of one name may stand in several schemas.
            owners = {owner_name(run, schema, plan.target_name) for plan in plans}
            owners |= {plan.source_label for plan in plans}
            not_built = {
                name
                for owner, name, state in states
                if owner in owners
                and (
                    state == ObjectState.SKIPPED.value
                    or (state == ObjectState.CHANGED.value and name not in planned_so)
                )
            }
            try:
                compared = compare_as_planned(
                    connection, staging_schema(run, schema), plans, not_built, run.options.source_timezone
                )
            except PermanentError as error:
                message = f"The schema was not compared: {error.what}"
                found = Finding(FindingKind.SCHEMA_ONLY_BUILT, "", message, is_error=False)
                result.findings += of_sources(plans, schema, [found])
                continue
            result.findings += compared.findings
            for table, plan in zip(inside, plans, strict=True):
                if plan.target_name in compared.checked:
                    result.checked[table.id] = compared.checked[plan.target_name]
    return result
