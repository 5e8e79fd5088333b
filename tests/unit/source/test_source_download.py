from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from migration.errors import SourceNotFoundError, SourceUnreadableError
from migration.model import Source
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.source.source_path import local_path, without_credentials


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass

    def send_head(self):  # a server with secrets, and one that breaks off
        if self.path.startswith("/secret") and self.headers["Authorization"] != "Basic bWU6cEB3":
            self.send_error(403)
            return None
        if self.path.startswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"SQLite format 3\0")
            return None
        return super().send_head()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A web server on the folder of the databases."""
    (tmp_path / "source").mkdir(exist_ok=True)
    httpd = ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *args: Handler(*args, directory=str(tmp_path / "source"))
    )
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def rows_of(snapshot) -> int:
    with closing(sqlite3.connect(f"file:{snapshot.path}?mode=ro&immutable=1", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM t").fetchone()[0]


def test_a_database_is_fetched_over_http_and_nothing_else_stays(build, server, folder):
    path = build("CREATE TABLE t(a)", {"t": [(1,), (2,)]}, name="my app.db")
    snapshot = take_snapshot(Source("web", f"{server}/my%20app.db"), folder)
    assert snapshot.path.read_bytes() == path.read_bytes()
    assert list(folder.iterdir()) == [snapshot.path]


def test_a_log_beside_a_remote_database_is_fetched_too(build, server, folder):
    path = build("PRAGMA journal_mode = WAL; CREATE TABLE t(a)")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        writer.commit()
        assert path.with_name("app.db-wal").stat().st_size > 0
        assert rows_of(take_snapshot(Source("web", f"{server}/app.db"), folder)) == 1


def test_any_storage_of_fsspec_will_do(build, folder):
    path = build("CREATE TABLE t(a)", {"t": [(1,)] * 5})
    with fsspec.open("memory://bucket/app.db", "wb") as file:
        file.write(path.read_bytes())
    assert rows_of(take_snapshot(Source("bucket", "memory://bucket/app.db"), folder)) == 5


@pytest.mark.parametrize(
    ("location", "error", "message"),
    [
        ("{server}/missing.db", SourceNotFoundError, "no such file"),
        ("{server}/secret.db", SourceUnreadableError, "answers 403"),
        ("{server}/broken.db", SourceUnreadableError, "broke off|cannot be fetched"),
        ("http://127.0.0.1:9/app.db", SourceUnreadableError, "cannot be fetched"),
        ("memory://nowhere/app.db", SourceNotFoundError, "no such file"),
        ("nonsense://x/app.db", SourceUnreadableError, "cannot be fetched"),
        ("s3://bucket/app.db", SourceUnreadableError, "s3"),
    ],
)
def test_what_cannot_be_fetched_is_said(server, folder, location, error, message):
    with pytest.raises(error, match=message):
        take_snapshot(Source("web", location.format(server=server)), folder)
    assert list(folder.iterdir()) == []


def test_user_and_password_of_a_url_are_used(build, server, folder):
    build("CREATE TABLE t(a)", {"t": [(1,)]}, name="secret.db")
    location = server.replace("//", "//me:p%40w@") + "/secret.db"
    assert rows_of(take_snapshot(Source("web", location), folder)) == 1


def test_no_password_gets_into_a_message(server, folder):
    location = server.replace("//", "//user:hunter2@") + "/missing.db?token=hunter3"
    with pytest.raises((SourceNotFoundError, SourceUnreadableError)) as caught:
        take_snapshot(Source("web", location), folder)
    assert "hunter" not in str(caught.value)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("app.db", "app.db"),
        ("/data/my app.db", "/data/my app.db"),
        ("file:///data/my%20app.db", "/data/my app.db"),
        ("file:app.db", "app.db"),
        ("s3://bucket/app.db", None),
        ("https://host/app.db", None),
    ],
)
def test_paths_and_urls(location, path):
    assert local_path(location) == path


def test_messages_show_where_without_who():
    assert without_credentials("https://me:pw@host:8/a.db?sig=1#x") == "https://host:8/a.db"
    assert without_credentials("/data/a@b.db") == "/data/a@b.db"
