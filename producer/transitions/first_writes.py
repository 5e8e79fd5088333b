"""What the application's first writes into the tables of a run will meet: asked before a hold, and at the cutover."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from migration.ledger.ledger_tables import findings
from migration.ledger.run_results import add_findings
from migration.ledger.table_records import planned, read_sources, read_tables
from migration.model import FindingKind
from migration.steps.run_schema_names import staging_schema
from migration.target.cutover.first_write_check import FirstWrite, try_first_writes
from producer.transitions.staged_proof import let_writers_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.ledger.table_records import TableRecord
    from migration.model import TablePlan
    from migration.source_schema import SourceTable


def add_first_writes(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> None:
    """Write a finding for each table that stands and refuses what its application writes first."""
    told = {
        (row.source, row.table, row.column)
        for row in connection.execute(
            select(findings.c.source, findings.c.table, findings.c.column).where(
                findings.c.run_id == run.id, findings.c.kind == FindingKind.FIRST_WRITE_FAILS.value
            )
        )
    }
    found = try_first_writes(connection, _first_writes(connection, run, tables))
    new = [one for one in found if (one.source, one.table, one.column) not in told]
    add_findings(connection, run.id, new)


def foresee_first_writes(connection: Connection, run: RunRecord) -> None:
    """Write these findings while the tables are staged, for whoever decides on the cutover.

    An application's own tables are not asked: they hold none of the rows yet.
    """
    if run.options.data_only:
        return
    tables = read_tables(connection, run.id)
    trial = connection.begin_nested()
    let_writers_in(connection, run, tables)
    staged = [
        replace(write, schema=staging_schema(run, write.schema))
        for write in _first_writes(connection, run, tables)
    ]
    found = try_first_writes(connection, staged)
    trial.rollback()
    add_findings(connection, run.id, found)


def _first_writes(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> list[FirstWrite]:
    """Return what the first INSERT of an application into each table leaves to the database."""
    declared = {
        (source.label, table.name): table
        for source in read_sources(connection, run.id)
        for table in source.schema.tables
    }
    writes = [_first_write(plan, declared[plan.source_label, plan.name]) for plan in map(planned, tables)]
    if run.options.data_only:  # what its own tables fill by themselves, the application has decided
        return [replace(write, numbered=frozenset(), defaulted=frozenset()) for write in writes]
    return writes


def _first_write(plan: TablePlan, table: SourceTable) -> FirstWrite:
    names = {column.name: column.target_name for column in plan.copied_columns}
    defaults = [c.name for c in table.columns if c.default_sql and c.default_sql.upper() != "NULL"]
    return FirstWrite(
        plan.name,
        plan.target_schema,
        plan.target_name,
        numbered=frozenset(names[name] for name in (table.rowid_alias,) if name in names),
        defaulted=frozenset(names[name] for name in defaults if name in names),
        source_label=plan.source_label,
    )
