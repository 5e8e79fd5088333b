"""Unpacking and salvaging in a process of its own, and what its end means.

A dump is SQL, and rebuilding a database runs the expressions of its indexes: both let a stranger compute. The process
has a bound for time, memory and the size of a file.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

from migration.error_record import error_from_record
from migration.source.confined_process import Confinement, confined_process
from migration.source.salvage.database_salvage import Damage
from migration.source.unpacking.given_file import GivenFile, format_of
from migration.source.unpacking.source_formats import SourceFormat
from migration.source_form_errors import SourceProcessError, SourceTooLargeError, SourceTooSlowError

if TYPE_CHECKING:
    from pathlib import Path

    from migration.convoy_error import Place
    from migration.source.source_budget import SourceBudget

_PROGRAM: Final = "migration.source.snapshots.source_work_program:work"
_Work = Literal["unpack", "salvage"]
_DOING: Final = {"unpack": "Unpacking or loading the file", "salvage": "Salvaging the database"}
_YOURS: Final = "Where the file is yours, allow more with"


def unpack_apart(path: Path, into: Path, place: Place, budget: SourceBudget) -> GivenFile | None:
    """Make `into` from a dump or a compressed file; None, and nothing is made, where the file is a database itself.

    Raises:
        SourceTooLargeError, SourceTooSlowError: it asks for more than the budget.
        SourceProcessError: the process has died of it.
        ConvoyError, OSError: as `unpack`.
    """
    if format_of(path, place) is SourceFormat.DATABASE:
        return None
    given = _run("unpack", path, into, place, budget)["given"]
    return GivenFile(**given) if given else None


def salvage_apart(path: Path, into: Path, place: Place, budget: SourceBudget) -> tuple[Damage, ...]:
    """Make `into` a sound database with all that can be read of a file; return what is lost.

    Raises:
        SourceTooLargeError, SourceTooSlowError: it asks for more than the budget.
        SourceProcessError: the process has died of it.
        ConvoyError, OSError: as `freeze_damaged`.
    """
    return tuple(Damage(**one) for one in _run("salvage", path, into, place, budget)["damage"])


def _run(work: _Work, path: Path, into: Path, place: Place, budget: SourceBudget) -> dict[str, Any]:
    file_bytes = path.stat().st_size
    most_bytes = budget.unpacked_for(file_bytes)
    request = {
        "work": work,
        "path": str(path),
        "into": str(into),
        "place": place,
        "most_bytes": most_bytes,
        "budget": asdict(budget),
    }
    confinement = Confinement(budget.seconds_for(file_bytes), budget.memory_bytes, most_bytes)
    with confined_process(_PROGRAM, request, confinement) as process:
        for answer in process:
            if "error" in answer:
                raise error_from_record(answer["error"])
            if "errno" in answer:
                raise OSError(answer["errno"], answer["strerror"] or os.strerror(answer["errno"]))
            if "beyond" in answer:
                raise _beyond(work, answer["beyond"], file_bytes, most_bytes, budget, place)
            return answer
        end = process.end()
    if end.is_out_of_time:
        raise SourceTooSlowError(
            f"{_DOING[work]} takes longer than it may ({budget.seconds:,} s, and one more for each MiB)",
            remedy=f"{_YOURS} MIGRATION_SOURCE_SECONDS",
            **place,
        )
    raise SourceProcessError(
        f"{_DOING[work]} ended the process that did it, {end.why}",
        remedy="Report this as a bug, with the file if it may be shown",
        details=end.said,
        **place,
    )


def _beyond(
    work: _Work, what: str, file_bytes: int, most_bytes: int, budget: SourceBudget, place: Place
) -> SourceTooLargeError:
    if what == "memory":
        return SourceTooLargeError(
            f"{_DOING[work]} takes more than {budget.memory_bytes:,} bytes of memory",
            remedy=f"{_YOURS} MIGRATION_SOURCE_MEMORY_BYTES",
            **place,
        )
    return SourceTooLargeError(
        f"The file of {file_bytes:,} bytes becomes a database of more than {most_bytes:,} bytes",
        remedy=f"{_YOURS} MIGRATION_SOURCE_UNPACKED_BYTES",
        **place,
    )
