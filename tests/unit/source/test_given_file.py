"""Dumps and compressed files as sources: recognised by content, whole or refused by name."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from migration.convoy_error import Place
from migration.errors import NotADatabaseError, SourceError, SourceLockedError, SourceUnreadableError
from migration.full_disk import is_full
from migration.model import Source
from migration.source.snapshots import snapshot_creation
from migration.source.snapshots.snapshot_creation import Snapshot, take_snapshot
from migration.source.source_path import check_start
from migration.source.unpacking import dump_loading, given_file
from migration.source.unpacking.given_file import GivenFile
from migration.source_form_errors import (
    ForeignDumpError,
    SourceCompressionError,
    SourceDumpError,
    UnfinishedDumpError,
)
from tests.support.sqlite_dump import gzipped, make_everything, shell_dump, zstandard

PACKERS = pytest.mark.parametrize("pack", [gzipped, zstandard])
SKIPPED_FRAME = bytes.fromhex("502a4d18") + (5).to_bytes(4, "little") + b"hello"


def freeze(path: Path, *, salvage: bool = False) -> Snapshot:
    check_start(str(path), {"source": "app", "file": str(path)})
    return take_snapshot(Source("app", str(path)), path.parent / "snapshots", salvage=salvage)


def words(snapshot: Snapshot) -> list[str]:
    with closing(sqlite3.connect(snapshot.path)) as connection:
        return [word for (word,) in connection.execute("SELECT text FROM value ORDER BY id")]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make_everything(tmp_path / "everything.db")


@pytest.fixture
def given(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes, name: str = "no-name-that-helps") -> Path:
        path = tmp_path / "given" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        return path

    return write


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpack where the test can take things apart, and not in a process of its own."""

    def unpack_here(path: Path, into: Path, place: Place, _budget: object) -> GivenFile | None:
        return given_file.unpack(path, into, place)

    monkeypatch.setattr(snapshot_creation, "unpack_apart", unpack_here)


@PACKERS
@pytest.mark.parametrize("is_dump", [False, True])
def test_what_is_inside_is_frozen_and_the_file_itself_is_named(
    given, database: Path, pack, is_dump: bool
) -> None:
    path = given(pack(shell_dump(database) if is_dump else database.read_bytes()))
    before = path.stat()
    frozen = freeze(path)
    assert words(frozen) == words(freeze(database))
    assert frozen.given is not None
    assert (frozen.given.sha256, frozen.given.bytes) == (
        hashlib.sha256(path.read_bytes()).hexdigest(),
        path.stat().st_size,
    )
    assert frozen.sha256 == hashlib.sha256(frozen.path.read_bytes()).hexdigest()
    assert [entry.name for entry in path.parent.iterdir() if entry.is_file()] == [path.name]
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert freeze(path).path == frozen.path  # a run that is tried again finds what it had made


def test_a_plain_database_is_no_given_file(database: Path) -> None:
    assert freeze(database).given is None


@PACKERS
def test_several_members_are_one_file(given, database: Path, pack) -> None:
    dump = shell_dump(database)
    path = given(pack(dump[:1000]) + pack(b"") + pack(dump[1000:]))
    assert words(freeze(path)) == words(freeze(database))


def test_a_frame_to_be_skipped_may_come_first(given, database: Path) -> None:
    assert freeze(given(SKIPPED_FRAME + zstandard(shell_dump(database)))).given


def test_a_byte_order_mark_is_no_part_of_a_dump(given, database: Path) -> None:
    assert freeze(given(b"\xef\xbb\xbf" + shell_dump(database))).given


