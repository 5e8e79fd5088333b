"""The databases below the server's source root: found within bounds, and looked at without a trace.

A file is opened as immutable: no lock, no journal, no shared memory, nothing that its application could notice. So what
is told of a database in use is what its main file holds; a run freezes it with its WAL and finds all tables.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from migration.file_name_text import is_text, shown_name
from migration.source.database_opening import open_database, snapshot_uri
from migration.source.integrity_check import SAMPLE_BYTES
from migration.source.unpacking.source_formats import SourceFormat, look

MOST_ENTRIES: Final = 20_000
MOST_FOLDERS_DEEP: Final = 8
MOST_SECONDS: Final = 3.0
"""Folders and files that are looked at in all; more would keep whoever fills in a form waiting."""
MOST_TABLES_NAMED: Final = 50
_MOST_UNNAMABLE_TOLD: Final = 5
_STEPS_BETWEEN_LOOKS: Final = 1_000
_SECONDS_FOR_A_FILE: Final = 0.5
_WAL_BYTES: Final = 32
"""A WAL that is no longer than its header holds no page: https://www.sqlite.org/fileformat2.html#walformat"""
_TABLES: Final = (
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_' ORDER BY rowid"
)


@dataclass(frozen=True, slots=True)
class FoundSource:
    """A file that a run can take. `path` starts at the root; sizes are bytes.

    `tables` are the first of their names, `table_count` counts all; None where it takes more than a look to know.
    `has_wal` says that its application has written what is not in the main file yet.
    """

    path: str
    form: SourceFormat
    bytes: int
    modified_at: datetime
    tables: tuple[str, ...] | None
    table_count: int | None
    has_wal: bool


@dataclass(slots=True)
class SourceInventory:
    """What was found; `cut_off` is a sentence on why there may be more, and empty where all was looked at."""

    sources: list[FoundSource] = field(default_factory=list)
    cut_off: str = ""
    unnamable: list[str] = field(default_factory=list)
    """Escaped paths of databases that no request can name, since they are no UTF-8."""

    @property
    def note(self) -> str:
        """Why there may be more, and what cannot be named; empty where neither is."""
        named = self.unnamable[:_MOST_UNNAMABLE_TOLD]
        more = len(self.unnamable) - len(named)
        rest = f" and {more:,} more" if more else ""
        unnamable = f"Left out, because the name is no UTF-8: {', '.join(named)}{rest}." if named else ""
        return " ".join(sentence for sentence in (self.cut_off, unnamable) if sentence)


def take_inventory(root: Path, limit: int, contains: str = "") -> SourceInventory:
    """Return the databases below `root`, by path, whose path contains a text in any case.

    Links are followed to files that lie below the root themselves, and never to folders. Hidden files and folders are
    passed over, and so is what cannot be read.

    Args:
        root: the only folder that is looked at.
        limit: at most so many databases.
        contains: part of the path.
    """
    inventory = SourceInventory()
    deadline = time.monotonic() + MOST_SECONDS
    real_root = root.resolve()
    wanted = contains.casefold()
    for looked_at, path in enumerate(_files_below(real_root)):
        if looked_at >= MOST_ENTRIES or time.monotonic() > deadline:
            inventory.cut_off = "There are too many files below the source root to look at them all."
            break
        shown = path.relative_to(real_root).as_posix()
        if wanted not in shown_name(shown).casefold():
            continue
        found = _look_at(path, shown, real_root)
        if found is None:
            continue
        if not is_text(shown) or not is_text(str(path.resolve())):
            inventory.unnamable.append(shown_name(shown))
            continue
        if len(inventory.sources) == limit:
            inventory.cut_off = f"Only the first {limit:,} databases are listed."
            break
        inventory.sources.append(found)
    return inventory


def _files_below(root: Path) -> Iterator[Path]:
    """Yield folders and files by name, a folder before what is in it: each folder counts, too."""
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        is_deep = len(here.relative_to(root).parts) >= MOST_FOLDERS_DEEP
        folders[:] = [] if is_deep else sorted(name for name in folders if not name.startswith("."))
        yield here
        yield from (here / name for name in sorted(files) if not name.startswith("."))


def _look_at(path: Path, shown: str, real_root: Path) -> FoundSource | None:
    try:
        real = path.resolve(strict=True)
        about = real.stat()
        # Neither a link out of the root nor a pipe, which would never end.
        if not real.is_relative_to(real_root) or not stat.S_ISREG(about.st_mode):
            return None
        with real.open("rb") as opened:
            form = look(opened.read(SAMPLE_BYTES))
        if form is None:
            return None
        has_tables = form is SourceFormat.DATABASE and is_text(str(real))  # SQLite's URIs are UTF-8
        names = _table_names(real) if has_tables else None
        return FoundSource(
            path=shown,
            form=form,
            bytes=about.st_size,
            modified_at=datetime.fromtimestamp(about.st_mtime, UTC),
            tables=names[:MOST_TABLES_NAMED] if names is not None else None,
            table_count=len(names) if names is not None else None,
            has_wal=form is SourceFormat.DATABASE and _has_wal(real),
        )
    except (OSError, RuntimeError, OverflowError, ValueError):
        return None


def _has_wal(path: Path) -> bool:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > _WAL_BYTES
    except OSError:
        return False


def _table_names(path: Path) -> tuple[str, ...] | None:
    """Return the names of a database's tables; None where it is damaged, encrypted or an enemy."""
    deadline = time.monotonic() + _SECONDS_FOR_A_FILE
    try:
        with closing(open_database(snapshot_uri(path))) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS_BETWEEN_LOOKS)
            connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
            return tuple(name for (name,) in connection.execute(_TABLES))
    except (sqlite3.Error, UnicodeDecodeError):
        return None
