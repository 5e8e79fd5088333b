"""One table of the report, from its row in the ledger, its plan and its profiles. Pure."""

from __future__ import annotations

import re
from typing import Final

from migration.model import ColumnPlan, Mode, StorageClass
from migration.report.report_model import ColumnReport, TableReport, TransformReport
from migration.report.run_facts import TableFacts
from migration.report.text_formatting import printable
from migration.run_options import RunOptions
from migration.schema_translation.table_selection import leaves_out
from migration.secret_text import without_secrets

# As column_types/type_widening.py puts it.
_WIDENED: Final = re.compile(r"\bwidened to\b|\bstored as\b", re.IGNORECASE)


def build_table(facts: TableFacts, options: RunOptions) -> TableReport:
    """Return a table's part of the report of a run."""
    loads = options.mode is Mode.MIGRATE
    plan = facts.plan
    loaded = facts.rows_loaded if loads else 0
    copied = loads and facts.chunks > 0 and facts.chunks_done == facts.chunks
    schema = plan.target_schema if plan else ""
    target = plan.target_name if plan else ""
    has_key = bool(plan.key) if plan else True
    if facts.declared is not None:
        has_key = has_key or bool(facts.declared.primary_key)
    return TableReport(
        source=printable(facts.source),
        name=printable(facts.name),
        target=printable(f"{schema}.{target}") if plan else "",
        rows_source=facts.rows,
        rows_loaded=loaded,
        rows_quarantined=facts.rows_quarantined,
        rows_target=facts.rows_target,
        bytes=facts.bytes,
        seconds=round(facts.seconds, 3),
        digest_source=facts.digest_source,
        digest_target=facts.digest_target,
        equal=facts.equal,
        columns=tuple(_column(column, facts) for column in plan.columns)
        if plan
        else _declared(facts, options),
        target_schema=printable(schema),
        target_table=printable(target),
        conserved=facts.rows == loaded + facts.rows_quarantined if copied else None,
        has_key=has_key,
        chunks=facts.chunks,
        chunks_done=facts.chunks_done,
        worker_seconds=round(facts.worker_seconds, 3),
        schema_checked=facts.schema_checked,
    )


def _column(column: ColumnPlan, facts: TableFacts) -> ColumnReport:
    profile = facts.profiles.get(column.name)
    changed = facts.transforms.get(column.name, {})
    return ColumnReport(
        name=printable(column.name),
        declared=printable(column.declared_type),
        target_type=column.target_type,
        reason=printable(without_secrets(column.reason)),
        transforms=tuple(TransformReport(name, values) for name, values in changed.items()),
        target=printable(column.target_name),
        widened=bool(_WIDENED.search(column.reason)),
        nulls=profile.count(StorageClass.NULL) if profile else None,
        stored={kind: profile.count(kind) for kind in profile.classes} if profile else {},
    )


def _declared(facts: TableFacts, options: RunOptions) -> tuple[ColumnReport, ...]:
    """Return the columns of a table that is not planned: the run stopped before, or compares and loads nothing."""
    if facts.declared is None:
        return ()
    return tuple(
        ColumnReport(printable(column.name), printable(column.declared_type), "", "")
        for column in facts.declared.columns
        if not leaves_out(options, facts.source, facts.name, column.name)
    )
