"""The program that unpacks or salvages a file, in a confined process: it executes what a stranger may have written."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from migration.convoy_error import ConvoyError
from migration.error_record import error_record
from migration.source.confined_process import allow_seconds
from migration.source.salvage.database_salvage import freeze_damaged
from migration.source.source_budget import SourceBudget
from migration.source.unpacking.given_file import unpack

_NEARLY_BYTES: Final = 1 << 20
"""So near to what a file may be, the next page or piece was too much for it."""


def work(request: dict[str, Any], answer: Callable[[dict[str, Any]], None]) -> None:
    """Make `into` from the file at `path`, and say what came of it in one answer.

    The request has `work` (``unpack`` or ``salvage``), `path`, `into`, `place`, `most_bytes` of a file, and `budget`.
    Answers are ``{"given": ...}``, ``{"damage": [...]}``, or what ended it: ``{"error": record}``, ``{"errno": n}``,
    ``{"beyond": "bytes" | "memory"}``.
    """
    into = Path(request["into"])
    try:
        answer(_done(request, into))
    except MemoryError:
        answer({"beyond": "memory"})
    except Exception as error:
        if _is_too_large(error, into, request["most_bytes"]):
            answer({"beyond": "bytes"})
        elif isinstance(error, ConvoyError):
            answer({"error": error_record(error)})
        elif isinstance(error, OSError) and error.errno is not None:
            answer({"errno": error.errno, "strerror": error.strerror})
        else:
            raise


def _done(request: dict[str, Any], into: Path) -> dict[str, Any]:
    path, place = Path(request["path"]), request["place"]
    if request["work"] == "salvage":
        return {"damage": [asdict(one) for one in freeze_damaged(path, into, place)]}
    budget = SourceBudget(**request["budget"])
    given_bytes = path.stat().st_size
    given = unpack(path, into, place, lambda read: allow_seconds(budget.seconds_for(given_bytes + read)))
    return {"given": asdict(given) if given else None}


def _is_too_large(error: BaseException | None, into: Path, most_bytes: int) -> bool:
    """Whether the kernel let a file grow no more; SQLite calls that an error of the disk, and others wrap it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            return True
        if isinstance(error, sqlite3.Error) and into.exists():
            return into.stat().st_size > most_bytes - _NEARLY_BYTES
        error = error.__cause__
    return False
