"""Errors as plain data: what the ledger, report.json, `--json` and the API say of one, and back again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from migration import (
    access_errors,
    application_errors,
    cutover_errors,
    errors,
    evidence_errors,
    folder_errors,
    full_disk_errors,
    source_form_errors,
    target_name_errors,
    version_errors,
)
from migration.convoy_error import ConvoyError, NextStep, Place
from migration.exit_status import ExitStatus

_FAMILIES: Final = (
    errors,
    evidence_errors,
    full_disk_errors,
    cutover_errors,
    source_form_errors,
    application_errors,
    access_errors,
    folder_errors,
    target_name_errors,
    version_errors,
)
"""Modules of errors; a class is known once its module is imported."""


def error_classes() -> tuple[type[ConvoyError], ...]:
    """Return every class of error, bases first."""
    found = [ConvoyError]
    for kind in found:
        found += kind.__subclasses__()
    return tuple(found)


def error_record(error: ConvoyError, clean: Callable[[str], str] = str) -> dict[str, Any]:
    """Return an error as data of JSON.

    Args:
        error: any.
        clean: what every text passes through, such as the removal of passwords.

    Returns:
        `code`, `message` (the whole sentence), `what`, `remedy`, `details`, `exit_status`, `next_steps` (a list of
        `purpose` and `command`), and beside them each field of `Place` that is known.
    """
    place = {name: clean(value) if isinstance(value, str) else value for name, value in error.place.items()}
    return {
        "code": error.code,
        "message": clean(str(error)),
        "what": clean(error.what),
        "remedy": clean(error.remedy),
        "details": clean(error.details),
        **place,
        "next_steps": [
            {"purpose": clean(step.purpose), "command": clean(step.command)} for step in error.next_steps
        ],
        "exit_status": int(error.exit_status),
    }


def error_from_record(record: Mapping[str, Any]) -> ConvoyError:
    """Return the error that `error_record` described; a code that this version does not know is a failed run."""
    kinds = {kind.code: kind for kind in error_classes()}
    error = kinds.get(record["code"], errors.RunFailedError)(
        record["what"],
        remedy=record["remedy"],
        details=record["details"],
        next_steps=tuple(NextStep(**step) for step in record["next_steps"]),
        **place_in(record),
    )
    if "exit_status" in record:  # which may have been another than that of its class
        error.exit_status = ExitStatus(record["exit_status"])
    return error


def place_in(record: Mapping[str, Any]) -> Place:
    """Return the fields of a record that say where the error happened."""
    return cast(Place, {name: record[name] for name in Place.__annotations__ if name in record})  # noqa: TC006
