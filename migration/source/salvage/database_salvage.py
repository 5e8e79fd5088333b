"""Rebuild a damaged database from what can still be read of it, and say what cannot.

Each table is read in runs around the damage (`scan`) and copied by SQLite itself into a clean file, into a twin of the
table without types and constraints: every value stays as it is stored, and no constraint that damage has broken keeps
a row out. Then the twin gets the table's own definition, and indexes are built anew.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.convoy_error import Place
from migration.errors import SourceCorruptError
from migration.source.database_copy import copy_database
from migration.source.database_opening import open_database, snapshot_uri
from migration.source.integrity_check import HEADER_BYTES, SAMPLE_BYTES, check_database, read_header
from migration.source.salvage.btree_pages import leaf_bounds
from migration.source.salvage.database_rebuild import CleanDatabase, Entry, Twin
from migration.source.salvage.header_repair import page_bytes, repair_header
from migration.source.salvage.orphaned_pages import FreePages, find_orphaned_pages, read_free_pages
from migration.source.salvage.readable_row_scan import UNREADABLE, Gap, scan_rowids
from migration.source.snapshot_connection import register_collations
from migration.source.sqlite_syntax import quote_name
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_MOST_READ: Final = 1_990  # columns of a result; SQLite allows 2,000
_SMALLEST_ROWID: Final = -(2**63)
_ENCODINGS: Final = {1: "UTF-8", 2: "UTF-16le", 3: "UTF-16be"}
_LOST: Final = "lost_and_found"
"""What SQLite's own shell calls the table of rows whose table is not known any more."""
_LEAST_ROW_BYTES: Final = 4  # a cell and its pointer: a file has no more rows than a quarter of its bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is lost, or may be. `table` is empty where it concerns the whole file."""

    table: str
    message: str
    key: str | None = None
    """The rows, such as ``rowids 101 to 157``."""
    is_table_lost: bool = False


def freeze_damaged(source: Path, copy: Path, place: Place) -> tuple[Damage, ...]:
    """Make `copy` a sound database with all that can be read of `source`; return what is lost.

    Raises:
        NotADatabaseError: no SQLite header: another kind of file, or encrypted.
        SourceCorruptError: nothing can be read.
        SourceUnreadableError, OSError: see `database_copy.copy_database`.
    """
    damage: tuple[Damage, ...] = ()
    try:
        copy_database(source, copy, place)
    except SourceCorruptError as error:
        # The file alone, without the log or journal that cannot be applied to it.
        shutil.copyfile(source, copy)
        for suffix in ("-wal", "-shm", "-journal"):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)
        with copy.open("rb") as file:
            read_header(file.read(SAMPLE_BYTES), copy.stat().st_size, place)
        damage = (Damage("", f"{error.what}: what was written last may be missing"),)
    try:
        check_database(copy, place)
    except SourceCorruptError as error:
        free = read_free_pages(copy)
        repair_header(copy)
        clean = copy.with_name("clean.db")
        lost = salvage_database(copy, clean, place, free)
        clean.replace(copy)
        return (*damage, Damage("", f"SQLite's own check: {error.what}"), *lost)
    return damage


def salvage_database(damaged: Path, clean: Path, place: Place, free: FreePages) -> tuple[Damage, ...]:
    """Write all that can be read of `damaged` into the new database `clean`; return what is lost.

    Args:
        damaged: a private copy whose header is in order (`repair_header`), without log or journal.
        clean: where the new database goes.
        place: what the user calls the source.
        free: the list of free pages, as it was before the header was repaired.

    Raises:
        SourceCorruptError: no table and no row can be read at all.
    """
    try:
        with closing(_open_damaged(damaged)) as source:
            return _Salvage(source, damaged, clean, free).run()
    except UNREADABLE as error:
        raise SourceCorruptError(
            f"Nothing of the database can be read: {error}", remedy="Restore a backup", **place
        ) from error


def _open_damaged(path: Path) -> sqlite3.Connection:
    connection = open_database(snapshot_uri(path), attached=1, edits_schema=True)
    connection.text_factory = bytes  # whatever it is, it is read without being understood
    connection.execute("PRAGMA writable_schema = ON")  # entries that make no sense do not hide the others
    with suppress(*UNREADABLE):
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return connection


