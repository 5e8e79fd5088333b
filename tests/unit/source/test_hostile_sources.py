"""Files, folders and servers that mean harm: each ends in one sentence, soon, and without what it asked for."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from migration.errors import SourceCorruptError, SourceError, SourceFetchError, SourceUnreadableError
from migration.model import Source
from migration.source.confined_process import Confinement, confined_process
from migration.source.regular_file import is_hollow, open_regular
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshots.snapshot_creation import take_and_read
from migration.source.source_budget import SourceBudget
from migration.source.source_listing import list_sources
from migration.source_form_errors import (
    SourceDumpError,
    SourceProcessError,
    SourceTooLargeError,
    SourceTooSlowError,
)
from migration.source_schema import SourceSchema
from tests.support.hostile_files import packed_zeros, with_column, with_endless_pages, with_endless_r_tree

USUAL = SourceBudget()
ROWS_OF_FIVES = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"


def freeze(
    path: Path | str, folder: Path, budget: SourceBudget = USUAL, *, salvage: bool = False
) -> SourceSchema:
    _, schema = take_and_read(Source("app", str(path)), folder, read_schema, salvage=salvage, budget=budget)
    return schema


def refused(
    path: Path | str, folder: Path, error: type[SourceError], words: str, budget: SourceBudget = USUAL
) -> SourceError:
    with pytest.raises(error, match=words) as caught:
        freeze(path, folder, budget)
    assert list(folder.iterdir()) == []
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("declared", "rows"),
    [
        ("AS (zeroblob(150000000 + id))", 2),
        ("AS (zeroblob(1000000 + id))", 90),
        ("AS (length(hex(zeroblob(300000000 + id))))", 1),
        ("NOT NULL AS (printf('%150000000d', id))", 1),
        ("AS (replace(printf('%9000d', id), ' ', printf('%9000d', id)))", 1),
    ],
    ids=["one value", "all together", "on the way", "where the check looks", "replaced"],
)
def test_a_column_that_computes_gigabytes_is_refused_by_name(tmp_path, folder, declared, rows):
    error = refused(
        with_column(tmp_path / "bomb.db", declared, rows), folder, SourceTooLargeError, "67,108,864 bytes"
    )
    assert (error.place["table"], error.place["column"]) == ("t", "v")
    assert "MIGRATION_SOURCE_COMPUTED_BYTES" in error.remedy


def test_a_strict_table_is_not_checked_before_it_was_tried(tmp_path, folder):
    path = with_column(tmp_path / "bomb.db", "AS (zeroblob(150000000 + id))", options="STRICT")
    refused(path, folder, SourceTooLargeError, "Column v computes values")


def test_who_trusts_a_database_may_allow_more(tmp_path, folder):
    path = with_column(tmp_path / "large.db", "AS (zeroblob(1000000 + id))", 90)
    (table,) = freeze(path, folder, SourceBudget(computed_bytes=100_000_000)).tables
    assert [column.name for column in table.columns] == ["id", "v"]


def test_a_function_that_cannot_be_interrupted_is_ended_by_the_kernel(tmp_path, folder):
    declared = "AS (instr(hex(zeroblob(20000000)), hex(zeroblob(10000000)) || id))"
    error = refused(
        with_column(tmp_path / "slow.db", declared),
        folder,
        SourceTooSlowError,
        "within 1 s",
        SourceBudget(seconds=1),
    )
    assert error.place["column"] == "v"


def test_honest_computed_columns_come_along(build, folder):
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, doc TEXT, name AS (json_extract(doc, '$.name')),"
        " day AS (strftime('%Y', id, 'unixepoch')), twice AS (hex(doc)), arrow AS (doc ->> '$.name'));"
        """INSERT INTO t (id, doc) VALUES (1, '{"name": "Ada"}'), (2, NULL);"""
    )
    (table,) = freeze(path, folder).tables
    assert [column.name for column in table.columns] == ["id", "doc", "name", "day", "twice", "arrow"]


def test_pages_that_lead_in_circles_are_damage(tmp_path, folder):
    error = refused(with_endless_pages(tmp_path / "x.db"), folder, SourceCorruptError, "damaged in table t")
    assert "--salvage" in error.remedy


def test_pages_that_lead_in_circles_end_a_salvage(tmp_path, folder):
    snapshot, _ = take_and_read(
        Source("app", str(with_endless_pages(tmp_path / "x.db"))), folder, read_schema, salvage=True
    )
    with closing(sqlite3.connect(snapshot.path)) as connection:
        assert connection.execute("SELECT * FROM t").fetchall() == [(1, "x")]
    assert snapshot.damage


def test_a_computed_column_over_pages_in_circles_ends(tmp_path, folder):
    script = "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, w AS (v || 'x'))"
    refused(
        with_endless_pages(tmp_path / "x.db", script), folder, SourceCorruptError, "more rows than a file"
    )


def test_an_r_tree_whose_nodes_lead_in_circles_is_refused(tmp_path, folder):
    error = refused(
        with_endless_r_tree(tmp_path / "x.db"), folder, SourceCorruptError, "more rows than a file"
    )
    assert error.place["table"] == "box"


@pytest.mark.parametrize(
    "views",
    [
        f"CREATE VIEW v AS {ROWS_OF_FIVES} SELECT count(*) FROM n;",
        "CREATE VIEW v AS SELECT " + "(" * 40 + "1" + ")" * 40 + " AS a;",
    ],
    ids=["without end", "deep"],
)
def test_views_are_read_as_texts_and_never_run(build, folder, views):
    schema = freeze(build("CREATE TABLE t (a);" + views), folder, SourceBudget(seconds=20))
    assert [table.name for table in schema.tables] == ["t"]


def test_views_that_double_with_each_level_are_refused(build, folder):
    doubling = "".join(
        f"CREATE VIEW v{n} AS SELECT 1 AS a FROM v{n - 1}, v{n - 1} AS b;" for n in range(1, 40)
    )
    path = build("CREATE VIEW v0 AS SELECT 1 AS a;" + doubling)
    refused(path, folder, SourceTooLargeError, "View v13 is more than 10,000 queries")


def test_views_upon_views_are_no_bomb(build, folder):
    chain = "".join(f"CREATE VIEW v{n} AS SELECT a FROM v{n - 1};" for n in range(1, 60))
    freeze(build("CREATE VIEW v0 AS SELECT 1 AS a;" + chain + "CREATE VIEW c AS SELECT * FROM c;"), folder)


def test_definitions_beyond_all_measure_are_refused(build, folder):
    path = build(f"CREATE TABLE t (a {'VERYLONG ' * 20_000})")
    budget = SourceBudget(schema_bytes=100_000)
    error = refused(path, folder, SourceTooLargeError, "definitions", budget)
    assert "MIGRATION_SOURCE_SCHEMA_BYTES" in error.remedy


@pytest.mark.parametrize(
    "name", ["a\0b", "a\x01", "x" * 100_000, '"; DROP TABLE t; --', "\N{RIGHT-TO-LEFT OVERRIDE}a"]
)
def test_strange_names_are_names(build, folder, name):
    path = build()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute("PRAGMA writable_schema = ON")
        quoted = name.replace('"', '""')
        connection.execute("UPDATE sqlite_schema SET sql = ?", (f'CREATE TABLE t ("{quoted}")',))
        connection.commit()
    try:
        freeze(path, folder)
    except SourceError as error:
        assert "\0" not in str(error)  # noqa: PT017 - either is right


def test_a_small_file_does_not_unpack_to_a_large_one(tmp_path, folder):
    path = packed_zeros(tmp_path / "bomb.db.gz", 48 << 20)
    assert path.stat().st_size < 100_000
    error = refused(
        path, folder, SourceTooLargeError, "becomes a database of more", SourceBudget(unpacked_bytes=8 << 20)
    )
    assert "MIGRATION_SOURCE_UNPACKED_BYTES" in error.remedy


@pytest.mark.parametrize(
    ("statement", "error", "words"),
    [
        (f"INSERT INTO t {ROWS_OF_FIVES} SELECT zeroblob(1000000) FROM n;", SourceTooLargeError, "more than"),
        ("INSERT INTO t VALUES (hex(zeroblob(20000000)));", SourceTooLargeError, "more than"),
        (f"INSERT INTO t {ROWS_OF_FIVES} SELECT x FROM n WHERE x < 0;", SourceTooSlowError, "takes longer"),
        (
            "INSERT INTO t VALUES (instr(hex(zeroblob(20000000)), hex(zeroblob(10000000)) || 'x'));",
            SourceTooSlowError,
            "takes longer",
        ),
        ("ATTACH '/tmp/other.db' AS other;", SourceDumpError, "ATTACH"),
        ("VACUUM INTO '/tmp/other.db';", SourceDumpError, r"another file|VACUUM"),
        ("SELECT load_extension('/tmp/x.so');", SourceDumpError, "reaches outside"),
        (
            "INSERT INTO t VALUES (readfile('/etc/passwd'));",
            SourceDumpError,
            r"reaches outside|only its application",
        ),
        (".shell touch /tmp/x", SourceDumpError, "command for the shell"),
        (".read /etc/passwd", SourceDumpError, "command for the shell"),
        (
            "CREATE VIRTUAL TABLE c USING csv(filename='/etc/passwd');",
            SourceDumpError,
            "may read other files",
        ),
    ],
)
def test_a_dump_does_nothing_but_fill_its_own_file(tmp_path, folder, statement, error, words):
    path = tmp_path / "app.sql"
    path.write_text(f"CREATE TABLE t (a);\n{statement}\n")
    refused(path, folder, error, words, SourceBudget(seconds=1, unpacked_bytes=8 << 20))


@pytest.mark.parametrize("suffix", ["", "-wal", "-journal", "-shm"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(build, folder, suffix):
    path = build("PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
    pipe = path.with_name(path.name + suffix)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe)
    refused(path, folder, SourceUnreadableError, "not a regular file")


def test_a_log_that_is_a_link_elsewhere_is_not_followed(build, folder, tmp_path):
    path = build("PRAGMA journal_mode = WAL; CREATE TABLE t (a)")
    (tmp_path / "secret").write_bytes(b"x" * 4096)
    path.with_name(path.name + "-wal").symlink_to(tmp_path / "secret")
    refused(path, folder, SourceUnreadableError, "app.db-wal beside it is not a regular file")


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "/proc/self/mem"])
def test_a_device_is_no_file(folder, path):
    with pytest.raises(SourceError):
        freeze(path, folder)


def test_what_becomes_a_pipe_or_a_link_after_it_was_looked_at_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match=r"regular|symbolic"):
            open_regular(tmp_path / name)


def test_a_link_that_was_put_into_an_allowed_path_since_is_not_followed(build, folder, tmp_path):
    path = build("CREATE TABLE t (a)")
    source = Source("app", str(path), is_followed=True)
    take_and_read(source, tmp_path / "before", read_schema)
    path.parent.rename(tmp_path / "elsewhere")
    path.parent.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceUnreadableError, match="leads elsewhere"):
        take_and_read(source, folder, read_schema)


def test_a_file_of_holes_does_not_fill_the_disk(tmp_path, folder):
    path = tmp_path / "holes.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    os.truncate(path, 1 << 43)
    assert is_hollow(path, 1 << 40)
    assert not is_hollow(path, 1 << 44)
    refused(path, folder, SourceTooLargeError, "mostly holes")


def test_links_in_a_circle_in_a_folder_are_passed_over(build):
    path = build("CREATE TABLE t (a)")
    (path.parent / "round.db").symlink_to("round.db")
    (path.parent / "up").symlink_to(path.parent)
    listing = list_sources(path.parent)
    assert listing is not None
    assert listing.databases == (path,)
    assert set(listing.passed_over) == {"round.db", "up/"}


class Harmful(BaseHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.seen.append((self.headers["Host"], self.headers["Authorization"]))  # type: ignore[attr-defined]
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        self.send_response(200)
        if self.path == "/declared":
            self.send_header("Content-Length", str(1 << 50))
        self.end_headers()
        try:
            while self.path == "/endless":
                self.wfile.write(bytes(1 << 20))
            if self.path == "/slow":
                self.wfile.write(b"SQLite format 3\0")
                self.server.over.wait(30)  # type: ignore[attr-defined]
        except OSError:
            pass


@pytest.fixture
def servers() -> Iterator[Callable[[], ThreadingHTTPServer]]:
    started: list[ThreadingHTTPServer] = []

    def start() -> ThreadingHTTPServer:
        httpd = ThreadingHTTPServer(("127.0.0.1", 0), Harmful)
        httpd.daemon_threads = True
        httpd.seen = []  # type: ignore[attr-defined]
        httpd.over = threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        started.append(httpd)
        return httpd

    yield start
    for httpd in started:
        httpd.over.set()  # type: ignore[attr-defined]
        httpd.shutdown()
        httpd.server_close()


def at(httpd: ThreadingHTTPServer) -> str:
    return f"127.0.0.1:{httpd.server_address[1]}"


@pytest.mark.parametrize("page", ["endless", "declared"])
def test_a_download_without_end_ends(servers, folder, page):
    error = refused(
        f"http://{at(servers())}/{page}",
        folder,
        SourceTooLargeError,
        "more than",
        SourceBudget(fetched_bytes=3 << 20),
    )
    assert "MIGRATION_SOURCE_FETCHED_BYTES" in error.remedy


def test_a_download_that_trickles_ends(servers, folder):
    refused(
        f"http://{at(servers())}/slow",
        folder,
        SourceTooSlowError,
        r"has brought (16|0) bytes",
        SourceBudget(seconds=1),
    )


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("file:///etc/passwd", "not allowed"),
        ("ftp://127.0.0.1/x", "not followed"),
        ("http://169.254.169.254/latest/meta-data/", "a link-local address"),
        ("http://[fe80::1]/x", "a link-local address"),
    ],
)
def test_a_redirect_leads_nowhere_that_the_url_did_not(servers, folder, target, words):
    refused(f"http://{at(servers())}/to/{target}", folder, SourceFetchError, words)


def test_a_login_is_for_its_own_host_alone(servers, folder):
    first, second = servers(), servers()
    assert freeze(f"http://me:pw@{at(first)}/to/http://{at(second)}/x.db", folder).tables == ()
    assert {login for _, login in first.seen} == {"Basic bWU6cHc="}
    assert {login for _, login in second.seen} == {None}


def test_a_confined_process_knows_no_secret(monkeypatch):
    monkeypatch.setenv("MIGRATION_TARGET_URL", "postgresql://u:hunter2@h/d")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    program = "tests.support.confined_programs:tell_environment"
    with confined_process(program, {}, Confinement(20, 1 << 30)) as process:
        (answer,) = list(process)
        assert process.end().is_well
    assert "hunter2" not in str(answer)
    assert answer["core_bytes"] == 0


def test_a_process_that_dies_of_a_file_is_said(tmp_path, folder, monkeypatch):
    monkeypatch.setattr(
        "migration.source.computed_value_trial._PROGRAM", "tests.support.confined_programs:die"
    )
    refused(with_column(tmp_path / "x.db", "AS (1)"), folder, SourceProcessError, "by SIGSEGV")
