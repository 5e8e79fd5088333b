"""A report whose commands name the target as whoever reads it names it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migration.pasted_commands import in_sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from migration.report.report_model import ErrorReport, Report


def with_fitted_commands(report: Report, fit: Callable[[str], str]) -> Report:
    """Return a report in which `fit` has changed every command, those in sentences among them."""
    return replace(
        report,
        error=report.error and in_sentences(report.error, fit),
        error_details=report.error_details and _error(report.error_details, fit),
        resume_command=report.resume_command and fit(report.resume_command),
        next_steps=tuple(replace(step, command=fit(step.command)) for step in report.next_steps),
        recommendations=tuple(
            replace(
                advice,
                detail=in_sentences(advice.detail, fit),
                commands=tuple(fit(line) for line in advice.commands),
            )
            for advice in report.recommendations
        ),
    )


def _error(error: ErrorReport, fit: Callable[[str], str]) -> ErrorReport:
    return replace(
        error,
        message=in_sentences(error.message, fit),
        what=in_sentences(error.what, fit),
        remedy=in_sentences(error.remedy, fit),
        details=in_sentences(error.details, fit),
        next_steps=tuple(replace(step, command=fit(step.command)) for step in error.next_steps),
    )
