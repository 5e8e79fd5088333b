"""What did not come along, with its SQL and a draft of what could stand in its place: not_migrated.sql."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Row

from migration.model import ObjectState, TablePlan, TargetObject
from migration.report import sql_drafts
from migration.report.limit_drafts import draft_of_limited, draft_of_parts
from migration.report.report_model import Report, StubReport
from migration.report.run_facts import Facts
from migration.report.sql_drafts import DraftNames
from migration.report.text_formatting import count, printable
from migration.secret_text import without_secrets
from migration.source_schema import SourceColumn, SourceSchema, TableKind
from migration.source_table_names import TableNames
from migration.target.loading.index_and_constraint_creation import LIMIT_MET
from migration.target.sql_statements import quoted

STUBS_NAME: Final = "not_migrated.sql"
_WITHOUT_STUB: Final = frozenset({"shadow", "sequence", "conflict clause"})
"""A module's own storage is of no use without it; a sequence that was not set says so in its finding, and what a
conflict clause does belongs into INSERTs."""
_TAB_COLUMNS: Final = 4


def build_stubs(facts: Facts) -> tuple[StubReport, ...]:
    """Return a stub for each object that was skipped, and for what became plain: generated columns, virtual tables.

    What was left out on request has none, and neither has a load of rows into tables that stood already.
    """
    if facts.run.options.data_only:
        return ()
    places = {label: _surroundings(facts, label) for label in _labels(facts)}
    planned = {
        (item.kind, owner, item.name): (item, table.plan)
        for table in facts.tables
        if table.plan is not None
        for item in table.plan.objects
        for owner in (item.table, f"{table.plan.target_schema}.{item.table}")
    }
    stubs: list[StubReport | None] = []
    for row in facts.objects:
        became_plain = row.kind == TableKind.VIRTUAL and row.state == ObjectState.CHANGED.value
        if row.kind in _WITHOUT_STUB or not (row.state == ObjectState.SKIPPED.value or became_plain):
            continue
        of_table = planned.get((row.kind, row.owner, row.name))
        if of_table is not None:
            stubs.append(_planned_stub(row, *of_table, facts.run.options.table_names))
        else:
            stubs.append(_source_stub(row, facts.schemas.get(row.owner), places.get(row.owner)))
    return tuple(stub for stub in stubs if stub is not None)


def render_stubs(report: Report) -> str:
    """Return not_migrated.sql. All of it is comments, so that nothing happens to somebody who runs it unread."""
    sources = ", ".join(source.label for source in report.sources)
    lines = [
        f"-- {count(len(report.stubs), 'object')} of {sources} did not come along (run {report.run_id}).",
        "-- Beside each: why, how SQLite has it, and a draft for PostgreSQL. A draft is not tested: edit it, take the",
        "-- marks --: away, and run it with psql.",
    ]
    for stub in report.stubs:
        lines += [
            "",
            f"-- {'-' * 100}",
            f"-- {stub.kind} {stub.name}{f' ({stub.owner})' if stub.owner else ''}",
        ]
        lines += [f"-- why: {line}" for line in stub.reason.splitlines()]
        if stub.source_sql:
            lines += ["-- in SQLite:", *(f"--     {line}" for line in stub.source_sql.splitlines())]
        if stub.draft:
            lines += ["-- draft for PostgreSQL:", *(f"--: {line}" for line in stub.draft.splitlines())]
    return "\n".join(lines) + "\n"


def _labels(facts: Facts) -> list[str]:
    return [row.label for row in facts.sources]


def _surroundings(facts: Facts, label: str) -> DraftNames:
    plans = [table.plan for table in facts.tables if table.plan is not None and table.source == label]
    options = facts.run.options
    schema = label if options.schema_per_source else options.target_schema
    return DraftNames(schema, {plan.name.lower(): plan for plan in plans})


def _planned_stub(row: Row[Any], item: TargetObject, plan: TablePlan, names: TableNames) -> StubReport:
    # Views hang on the first table, and belong to the source.
    owner = plan.source_label if item.kind == "view" else names.table(plan.source_label, item.table)
    draft = draft_of_limited(item, plan, row.reason) or sql_drafts.draft_of_planned(item, plan)
    return _stub(row, owner, item.source_sql, draft)


def _source_stub(row: Row[Any], schema: SourceSchema | None, where: DraftNames | None) -> StubReport | None:
    """Return the stub of something that was left out before anything was planned for the target."""
    if schema is None or where is None:
        return _stub(row, row.owner, "", "")
    if row.kind in _WHOLE:
        sql = next((o.sql or "" for o in schema.objects if (o.kind, o.name) == (row.kind, row.name)), "")
        if row.kind == TableKind.VIRTUAL and not sql:  # its rows came along
            sql = next((t.sql or "" for t in schema.tables if t.name == row.name), "")
        return _stub(row, row.owner, sql, _WHOLE[row.kind](row.name, sql, where) if sql else "")
    if row.kind == "table":
        declared = next((t for t in schema.tables if t.name == row.name), None)
        sql = declared.sql or "" if declared is not None else ""
        plan = where.tables.get(row.name.lower())
        if declared is not None and plan is None and LIMIT_MET in row.reason:
            return _stub(row, row.owner, sql, draft_of_parts(declared))
        draft = plan.create_sql.replace("{schema}", quoted(plan.target_schema)) + ";" if plan else ""
        return _stub(row, row.owner, sql, draft)
    for plan, column in _columns_named(row.name, schema, where):
        return _column_stub(row, plan, column, where)
    sql = next((o.sql or "" for o in schema.objects if (o.kind, o.name) == (row.kind, row.name)), "")
    return _stub(row, row.owner, sql, "")


_WHOLE: Final = {
    "view": sql_drafts.draft_of_view,
    "trigger": sql_drafts.draft_of_trigger,
    "virtual": sql_drafts.draft_of_virtual,
}


def _columns_named(
    label: str, schema: SourceSchema, where: DraftNames
) -> Iterator[tuple[TablePlan, SourceColumn]]:
    """Yield the column that `table.column` means; both names may hold dots."""
    for table in schema.tables:
        plan = where.tables.get(table.name.lower())
        for column in table.columns:
            if plan is not None and f"{table.name}.{column.name}" == label:
                yield plan, column


def _column_stub(
    row: Row[Any], plan: TablePlan, column: SourceColumn, where: DraftNames
) -> StubReport | None:
    decided = next((c for c in plan.columns if c.name == column.name), None)
    if decided is None:
        return None
    name, table = quoted(decided.target_name), quoted(plan.target_schema, plan.target_name)
    if row.kind == "default":
        sql = column.default_sql or ""
        return _stub(row, row.owner, f"DEFAULT {sql}", sql_drafts.draft_of_default(name, table, sql))
    if row.kind == "generated column":
        sql = column.generated_sql or ""
        draft = sql_drafts.draft_of_generated(name, table, decided.target_type, sql)
        kept = column.generated.value.upper()
        return _stub(row, row.owner, f"GENERATED ALWAYS AS ({sql}) {kept}", draft)
    if row.kind == "collation":
        draft = sql_drafts.draft_of_collation(
            name, table, decided.target_type, column.collation, where.schema
        )
        return _stub(row, row.owner, f"COLLATE {column.collation}", draft)
    return _stub(row, row.owner, "", "")


def _stub(row: Row[Any], owner: str, source_sql: str, draft: str) -> StubReport:
    return StubReport(
        kind=printable(row.kind),
        name=printable(row.name),
        owner=printable(owner),
        reason=_safe(row.reason),
        source_sql=_safe(source_sql),
        draft=_safe(draft),
    )


def _safe(text: str) -> str:
    """Return text line by line without anything that a terminal or an editor would act on."""
    lines = without_secrets(text).expandtabs(_TAB_COLUMNS).splitlines()
    return "\n".join(printable(line.rstrip()) for line in lines)
