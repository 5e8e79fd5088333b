"""Every process of the Procfile, started by honcho as a person would, and one migration driven over HTTP."""

from __future__ import annotations

import os
import secrets
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil
import psycopg
import pytest

from tests.support.running_processes import free_ports

PROJECT = Path(__file__).resolve().parents[2]
V1 = "/api/v1/migration"
START_SECONDS = 90
RUN_SECONDS = 120
STOP_SECONDS = 30
MARK = "CONVOY_TEST_MARK"
# It kills after 5 s, which a machine at work on other things may need: what is tested is the order.
PATIENT_HONCHO = "import honcho.manager as m; m.KILL_WAIT = 25; from honcho.command import main; main()"

Found = TypeVar("Found")


def wait_for(ready: Callable[[], Found | None], seconds: float, what: str) -> Found:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ready()
        if found is not None:
            return found
        time.sleep(0.2)
    pytest.fail(f"{what} did not happen within {seconds} s")


@dataclass(frozen=True)
class Procfile:
    """A running Procfile."""

    honcho: subprocess.Popen[bytes]
    mark: str
    log: Path
    sources: Path
    target_url: str
    passwords: tuple[str, ...]
    client: httpx.Client
    flower: httpx.Client

    def processes(self) -> list[psutil.Process]:
        """Every process that has inherited the mark of this cluster, whoever is its parent by now."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def migrate(self, body: dict[str, Any]) -> dict[str, Any]:
        """Start a run and follow it to its end; returns the last status."""
        accepted = self.client.post(f"{V1}/start", json=body)
        assert accepted.status_code == 202, accepted.text

        def finished() -> dict[str, Any] | None:
            status = self.client.get(accepted.json()["links"]["status"]).json()
            assert 0 <= status["percent"] <= 100
            assert status["eta_seconds"] is None or status["eta_seconds"] >= 0
            return status if status["finished"] else None

        return wait_for(finished, RUN_SECONDS, "The end of the run")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Procfile]:
    # Not below pytest's own folder: each new pytest session closes that to other users again, and PostgreSQL
    # runs as another user where this runs as root.
    with tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as folder:
        yield from start_cluster(Path(folder))


def start_cluster(folder: Path) -> Iterator[Procfile]:
    sources = folder / "sources"
    sources.mkdir()
    broker, postgres, api, flower = free_ports(4)
    token, database_password, login, mark = (secrets.token_hex(12) for _ in range(4))
    target_url = f"postgresql://postgres@127.0.0.1:{postgres}/educational_apps"
    env = {
        name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "FLOWER_"))
    }
    env |= {
        MARK: mark,
        "PYTHON": sys.executable,
        "MIGRATION_BROKER_URL": f"redis://:{database_password}@127.0.0.1:{broker}/0",
        "MIGRATION_TARGET_URL": target_url,
        "MIGRATION_TARGET_PASSWORD": database_password,
        "MIGRATION_API_TOKEN": token,
        "MIGRATION_API_PORT": str(api),
        "MIGRATION_SOURCE_ROOT": str(sources),
        "MIGRATION_LEASE_SECONDS": "5",
        "MIGRATION_WATCHDOG_SECONDS": "2",
        "FLOWER_BASIC_AUTH": f"flower:{login}",
        "FLOWER_PORT": str(flower),
    }
    log = folder / "honcho.log"
    command = [sys.executable, "-c", PATIENT_HONCHO, "-f", PROJECT / "Procfile", "-d", folder, "start"]
    with (
        log.open("wb") as output,
        httpx.Client(
            base_url=f"http://127.0.0.1:{api}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            trust_env=False,
        ) as client,
        httpx.Client(
            base_url=f"http://127.0.0.1:{flower}", auth=("flower", login), timeout=30, trust_env=False
        ) as flower_client,
    ):
        honcho = subprocess.Popen(command, env=env, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        passwords = (token, database_password, login)
        running = Procfile(
            honcho,
            mark,
            log,
            sources,
            f"{target_url}?password={database_password}",
            passwords,
            client,
            flower_client,
        )
        try:
            wait_for(lambda: is_ready(running), START_SECONDS, "The start of all processes")
            yield running
        finally:
            sys.stdout.write(log.read_text(errors="replace")[-20_000:])  # pytest shows it where a test fails
            honcho.send_signal(signal.SIGTERM)
            try:
                honcho.wait(STOP_SECONDS)
            finally:
                for process in running.processes() if honcho.poll() is None else ():
                    process.kill()


def is_ready(cluster: Procfile) -> bool | None:
    if cluster.honcho.poll() is not None:
        pytest.fail(f"honcho has ended:\n{cluster.log.read_text(errors='replace')[-5000:]}")
    try:
        ready = cluster.client.get("/readyz").status_code == 200
        return True if ready and len(workers(cluster)) == 2 else None
    except httpx.TransportError:
        return None


def workers(cluster: Procfile) -> dict[str, Any]:
    answer = cluster.flower.get("/api/workers", params={"refresh": "1"})
    return answer.json() if answer.status_code == 200 else {}


def contents(target_url: str) -> dict[str, Any]:
    """What users see: schemas, relations with their identity, and rows."""
    with psycopg.connect(target_url) as connection:
        relations = connection.execute(
            """SELECT n.nspname, c.relname, c.relkind, c.oid FROM pg_class c
               JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname !~ '^pg_' AND n.nspname NOT IN ('convoy', 'information_schema')
               ORDER BY 1, 2"""
        ).fetchall()
        schemas = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1"
        ).fetchall()
        rows = {
            name: connection.execute(f'SELECT t::text FROM "{schema}"."{name}" t ORDER BY 1').fetchall()
            for schema, name, kind, _ in relations
            if kind == "r"
        }
    return {"relations": relations, "schemas": schemas, "rows": rows}


@pytest.fixture
def school(cluster: Procfile) -> Path:
    path = cluster.sources / "school.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(
            """CREATE TABLE pupil (id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL, joined DATETIME);
               CREATE TABLE mark (pupil_id INTEGER REFERENCES pupil, subject TEXT, grade REAL,
                                  PRIMARY KEY (pupil_id, subject)) WITHOUT ROWID;
               CREATE TABLE empty (x INTEGER);
               CREATE INDEX pupil_name ON pupil (name);"""
        )
        connection.executemany(
            "INSERT INTO pupil VALUES (?, ?, ?)",
            [(n, f"Zoë {n} 学生", f"2031-05-{n % 28 + 1:02d} 08:00:00") for n in range(1, 3001)],
        )
        connection.executemany(
            "INSERT INTO mark VALUES (?, ?, ?)",
            [(n, s, n / 7) for n in range(1, 3001) for s in ("math", "art")],
        )
    return path


def test_flower_shows_producer_and_worker(cluster: Procfile) -> None:
    names = {name.partition("@")[0] for name in workers(cluster)}

    assert names == {"producer.1", "worker.1"}


def test_flower_asks_for_its_login(cluster: Procfile) -> None:
    answer = httpx.get(cluster.flower.base_url.join("/api/workers"), trust_env=False)

    assert answer.status_code == 401


def test_start_status_summary_rollback(cluster: Procfile, school: Path) -> None:
    with psycopg.connect(cluster.target_url) as connection:
        connection.execute("CREATE TABLE pupil (name text PRIMARY KEY); INSERT INTO pupil VALUES ('kept')")
        connection.execute("CREATE TABLE bystander (x int); INSERT INTO bystander VALUES (1)")
    before = contents(cluster.target_url)
    source_bytes = school.read_bytes()

    status = cluster.migrate({"sources": ["school.db"], "options": {"if_exists": "replace"}})

    assert (status["phase"], status["percent"], status["error"]) == ("completed", 100.0, None)
    assert status["rows"]["done"] == status["rows"]["total"] == 9000
    summary = cluster.client.get(status["links"]["summary"]).json()
    assert summary["status"] == "completed"
    assert {table["name"]: table["equal"] for table in summary["tables"]} == dict.fromkeys(
        ("pupil", "mark", "empty"), True
    )
    with psycopg.connect(cluster.target_url) as connection:
        loaded = connection.execute("SELECT count(*), min(name) FROM pupil").fetchone()
    assert loaded == (3000, "Zoë 1 学生")

    rolled_back = cluster.client.post(status["links"]["rollback"])

    assert (rolled_back.status_code, rolled_back.json()["status"]) == (200, "rolled_back")
    assert contents(cluster.target_url) == before
    assert school.read_bytes() == source_bytes
    again = cluster.client.post(status["links"]["rollback"])
    assert (again.status_code, again.json()["type"]) == (409, "urn:convoy:problem:rollback-refused")
    assert cluster.client.get(status["links"]["status"]).json()["phase"] == "rolled_back"


@pytest.mark.shared
def test_chinook_there_and_back(cluster: Procfile, shared_databases: Path) -> None:
    found = next((shared_databases / "chinook").glob("*.[sd][qb]*"))
    (cluster.sources / "chinook.db").write_bytes(found.read_bytes())
    before = contents(cluster.target_url)

    status = cluster.migrate({"sources": ["chinook.db"], "options": {"target_schema": "music"}})

    assert status["phase"] in {"completed", "completed_with_findings"}
    summary = cluster.client.get(status["links"]["summary"]).json()
    assert all(table["equal"] for table in summary["tables"])
    assert sum(table["rows_loaded"] for table in summary["tables"]) == status["rows"]["total"] > 15_000
    assert cluster.client.post(status["links"]["rollback"]).status_code == 200
    assert contents(cluster.target_url) == before


def test_dry_run_and_validate_through_the_api(cluster: Procfile, school: Path) -> None:
    before = contents(cluster.target_url)

    for path in ("dry-run", "validate"):
        body = {"sources": [school.name], "options": {"target_schema": "nowhere"}}
        links = cluster.client.post(f"{V1}/{path}", json=body).json()["links"]

        def finished(at: str = links["status"]) -> dict[str, Any] | None:
            status: dict[str, Any] = cluster.client.get(at).json()
            return status if status["finished"] else None

        status = wait_for(finished, RUN_SECONDS, f"The end of {path}")
        expected = "completed" if path == "dry-run" else "completed_with_findings"
        assert status["phase"] == expected, status["error"]
        assert cluster.client.get(links["summary"]).json()["mode"] == path
    assert contents(cluster.target_url) == before


def test_a_source_that_is_no_database_fails_and_says_why(cluster: Procfile) -> None:
    (cluster.sources / "letter.db").write_text("Dear reader, " * 100)

    status = cluster.migrate({"sources": ["letter.db"]})

    assert status["phase"] == "failed"
    assert "database" in status["error"]


def test_no_password_shows_in_the_log_or_the_process_list(cluster: Procfile) -> None:
    lines = [" ".join(process.cmdline()) for process in cluster.processes()]
    log = cluster.log.read_text(errors="replace")

    assert len(lines) > 6
    assert [line for line in lines if any(secret in line for secret in cluster.passwords)] == []
    assert [secret for secret in cluster.passwords if secret in log] == []


def test_sigterm_stops_everything(cluster: Procfile) -> None:
    """The last test of this file: it takes the cluster down, in the middle of a run."""
    assert len(cluster.processes()) > 6
    with closing(sqlite3.connect(cluster.sources / "long.db")) as connection, connection:
        connection.execute("CREATE TABLE line (id INTEGER PRIMARY KEY, words TEXT)")
        connection.executemany("INSERT INTO line VALUES (?, ?)", ((n, f"{n:>60}") for n in range(400_000)))
    body = {"sources": ["long.db"], "options": {"chunk_rows": 400_000}}
    status = cluster.client.post(f"{V1}/start", json=body).json()["links"]["status"]

    def copies() -> bool | None:
        return True if cluster.client.get(status).json()["phase"] == "copying" else None

    wait_for(copies, RUN_SECONDS, "The copying")

    cluster.honcho.send_signal(signal.SIGTERM)
    cluster.honcho.wait(STOP_SECONDS)

    wait_for(lambda: None if cluster.processes() else True, STOP_SECONDS, "The end of all processes")
    farewell = cluster.log.read_text(errors="replace").partition("SIGTERM received")[2]
    assert [word for word in ("Traceback", "SIGKILL", "ERROR") if word in farewell] == []
