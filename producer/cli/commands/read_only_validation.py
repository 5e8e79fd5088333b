"""Validation by a role that may only read: in this process, and nothing is written to the target, no ledger either."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import uuid6
from sqlalchemy import text

from migration.mapping_file.loss_signatures import check_signatures
from migration.model import Finding, FindingKind
from migration.owned_folders import owned_folder
from migration.report.report_builder import assemble_without_ledger
from migration.report.report_model import ColumnReport, SourceReport, TableReport
from migration.report.text_formatting import printable
from migration.schema_translation.table_selection import check_names
from migration.secret_text import without_secrets
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.source.source_budget import SourceBudget
from migration.source_table_names import errors_of_source
from migration.target.target_connection import make_engine, redact
from migration.validation.database_comparison import validate_database
from migration.writable_folders import setting_of_folder, writable_folder
from producer.cli.output.report_output import put_out
from producer.cli.target_options import reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.run_options import RunOptions
    from migration.settings import Settings
    from migration.source.snapshots.snapshot_creation import Snapshot
    from migration.source_schema import SourceSchema
    from migration.source_table_names import TableNames
    from migration.validation.database_comparison import TableValidation, ValidationResult
    from producer.cli.command_options import Output
    from producer.cli.target_options import Target


def validate_reading_only(options: RunOptions, target: Target, settings: Settings, output: Output) -> int:
    """Compare every source with the target, write and print the report, and return the exit status.

    Raises:
        SourceError: a source cannot be read.
        TargetError: the target cannot be read.
        UsageError: a table is named that is not there.
        ReportNotWrittenError: the folder of the report cannot be written to.
    """
    began = datetime.now(UTC)
    folder = writable_folder(
        settings.snapshot_dir, holds="snapshots", setting=setting_of_folder(settings, "snapshot_dir")
    )
    tables: list[TableReport] = []
    findings: list[Finding] = []
    sources: list[SourceReport] = []
    budget = SourceBudget.of(settings)
    # No run will need these snapshots.
    with reach(target, settings) as url, owned_folder(folder, ".validating-") as private:
        snapshots = {
            s.label: take_snapshot(s, private, salvage=options.salvage, budget=budget)
            for s in options.sources
        }
        schemas = {label: read_schema(snapshot.path) for label, snapshot in snapshots.items()}
        check_names(list(schemas.items()), options)
        check_signatures(list(schemas.items()), options)
        for source in options.sources:
            snapshot = snapshots[source.label]
            location = printable(without_secrets(source.location))
            of = snapshot.given or snapshot
            sources.append(SourceReport(printable(source.label), location, of.sha256, of.bytes))
            findings += _damage(source.label, snapshot, options.table_names)
            others = [
                name for label, schema in schemas.items() if label != source.label for name in schema.names
            ]
            with errors_of_source(options.table_names.label(source.label)):
                result = validate_database(
                    snapshot.path, source.label, url, options, expected=others, budget=budget
                )
            findings += result.findings
            tables += _tables(result, schemas[source.label])
        version = _server_version(url)
        shown_url = "" if target.is_embedded else redact(target.url)
        shown = replace(options, target=shown_url, target_name=target.name)
    run_id = str(uuid6.uuid7())
    report = assemble_without_ledger(
        run_id, shown, sources, tables, findings, began, datetime.now(UTC), version
    )
    put_out(report, output.report or settings.report_dir / run_id, settings, as_json=output.as_json)
    return report.exit_status


def _damage(label: str, snapshot: Snapshot, names: TableNames) -> list[Finding]:
    for damage in snapshot.damage:
        click.echo(
            f"  ! {printable(names.table(label, damage.table))}: {printable(damage.message)}", err=True
        )
    return [
        Finding(
            FindingKind.DAMAGED_RANGE, d.table, f"source {label}: {d.message}", None, d.key, is_error=False
        ).of(label)
        for d in snapshot.damage
    ]


def _server_version(url: str) -> str:
    engine = make_engine(url, "convoy validate")
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("SHOW server_version")).scalar_one())
    finally:
        engine.dispose()


def _tables(result: ValidationResult, schema: SourceSchema) -> Sequence[TableReport]:
    declared = {table.name: table for table in schema.tables}
    return [
        _table(table, result, [(c.name, c.declared_type) for c in declared[table.name].columns])
        for table in result.tables
    ]


def _table(
    table: TableValidation, result: ValidationResult, columns: Sequence[tuple[str, str]]
) -> TableReport:
    target = table.target_name or ""
    return TableReport(
        source=printable(result.source_label),
        name=printable(table.name),
        target=printable(f"{table.target_schema}.{target}") if target else "",
        rows_source=table.rows_source,
        rows_loaded=0,
        rows_quarantined=0,
        rows_target=table.rows_target,
        bytes=0,
        seconds=round(table.seconds, 3),
        digest_source=table.digest_source.checksum if table.digest_source else None,
        digest_target=table.digest_target.checksum if table.digest_target else None,
        equal=table.equal,
        columns=tuple(ColumnReport(printable(name), printable(kind), "", "") for name, kind in columns),
        target_schema=printable(table.target_schema),
        target_table=printable(target),
        schema_checked=result.schema_checked.get(table.name),
    )
