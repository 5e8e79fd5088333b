"""Findings as reports have them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from migration.finding_kinds import KIND_FACTS, weigh
from migration.model import Finding, FindingKind
from migration.report.report_model import FindingReport
from migration.report.text_formatting import clean_text, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row

    from migration.report.report_model import TableReport


def report_finding(found: Finding | Row[Any], ignored: Sequence[str]) -> FindingReport:
    """Return a finding, or a row of convoy.findings, as it is reported."""
    kind = FindingKind(found.kind)
    return FindingReport(
        kind,
        printable(found.table),
        clean_text(found.message),
        printable(found.column) if found.column is not None else None,
        printable(found.key) if found.key is not None else None,
        found.is_error,
        found.loss,
        clean_text(found.accepted_by) if found.accepted_by else "",
        KIND_FACTS[kind].part,
        weigh(kind, ignored),
        printable(found.source),
    )


def lost_rows(table: TableReport) -> FindingReport:
    """Return the finding that rows of a table are neither loaded nor in quarantine."""
    return FindingReport(
        FindingKind.CONSERVATION,
        table.name,
        f"The source holds {table.rows_source:,} rows; {table.rows_loaded:,} were loaded and"
        f" {table.rows_quarantined:,} quarantined, which is not the same number.",
        source=table.source,
    )
