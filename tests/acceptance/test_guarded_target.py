"""Passwords (SCRAM) and TLS, by every way that libpq takes them: FIELD 24.

Two copies of libpq are in use, that of psycopg and that of ADBC, which reads back: both must understand each setting.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
import pytest

from migration.errors import TargetUnreachableError
from migration.ledger.ledger_tables import metadata
from migration.target.loading.table_readback import TargetReader
from migration.target.target_connection import connect
from tests.support.guarded import DATABASE, PASSWORD, USER, GuardedServer, free_port, guarded_server
from tests.support.shell import Shell, is_gone, make_database, session_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes certificates with openssl")

ENCODED = quote(PASSWORD, safe="")


@pytest.fixture(scope="module")
def server() -> Iterator[GuardedServer]:
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-") as folder,
        guarded_server(Path(folder)) as server,
    ):
        yield server


@dataclass(frozen=True)
class Way:
    """A URL, and the environment that goes with it."""

    url: str
    environment: dict[str, str]


def _pgpass(server: GuardedServer, folder: Path) -> Path:
    escaped = PASSWORD.replace("\\", "\\\\").replace(":", "\\:")
    path = folder / "pgpass"
    path.write_text(f"localhost:{server.tls_port}:{DATABASE}:{USER}:{escaped}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def _services(server: GuardedServer, folder: Path, *, with_password: bool = True) -> Path:
    path = folder / "services"
    path.write_text(
        f"[guarded]\nhost=localhost\nport={server.tls_port}\ndbname={DATABASE}\nuser={USER}\n"
        f"sslmode=verify-full\nsslrootcert={server.authority.root}\n"
        + (f"password={PASSWORD}\n" if with_password else ""),
        encoding="utf-8",
    )
    return path


def _url(server: GuardedServer, options: str, user: str = f"{USER}:{ENCODED}") -> str:
    return f"postgresql://{user}@localhost:{server.tls_port}/{DATABASE}?{options}"


WAYS: dict[str, Callable[[GuardedServer, Path], Way]] = {
    "TLS": lambda s, _: Way(_url(s, "sslmode=require"), {}),
    "TLS, authority checked": lambda s, _: Way(
        _url(s, f"sslmode=verify-ca&sslrootcert={s.authority.root}"), {}
    ),
    "TLS, authority and name checked": lambda s, _: Way(
        _url(s, f"sslmode=verify-full&sslrootcert={s.authority.root}"), {}
    ),
    "TLS by the environment": lambda s, _: Way(
        _url(s, ""), {"PGSSLMODE": "verify-full", "PGSSLROOTCERT": str(s.authority.root)}
    ),
    "authorities of the system": lambda s, _: Way(
        _url(s, "sslmode=verify-full&sslrootcert=system"), {"SSL_CERT_FILE": str(s.authority.root)}
    ),
    "name and address apart": lambda s, _: Way(
        _url(s, f"hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert={s.authority.root}"), {}
    ),
    "password as an option": lambda s, _: Way(_url(s, f"sslmode=require&password={ENCODED}", USER), {}),
    "password by the environment": lambda s, _: Way(
        _url(s, "sslmode=require", USER), {"PGPASSWORD": PASSWORD}
    ),
    "password by a file of the environment": lambda s, folder: Way(
        _url(s, "sslmode=require", USER), {"PGPASSFILE": str(_pgpass(s, folder))}
    ),
    "password by a file": lambda s, folder: Way(
        _url(s, f"sslmode=require&passfile={_pgpass(s, folder)}", USER), {}
    ),
    "service": lambda s, folder: Way(
        "postgresql:///?service=guarded", {"PGSERVICEFILE": str(_services(s, folder))}
    ),
    "service by the environment": lambda s, folder: Way(
        "postgresql://", {"PGSERVICEFILE": str(_services(s, folder)), "PGSERVICE": "guarded"}
    ),
    "service and password file": lambda s, folder: Way(
        "postgresql:///?service=guarded",
        {
            "PGSERVICEFILE": str(_services(s, folder, with_password=False)),
            "PGPASSFILE": str(_pgpass(s, folder)),
        },
    ),
    "socket": lambda s, _: Way(
        f"postgresql://{USER}:{ENCODED}@/{DATABASE}?host={quote(s.folder)}&port={s.port}", {}
    ),
    "second of two hosts": lambda s, _: Way(
        f"postgresql://{USER}:{ENCODED}@localhost:{free_port()},localhost:{s.tls_port}/{DATABASE}"
        "?sslmode=require&target_session_attrs=read-write",
        {},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_both_libraries_reach_the_server_by_every_way(
    server: GuardedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    chosen = WAYS[way](server, tmp_path)
    for name, value in chosen.environment.items():
        monkeypatch.setenv(name, value)
    with connect(chosen.url, "test") as connection:
        assert connection.info.dbname == DATABASE
    with TargetReader(chosen.url) as reader, closing(reader._connection.cursor()) as cursor:
        cursor.execute("SELECT current_user::text, (SELECT count(*) FROM pg_stat_activity WHERE pid = 0)")
        assert cursor.fetchone() == (USER, 0)


REFUSALS: dict[str, tuple[Callable[[GuardedServer], str], str, str]] = {
    "wrong authority": (
        lambda s: _url(s, f"sslmode=verify-ca&sslrootcert={s.other_authority.root}"),
        "certificate verify failed",
        "sslrootcert",
    ),
    "no file of an authority": (
        lambda s: _url(s, "sslmode=verify-full&sslrootcert=/nowhere/root.crt"),
        'root certificate file "/nowhere/root.crt" does not exist',
        "sslrootcert",
    ),
    "wrong name": (
        lambda s: _url(s, f"sslmode=verify-full&sslrootcert={s.authority.root}").replace(
            "@localhost", "@127.0.0.1"
        ),
        'does not match host name "127.0.0.1"',
        "host's name",
    ),
    "no TLS offered": (
        lambda s: f"postgresql://{USER}:{ENCODED}@localhost:{s.port}/{DATABASE}?sslmode=require",
        "server does not support SSL",
        "sslmode",
    ),
    "TLS not wanted": (lambda s: _url(s, "sslmode=disable"), "no encryption", "pg_hba.conf"),
    "wrong password": (
        lambda s: _url(s, "sslmode=require", f"{USER}:wr0ng-s3cret"),
        "password authentication failed",
        "MIGRATION_TARGET_PASSWORD",
    ),
    "no password": (lambda s: _url(s, "sslmode=require", USER), "no password supplied", ".pgpass"),
    "unknown service": (
        lambda _: "postgresql:///?service=nobody",
        'definition of service "nobody" not found',
        "PGSERVICEFILE",
    ),
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refusals_are_one_sentence_with_a_remedy(server: GuardedServer, refusal: str) -> None:
    make_url, reason, remedy = REFUSALS[refusal]
    with pytest.raises(TargetUnreachableError) as caught:
        connect(make_url(server), "test")
    message = str(caught.value)
    assert reason in message
    assert remedy in caught.value.remedy
    assert "\n" not in message
    assert not any(secret in message for secret in (PASSWORD, ENCODED, "wr0ng-s3cret"))


def test_refused_login_ends_the_command_with_status_2(server: GuardedServer, tmp_path: Path) -> None:
    source = make_database(tmp_path / "shop.db")
    shell = Shell(tmp_path, _url(server, "sslmode=require", f"{USER}:wr0ng-s3cret"))
    status, out, err = shell.run("migrate", "--source", str(source))
    assert status == 2
    assert "password authentication failed" in err
    assert "wr0ng-s3cret" not in out + err


def _rows(server: GuardedServer, schema: str) -> int:
    with psycopg.connect(server.superuser_url) as connection:
        found = connection.execute(f'SELECT count(*) FROM "{schema}".book').fetchone()
    return int(found[0]) if found else 0


def test_whole_migration_by_tls_with_files_named_relatively(server: GuardedServer, tmp_path: Path) -> None:
    source = make_database(tmp_path / "shop.db")
    shutil.copy(server.authority.root, tmp_path / "root.crt")
    _pgpass(server, tmp_path)
    shell = Shell(tmp_path, _url(server, "sslmode=verify-full&sslrootcert=root.crt", USER))
    shell.environment["PGPASSFILE"] = "pgpass"
    status, _, err = shell.run("migrate", "--source", str(source), "--target-schema", "relative")
    assert status == 0, err
    assert _rows(server, "relative") == 300


@pytest.mark.parametrize("way", ["variable", "url"])
def test_whole_migration_leaves_the_password_nowhere(server: GuardedServer, tmp_path: Path, way: str) -> None:
    source = make_database(tmp_path / "shop.db")
    shell = Shell(tmp_path, _url(server, "sslmode=require", USER))
    if way == "url":
        shell = Shell(tmp_path, _url(server, "sslmode=require"))
    else:
        shell.environment["MIGRATION_TARGET_PASSWORD"] = PASSWORD
    shell.environment["MIGRATION_LOG_LEVEL"] = "DEBUG"
    process = shell.start(
        "migrate", "--source", str(source), "--target-schema", f"by_{way}", "--verbose", "--report", "report"
    )
    seen: set[str] = set()
    family: set[int] = set()
    while process.poll() is None:
        if not is_gone(process.pid):
            for pid in (process.pid, *_children(process)):
                family.add(pid)
                seen.add(_command_line(pid))
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert _rows(server, f"by_{way}") == 300
    assert len(family) > 4  # supervisor, broker, producer, workers: all were looked at
    written = [path.read_bytes() for path in _files(tmp_path)]
    assert written
    with psycopg.connect(server.superuser_url) as connection:
        ledger = [
            row
            for table in metadata.tables.values()
            for row in connection.execute(f"SELECT t::text FROM {table.fullname} AS t").fetchall()
        ]
    assert ledger
    for secret in (PASSWORD, ENCODED, repr(PASSWORD)[1:-1]):
        assert secret not in out + err
        assert not any(secret in line for line in seen)
        assert not any(secret.encode() in content for content in written)
        assert not any(secret in text for (text,) in ledger)


def _children(process: object) -> list[int]:
    try:
        return session_of(process)  # type: ignore[arg-type]
    except psutil.NoSuchProcess:
        return []


def _command_line(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return ""


def _files(folder: Path) -> list[Path]:
    return [Path(root) / name for root, _, names in os.walk(folder) for name in names]