class _Salvage:
    def __init__(self, source: sqlite3.Connection, damaged: Path, clean: Path, free: FreePages) -> None:
        self._source = source
        self._free = free
        self._path = damaged
        self._clean = clean
        self._damage: list[Damage] = []
        with damaged.open("rb") as file:
            header = file.read(HEADER_BYTES)
        self._page_bytes = page_bytes(header)
        self._encoding = _ENCODINGS[header[59]]
        self._most_rows = damaged.stat().st_size // _LEAST_ROW_BYTES

    def run(self) -> tuple[Damage, ...]:
        entries = self._entries()
        clean = CleanDatabase(self._clean, self._encoding, self._page_bytes)
        tables = [entry for entry in entries if entry.is_table]
        for entry in tables:
            reason = clean.add_table(entry)
            if reason:
                message = f"its definition cannot be read: {reason}"
                self._damage.append(Damage(entry.name, message, is_table_lost=True))
        if clean.twins:
            self._copy_tables(clean, entries)
        found = self._bring_lost(clean, entries)
        if self._damage and not clean.twins and not found:
            raise sqlite3.DatabaseError(self._damage[0].message)
        for name, reason in clean.finish(entries):
            self._damage.append(Damage("", f"{name} could not be built anew: {reason}"))
        return tuple(self._damage)

    def _copy_tables(self, clean: CleanDatabase, entries: Sequence[Entry]) -> None:
        self._source.text_factory = str
        register_collations(self._source, [entry.sql for entry in entries if entry.sql])
        self._source.text_factory = bytes
        clean.plain()
        self._source.execute("ATTACH ? AS clean", (clean.uri,))
        self._source.execute("PRAGMA clean.journal_mode = MEMORY")
        self._source.execute("PRAGMA clean.synchronous = OFF")
        for twin in clean.twins:
            self._copy(twin)
        self._copy_sequences(clean)
        self._source.execute("DETACH clean")

    def _bring_lost(self, clean: CleanDatabase, entries: Sequence[Entry]) -> int:
        """Bring the rows of pages that no table leads to; return how many there are."""
        named = {twin.name for twin in clean.twins}
        roots = [
            entry.root for entry in entries if entry.root and (not entry.is_table or entry.name in named)
        ]
        pages = find_orphaned_pages(self._path, roots, self._free)
        if not pages.roots:
            return 0
        name, number = _LOST, 0
        while name in {folded(entry.name) for entry in entries}:
            name, number = f"{_LOST}_{number}", number + 1
        rows = clean.add_lost(name, pages.rows())
        found = f"{rows:,} rows on them are in the table {name}" if rows else "no row on them can be read"
        message = f"{len(pages.roots):,} pages belong to no table that can be named: {found}"
        if not self._free.is_whole:
            message += "; the list of free pages is damaged, so deleted rows may be among them"
        self._lose(name if rows else "", message, str(pages))
        return rows

    def _entries(self) -> list[Entry]:
        """Read sqlite_schema around damage of its own."""

        def read(start: int | None, limit: int) -> Iterator[int]:
            columns = "type, name, tbl_name, rootpage, sql"
            rows = self._source.execute(
                f"SELECT rowid, {columns} FROM sqlite_schema WHERE rowid >= ? ORDER BY rowid LIMIT ?",
                (_SMALLEST_ROWID if start is None else start, limit),
            )
            with closing(rows):
                for rowid, *values in rows:
                    entry = Entry.read(values)
                    if entry is not None:
                        found[rowid] = entry
                    yield rowid

        found: dict[int, Entry] = {}
        runs, gaps = scan_rowids(
            read,
            lambda start: self._find("sqlite_schema", "rowid", start),
            leaf_bounds(self._path, 1, self._page_bytes),
        )
        if not runs and gaps:
            self._damage.append(Damage("", "its list of tables is destroyed"))
        elif gaps:
            self._damage.append(
                Damage("", "a part of the list of tables is destroyed: tables may be missing without a name")
            )
        return [entry for _, entry in sorted(found.items())]

    def _copy(self, twin: Twin) -> None:
        try:
            if twin.rowid_name is not None:
                self._copy_by_rowid(twin, twin.rowid_name)
            else:
                self._copy_in_order(twin)
        except UNREADABLE as error:
            self._lose(twin.name, f"its rows cannot be read: {error}")

    def _copy_by_rowid(self, twin: Twin, rowid_name: str) -> None:
        name, rowid = quote_name(twin.name), quote_name(rowid_name)
        columns = [quote_name(column) for column in twin.columns]

        def read(start: int | None, limit: int) -> Iterator[int]:
            terms = ", ".join([f"t.{rowid} AS c", *(f"t.{c} AS c" for c in columns[:_MOST_READ])])
            rows = self._source.execute(
                f"SELECT {terms} FROM main.{name} AS t NOT INDEXED WHERE t.{rowid} >= ?"
                f" ORDER BY t.{rowid} LIMIT ?",
                (_SMALLEST_ROWID if start is None else start, limit),
            )
            with closing(rows):
                for row in rows:
                    yield row[0]

        bounds = leaf_bounds(self._path, self._root(twin), self._page_bytes)
        runs, gaps = scan_rowids(read, lambda start: self._find(twin.name, rowid_name, start), bounds)
        # The rowid travels by its own name, unless a column is it anyway.
        named = columns if rowid_name in twin.columns else [rowid, *columns]
        into, out = ", ".join(named), ", ".join(f"t.{c}" for c in named)
        for run in runs:
            # The LIMIT ends the reading at the last good row: a step further lies the damage.
            statement = (
                f"INSERT INTO clean.{name} ({into}) SELECT {out} FROM main.{name} AS t NOT INDEXED"
                f" WHERE t.{rowid} >= {run.first} ORDER BY t.{rowid} LIMIT {run.rows}"
            )
            self._move(twin, statement, run.rows, str(Gap(run.first, run.last)))
        for gap in gaps:
            if not runs:
                self._lose(twin.name, "no row of it can be read")
            else:
                self._lose(twin.name, f"{gap} cannot be read", str(gap))

    def _copy_in_order(self, twin: Twin) -> None:
        """Copy a table that has no rowid to begin at: from its start to the damage, and from its end."""
        name = quote_name(twin.name)
        columns = ", ".join(quote_name(column) for column in twin.columns)
        forward = f"SELECT {columns} FROM main.{name} AS t NOT INDEXED"
        insert = f"INSERT OR IGNORE INTO clean.{name} ({columns})"
        rows, is_whole, last = self._count(forward, twin)
        if rows:
            self._move(twin, f"{insert} {forward} LIMIT {rows}", rows, f"the first {rows:,} rows")
        if is_whole:
            return
        after, first = 0, ""
        if twin.key_backwards:
            backward = f"{forward} ORDER BY {twin.key_backwards}"
            after, _, first = self._count(backward, twin)
            if after:
                self._move(twin, f"{insert} {backward} LIMIT {after}", after, f"the last {after:,} rows")
        where = " and ".join(part for part in (last and f"after {last}", first and f"before {first}") if part)
        if rows or after:
            self._lose(twin.name, f"rows {where} cannot be read", f"rows {where}")
        else:
            self._lose(twin.name, "no row of it can be read")

    def _count(self, statement: str, twin: Twin) -> tuple[int, bool, str]:
        """Return how many rows a statement gives, whether that is all, and the key of the last."""
        rows = 0
        last: Sequence[object] = ()
        try:
            with closing(self._source.execute(statement)) as cursor:
                for row in cursor:
                    if rows >= self._most_rows:  # it leads in circles
                        break
                    rows, last = rows + 1, row
                else:
                    return rows, True, ""
        except UNREADABLE:
            # Python's sqlite3 steps on before it gives a row away, so the last good row went down with the error.
            with (
                suppress(*UNREADABLE),
                closing(self._source.execute(f"{statement} LIMIT 1 OFFSET {rows}")) as cursor,
            ):
                for row in cursor:
                    rows, last = rows + 1, row
        shown = [
            value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
            for column, value in zip(twin.columns, last, strict=False)
            if column in twin.key
        ]
        return rows, False, f"key {', '.join(shown)}" if shown else f"row {rows:,}" if rows else ""

    def _move(self, twin: Twin, statement: str, rows: int, what: str) -> None:
        try:
            moved = self._source.execute(statement).rowcount
        except UNREADABLE as error:
            self._lose(twin.name, f"{what} cannot be copied: {error}", what)
            return
        if moved != rows:
            lost = f"{rows - moved:,} of {what} have a key that is NULL or stands there twice"
            self._lose(twin.name, lost, what)

    def _copy_sequences(self, clean: CleanDatabase) -> None:
        if not clean.has_sequences:
            return
        try:
            self._source.execute("DELETE FROM clean.sqlite_sequence")
            self._source.execute(
                "INSERT INTO clean.sqlite_sequence (name, seq) SELECT name, seq FROM main.sqlite_sequence"
            )
        except UNREADABLE as error:
            message = f"the numbers that AUTOINCREMENT has given out cannot be read: {error}"
            self._damage.append(Damage("", message))

    def _find(self, table: str, rowid: str, start: int | None) -> int | None:
        name = quote_name(rowid)
        row = self._source.execute(
            f"SELECT t.{name} FROM main.{quote_name(table)} AS t NOT INDEXED"
            f" WHERE t.{name} >= ? ORDER BY t.{name} LIMIT 1",
            (_SMALLEST_ROWID if start is None else start,),
        ).fetchone()
        return None if row is None else int(row[0])

    def _root(self, twin: Twin) -> int:
        return twin.entry.root

    def _lose(self, table: str, message: str, key: str | None = None) -> None:
        self._damage.append(Damage(table, message, key))
