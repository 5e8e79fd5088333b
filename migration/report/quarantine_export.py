"""Hands the quarantine of a run out as a file: every value with its exact bytes, and as something to read."""

from __future__ import annotations

import base64
import csv
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from sqlalchemy import Engine

from migration.errors import OutputFileError, UsageError
from migration.ledger.quarantine_records import Quarantined, stream_quarantine
from migration.model import StorageClass
from migration.report.text_formatting import printable

_FIELDS: Final = (
    "source",
    "table",
    "key",
    "column",
    "storage_class",
    "reason",
    "readable",
    "original_bytes",
    "original_hex",
)


def export_quarantine(engine: Engine, run_id: str, path: Path, tables: Sequence[str] = ()) -> int:
    """Write the values that a run keeps in quarantine and return how many there are.

    Args:
        engine: of the ledger.
        run_id: the run's full id.
        path: ``.jsonl`` or ``.ndjson``: one JSON object a line, bytes in base64; ``.csv``: bytes in hexadecimal.
        tables: only those of these tables.

    Raises:
        UsageError: another ending, or the file cannot be written.
    """
    write = _FORMATS.get(path.suffix.lower())
    if write is None:
        raise UsageError(
            "The ending of the file says nothing of its format",
            file=str(path),
            remedy=f"End it in {', '.join(_FORMATS)}",
        )
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with engine.connect() as connection, temporary.open("w", encoding="utf-8", newline="") as file:
            counted = _Counted(stream_quarantine(connection, run_id, tables))
            write(file, counted)
        temporary.replace(path)
    except OSError as error:
        raise OutputFileError(f"The file cannot be written: {error.strerror}", file=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return counted.number


class _Counted:
    def __init__(self, entries: Iterator[Quarantined]) -> None:
        self._entries = entries
        self.number = 0

    def __iter__(self) -> Iterator[Quarantined]:
        for entry in self._entries:
            self.number += 1
            yield entry


def readable(entry: Quarantined) -> str:
    """Return a value as text: numbers as they are, text with escapes for what is none, blobs in hexadecimal."""
    if entry.storage_class is StorageClass.BLOB:
        return f"x'{entry.original.hex()}'"
    return printable(entry.original.decode("utf-8", "backslashreplace"))


def _fields(entry: Quarantined) -> dict[str, Any]:
    return {
        "source": entry.source,
        "table": entry.table,
        "key": entry.key,
        "column": entry.column,
        "storage_class": entry.storage_class.value,
        "reason": entry.reason,
        "readable": readable(entry),
        "original_bytes": entry.original_bytes,
    }


def _write_json_lines(file: IO[str], entries: Iterable[Quarantined]) -> None:
    for entry in entries:
        original = base64.b64encode(entry.original).decode("ascii")
        line = msgspec.json.encode({**_fields(entry), "original_base64": original})
        file.write(line.decode("utf-8") + "\n")


def _write_csv(file: IO[str], entries: Iterable[Quarantined]) -> None:
    writer = csv.DictWriter(file, _FIELDS)
    writer.writeheader()
    for entry in entries:
        key = msgspec.json.encode(entry.key).decode("utf-8")
        writer.writerow({**_fields(entry), "key": key, "original_hex": entry.original.hex()})


_FORMATS: Final[Mapping[str, Callable[[IO[str], Iterable[Quarantined]], None]]] = {
    ".jsonl": _write_json_lines,
    ".ndjson": _write_json_lines,
    ".csv": _write_csv,
}
