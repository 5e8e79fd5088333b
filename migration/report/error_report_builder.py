"""The error of a failed run as data: what the ledger kept of it, and the command that would get around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from migration.convoy_error import NextStep
from migration.cutover_errors import ObjectsInTheWayError
from migration.error_record import place_in
from migration.errors import (
    DiskError,
    RejectedValueError,
    SourceCorruptError,
    TargetOccupiedError,
)
from migration.full_disk_errors import DiskFullError
from migration.ledger.run_records import RunRecord
from migration.model import IfExists, OnError
from migration.report import next_commands
from migration.report.report_model import ErrorReport
from migration.report.run_facts import Facts
from migration.report.text_formatting import clean_text
from migration.run_options import RunOptions

# Remedies that name a flag: the command with it is known only here, where the run's options are.
_AROUND: Final[Mapping[str, tuple[str, Callable[[RunOptions], RunOptions]]]] = {
    TargetOccupiedError.code: (
        "Replace what stands there; it is kept for rollback",
        lambda options: replace(options, if_exists=IfExists.REPLACE),
    ),
    SourceCorruptError.code: (
        "Take what can still be read, and list the rest",
        lambda options: replace(options, salvage=True),
    ),
    RejectedValueError.code: (
        "Keep such rows apart, and migrate the others",
        lambda options: replace(options, on_error=OnError.QUARANTINE),
    ),
}

_DROPPED: Final = re.compile(r"--drop-dependents ([a-z_,]+)")


def report_error(facts: Facts) -> ErrorReport | None:
    """Return the error of a failed run; None where the ledger holds nothing but its text."""
    record = facts.failure.get("error_details")
    if record is None:
        return None
    place: dict[str, Any] = {
        name: clean_text(value) if isinstance(value, str) else value
        for name, value in place_in(record).items()
    }
    steps = tuple(
        NextStep(clean_text(step["purpose"]), clean_text(step["command"])) for step in record["next_steps"]
    )
    return ErrorReport(
        code=record["code"],
        message=clean_text(record["message"]),
        what=clean_text(record["what"]),
        remedy=clean_text(record["remedy"]),
        details=clean_text(record["details"]),
        exit_status=record["exit_status"],
        next_steps=(*steps, *_ways_around(record["code"], facts.run, record["remedy"])),
        **{"run": facts.run.id, **place},
    )


def _ways_around(code: str, run: RunRecord, remedy: str) -> tuple[NextStep, ...]:
    asked = _DROPPED.search(remedy)
    if code == ObjectsInTheWayError.code and asked is not None:
        changed = replace(run.options, drop_dependents=tuple(asked[1].split(",")))
        purpose = "Let these stay behind with the replaced tables; a rollback brings them back"
        return (NextStep(purpose, next_commands.repeat(changed, changed.mode)),)
    if code in (DiskError.code, DiskFullError.code):
        return (NextStep("Go on, once the disk takes it", next_commands.resume(run.id)),)
    if code not in _AROUND:
        return ()
    purpose, change = _AROUND[code]
    changed = change(run.options)
    return () if changed == run.options else (NextStep(purpose, next_commands.repeat(changed, changed.mode)),)
