"""The databases in a folder, or behind a pattern such as `data/*.db`: what is one, and what is passed over."""

from __future__ import annotations

import glob
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Final

from migration.errors import SourceError, SourceNotFoundError, SourceUnreadableError
from migration.file_name_text import is_text, shown_name
from migration.name_lists import some
from migration.source.integrity_check import SAMPLE_BYTES
from migration.source.regular_file import open_regular
from migration.source.source_path import check_name, readable
from migration.source.unpacking.source_formats import SourceFormat, look

_PACKED_SUFFIXES: Final = frozenset({".gz", ".zst", ".zstd"})
_DATABASE_SUFFIXES: Final = frozenset(
    {".db", ".db3", ".sqlite", ".sqlite3", ".sqlitedb", ".sqlite-db", ".s3db", ".sl3"}
)


@dataclass(frozen=True, slots=True)
class SourceListing:
    """What a folder or pattern stands for: the databases, sorted by name, and the names of what is none."""

    folder: Path
    databases: tuple[Path, ...]
    passed_over: tuple[str, ...]
    others: tuple[str, ...]
    """Dumps and compressed files in a folder, which only a pattern names: they may be copies of what lies there."""
    unnamable: tuple[str, ...] = ()
    """Names, escaped, that are no UTF-8 themselves, or lead to a path that is none."""

    @property
    def sentence(self) -> str:
        """One line on what was passed over; empty where nothing was."""
        parts = [f"{_named(self.passed_over)} (no database)"] if self.passed_over else []
        if self.others:
            parts.append(
                f"{_named(self.others)} (name dumps and compressed files by a pattern, or one by one)"
            )
        if self.unnamable:
            parts.append(f"{_named(self.unnamable)} (no UTF-8 in the name: rename what is a database)")
        return f"Passed over in {self.folder}: {'; '.join(parts)}." if parts else ""


def default_label(location: str) -> str:
    """Return what a source is called unless the user says it: the file's name without what says its format."""
    path = PurePath(location)
    if path.suffix.lower() in _PACKED_SUFFIXES and path.stem:
        path = path.with_name(path.stem)
    return path.stem


def list_sources(path: Path, is_allowed: Callable[[Path], bool] = lambda _: True) -> SourceListing | None:
    """Return what a folder or a pattern stands for; None where the path names one file, there or not.

    Only the last part of a path is read as a pattern, and only if no file has that very name. Folders in it are not
    entered, and hidden files count only where the pattern begins with a dot. A file that is named like a database and
    is none stays in the list, so that whoever reads it says what is wrong with it.

    Args:
        path: an absolute path.
        is_allowed: whether an entry may be read; others are passed over.

    Raises:
        SourceNotFoundError: nothing that is read matches the pattern.
        SourceUnreadableError: the folder holds no database, or cannot be read; or the path is no UTF-8.
    """
    check_name(str(path), {"file": str(path)})
    is_folder = path.is_dir()
    if not is_folder and (path.exists() or not glob.has_magic(path.name) or not path.parent.is_dir()):
        return None
    folder, pattern = (path, "*") if is_folder else (path.parent, path.name)
    with readable({"file": str(path)}):
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    named = [entry for entry in entries if _matches(entry.name, pattern)]
    databases: list[Path] = []
    passed_over: list[str] = []
    others: list[str] = []
    unnamable: list[str] = []
    for entry in named:
        if not _is_namable(entry):
            unnamable.append(shown_name(entry.name))
        elif entry.is_dir():
            passed_over.append(f"{entry.name}/")
        elif not is_allowed(entry) or not entry.is_file():
            passed_over.append(entry.name)
        elif (kind := _kind(entry)) is SourceFormat.DATABASE or (kind is not None and not is_folder):
            databases.append(entry)
        else:
            (passed_over if kind is None else others).append(entry.name)
    listing = SourceListing(folder, tuple(databases), tuple(passed_over), tuple(others), tuple(unnamable))
    if not databases:
        raise _nothing_found(path, listing, is_folder=is_folder)
    return listing


def _nothing_found(path: Path, listing: SourceListing, *, is_folder: bool) -> SourceError:
    says_more = listing.others or listing.unnamable
    remedy = listing.sentence.rstrip(".") if says_more else "Name a file, or the folder of the databases"
    besides = f" beside {_named(listing.unnamable)}, whose name is no UTF-8" if listing.unnamable else ""
    if is_folder:
        return SourceUnreadableError(
            f"This is a directory without a SQLite database{besides}", remedy=remedy, file=str(path)
        )
    return SourceNotFoundError(
        f"No file that is read matches the pattern{besides}", remedy=remedy, file=str(path)
    )


def _is_namable(entry: Path) -> bool:
    try:
        return is_text(entry.name) and is_text(str(entry.resolve()))
    except (OSError, RuntimeError):  # a loop of links
        return True


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (not name.startswith(".") or pattern.startswith("."))


def _kind(file: Path) -> SourceFormat | None:
    try:
        with open_regular(file.resolve()) as opened:
            kind = look(opened.read(SAMPLE_BYTES))
    except (OSError, RuntimeError):
        return SourceFormat.DATABASE  # whoever reads it says why it cannot be read
    if kind is None and file.suffix.lower() in _DATABASE_SUFFIXES:
        return SourceFormat.DATABASE
    return kind


def _named(names: Sequence[str]) -> str:
    return some(names)
