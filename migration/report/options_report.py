"""Run options → what a report says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from migration.report.next_commands import safe_url
from migration.report.report_model import OptionsReport, TargetReport

if TYPE_CHECKING:
    from migration.run_options import RunOptions


def options_report(options: RunOptions) -> OptionsReport:
    """Return the options that the report shows."""
    return OptionsReport(
        tables=options.tables,
        exclude=options.exclude,
        identifiers=options.identifiers.value,
        source_timezone=options.source_timezone,
        if_exists=options.if_exists.value,
        on_conflict=options.on_conflict.value,
        drop_dependents=options.drop_dependents,
        data_only=options.data_only,
        fire_triggers=options.fire_triggers,
        ignore_version=options.ignore_version,
        schema_per_source=options.schema_per_source,
        skip_validation=options.skip_validation,
        batch_rows=options.batch_rows,
        chunk_rows=options.chunk_rows,
        workers=options.workers,
        on_orphan=options.on_orphan.value,
        accept=options.accept,
        accepted_by=options.accepted_by,
        ignore=options.ignore,
    )


def target_report(options: RunOptions, schema: str, server_version: str) -> TargetReport:
    """Return where the rows went, by URL without password and by name where the target has one."""
    return TargetReport(safe_url(options.target), schema, server_version, options.target_name or UNSET)