def test_a_compressed_database_in_wal_mode_is_read(given, database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    assert words(freeze(given(gzipped(database.read_bytes()))))


@PACKERS
def test_salvage_works_on_what_is_inside(given, database: Path, pack) -> None:
    assert freeze(given(pack(database.read_bytes())), salvage=True).given


@PACKERS
def test_a_compressed_file_that_is_cut_off_is_refused(given, database: Path, pack) -> None:
    content = pack(database.read_bytes())
    for end in (len(content) - 1, len(content) // 2, 20):
        path = given(content[:end])
        with pytest.raises(SourceCompressionError, match="cut off") as refused:
            freeze(path)
        assert refused.value.place["file"] == str(path)


@PACKERS
def test_something_behind_the_end_is_refused(given, database: Path, pack) -> None:
    with pytest.raises(SourceCompressionError, match="something else behind its end"):
        freeze(given(pack(database.read_bytes()) + b"and more"))


@PACKERS
def test_a_damaged_compressed_file_is_refused(given, database: Path, pack) -> None:
    content = bytearray(pack(shell_dump(database)))
    for at in range(len(content) // 2, len(content) // 2 + 8):
        content[at] ^= 0xFF
    with pytest.raises((SourceCompressionError, SourceDumpError)):
        freeze(given(bytes(content)))


@pytest.mark.parametrize(
    ("content", "kind", "sentence"),
    [
        (gzipped(b""), UnfinishedDumpError, "holds nothing"),
        (gzipped(gzipped(b"x")), SourceCompressionError, "compressed twice: a gzip file"),
        (zstandard(gzipped(b"x")), SourceCompressionError, "compressed twice: a gzip file"),
        (gzipped(b"some words"), NotADatabaseError, "not a SQLite database"),
        (gzipped(b"\0" * 257 + b"ustar\0" + b"\0" * 300), NotADatabaseError, "tar archive"),
        (b"PK\x03\x04" + b"\0" * 60, NotADatabaseError, "zip archive"),
        (b"BZh91AY&SY" + b"\0" * 60, NotADatabaseError, "bzip2 archive"),
        (b"\xfd7zXZ\x00" + b"\0" * 60, NotADatabaseError, "xz archive"),
        ("PRAGMA foreign_keys=OFF;\n".encode("utf-16"), SourceDumpError, "PowerShell"),
        (b"-- MySQL dump 10.13  Distrib 8.0.36\n--\n/*!40101 SET NAMES utf8 */;", ForeignDumpError, "MySQL"),
        (b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19", ForeignDumpError, "MySQL"),
        (b"-- phpMyAdmin SQL Dump\n\nSET SQL_MODE = 'x';", ForeignDumpError, "MySQL"),
        (b"CREATE TABLE `a` (`b` int) ENGINE=InnoDB;", ForeignDumpError, "MySQL"),
        (
            b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;",
            ForeignDumpError,
            "PostgreSQL",
        ),
        (b"\\restrict abc\nSET x = 1;", ForeignDumpError, "PostgreSQL"),
        (b"PGDMP\x01\x0e\x00", ForeignDumpError, "PostgreSQL"),
        (gzipped(b"--\n-- PostgreSQL database dump\n--\nSET x = 0;"), ForeignDumpError, "PostgreSQL"),
        (b"Manage databases\n\nUsage:\n", NotADatabaseError, "not a SQLite database"),
        (b"Insert coin: here", SourceDumpError, "Line 1 of the dump|has no end"),
    ],
)
def test_what_is_no_database_of_sqlite_is_refused_by_name(
    given, content: bytes, kind: type[SourceError], sentence: str
) -> None:
    path = given(content)
    with pytest.raises(kind, match=sentence) as refused:
        freeze(path)
    assert refused.value.place == {"source": "app", "file": str(path)}
    assert refused.value.exit_status == 2


def test_an_empty_file_is_a_database_unless_it_is_called_a_dump(given) -> None:
    assert freeze(given(b"")).bytes == 0
    with pytest.raises(UnfinishedDumpError, match="holds nothing"):
        freeze(given(b"", "backup.sql"))


def test_words_about_other_databases_inside_a_dump_are_only_words(given) -> None:
    dump = b"CREATE TABLE post(t); -- a MySQL dump\nINSERT INTO post VALUES('PostgreSQL database dump');"
    assert freeze(given(dump)).given


@pytest.mark.usefixtures("in_this_process")
def test_a_file_that_grows_meanwhile_is_refused(given, database: Path, monkeypatch) -> None:
    path = given(shell_dump(database))
    load = given_file.load_dump

    def load_beside_a_writer(stream, made, place) -> None:
        load(stream, made, place)
        with path.open("ab") as file:
            file.write(b"-- more\n")

    monkeypatch.setattr(given_file, "load_dump", load_beside_a_writer)
    with pytest.raises(SourceLockedError, match="being written to"):
        freeze(path)


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize("is_dump", [False, True])
def test_more_than_the_disk_holds_is_a_full_disk(given, database: Path, monkeypatch, is_dump: bool) -> None:
    if is_dump:
        dump = b"CREATE TABLE t(a);" + b"INSERT INTO t VALUES(zeroblob(3000000));" * 20
        path = given(dump)
        connect = dump_loading.open_database

        def small(*arguments, **named):
            connection = connect(*arguments, **named)
            connection.execute("PRAGMA max_page_count = 20").fetchone()  # SQLITE_FULL, as on a full disk
            return connection

        monkeypatch.setattr(dump_loading, "open_database", small)
    else:
        path = given(gzipped(database.read_bytes()))

        def refuse(*_arguments: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(given_file, "_write", refuse)
    with pytest.raises(SourceUnreadableError, match="No space left") as refused:
        freeze(path)
    assert is_full(refused.value)
    assert list((path.parent / "snapshots").iterdir()) == []
