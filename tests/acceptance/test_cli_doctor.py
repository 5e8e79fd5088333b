"""`doctor` on real servers that lack something: what it finds, what it says to type, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from migration.announced_targets import announce_target
from tests.support.api import TOKEN
from tests.support.shell import Shell, make_database
from tests.support.stages import serve_snapshots


class _Elsewhere(BaseHTTPRequestHandler):
    """A web server that is somebody else's."""

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_arguments: object) -> None:
        pass


@contextmanager
def served_by(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    return Shell(tmp_path, target_url)


def checks(shell: Shell, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
    status, out, err = shell.run("doctor", "--json", *arguments)
    answer = json.loads(out)
    assert answer["exit_status"] == status, err
    return status, {check["name"]: check for check in answer["checks"]}


def test_all_is_well_and_nothing_is_written(shell: Shell) -> None:
    status, found = checks(shell)

    assert (status, {check["health"] for check in found.values()}) == (0, {"ok"})
    assert {"PostgreSQL", "rights", "ledger", "clock of PostgreSQL", "temporary files"} <= set(found)
    assert shell.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'convoy'") == [(0,)]


def test_a_role_without_rights_is_told_what_to_grant(shell: Shell) -> None:
    shell.execute("DROP ROLE IF EXISTS doctor_guest; CREATE ROLE doctor_guest LOGIN")
    shell.environment["MIGRATION_TARGET_URL"] = shell.target.replace("//postgres@", "//doctor_guest@")
    try:
        status, found = checks(shell)
    finally:
        shell.execute("DROP OWNED BY doctor_guest; DROP ROLE doctor_guest")

    assert (status, found["rights"]["health"]) == (2, "failed")
    assert found["rights"]["command"].startswith("GRANT CREATE ON DATABASE")


def test_a_role_of_the_documents_is_asked_which_schema_its_runs_go_into(shell: Shell) -> None:
    shell.execute("DROP ROLE IF EXISTS doctor_loader; CREATE ROLE doctor_loader LOGIN")
    (name,) = shell.query("SELECT current_database()")[0]
    shell.execute(f'GRANT CREATE ON DATABASE "{name}" TO doctor_loader')
    shell.environment["MIGRATION_TARGET_URL"] = shell.target.replace("//postgres@", "//doctor_loader@")
    try:
        status, found = checks(shell)
        assert (status, found["rights"]["health"]) == (1, "warning")  # runs may go into schemas that it makes
        assert "doctor --target-schema NAME" in found["rights"]["remedy"]
        assert checks(shell, "--target-schema", "shop")[0] == 0
        assert checks(shell, "--target-schema", "public")[0] == 2
        shell.execute(found["rights"]["command"])
        assert checks(shell)[0] == 0
    finally:
        shell.execute("DROP OWNED BY doctor_loader; DROP ROLE doctor_loader")


def test_a_database_in_another_encoding_and_one_that_is_not_there(shell: Shell, postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS doctor_latin")
        connection.execute(
            "CREATE DATABASE doctor_latin ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0"
        )
    try:
        latin = postgres_url.replace("/postgres?", "/doctor_latin?")
        status, found = checks(shell, "--target-url", latin)
        assert (status, "ENCODING 'UTF8'" in found["encoding and pooler"]["command"]) == (2, True)
        status, found = checks(shell, "--target-url", postgres_url.replace("/postgres?", "/nowhere?"))
        assert (status, "nowhere" in found["PostgreSQL"]["found"]) == (2, True)
    finally:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP DATABASE doctor_latin WITH (FORCE)")


def test_a_broker_without_processes_and_one_that_is_away(shell: Shell, valkey_url: str) -> None:
    shell.environment["MIGRATION_BROKER_URL"] = valkey_url
    status, found = checks(shell)
    assert (status, found["broker"]["health"], found["worker on the broker"]["health"]) == (2, "ok", "failed")
    assert "celery -A worker.app worker -Q copy" in found["worker on the broker"]["command"]
    assert found["clock of the broker"]["health"] == "ok"

    shell.environment["MIGRATION_BROKER_URL"] = "redis://:hidden-word@127.0.0.1:1/0"
    status, out, err = shell.run("doctor")
    assert (status, "hidden-word" in out + err) == (2, False)
    assert "The message broker does not answer" in out


def test_a_cluster_of_another_target_is_refused_as_by_migrate(shell: Shell, valkey_url: str) -> None:
    broker = f"{valkey_url.removesuffix('/0')}/5"
    shell.environment["MIGRATION_BROKER_URL"] = broker
    announce_target(broker, "1/else", "postgresql://else/where", lasts_seconds=300)
    status, found = checks(shell)
    told = found["target of the cluster"]
    assert (status, told["health"]) == (2, "failed")
    assert "This cluster writes to postgresql://else/where" in told["found"]
    make_database(shell.folder / "a.db", rows=3)
    status, _, err = shell.run("migrate", "--source", "a.db")
    assert (status, "This cluster writes to postgresql://else/where" in err) == (2, True)


def test_a_worker_of_another_version_is_named(shell: Shell, valkey_url: str) -> None:
    code = (
        "import sys, migration.worker_versions as v; v.own_version = lambda: '0.0.1+ledger.0001';"
        "sys.argv = ['celery', '-A', 'worker.app', 'worker', '-Q', 'copy', '-c', '1', '-n', 'old@host'];"
        "from celery.__main__ import main; main()"
    )
    shell.environment["MIGRATION_BROKER_URL"] = f"{valkey_url.removesuffix('/0')}/7"
    shell.environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    log = shell.folder / "old.log"
    with log.open("wb") as output:
        old = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=shell.folder,
            env=shell.environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 60
        while b" ready." not in log.read_bytes() and old.poll() is None and time.monotonic() < deadline:
            time.sleep(0.2)
        _, found = checks(shell)
    finally:
        old.terminate()
        old.wait(60)

    assert found["worker on the broker"] == {
        "name": "worker on the broker",
        "health": "ok",
        "found": "old@host",
        "remedy": "",
        "command": "",
    }
    assert found["versions"]["health"] == "warning"
    assert "old@host (0.0.1+ledger.0001)" in found["versions"]["found"]
    assert found["versions"]["found"].startswith("older than this ")


def test_secrets_that_everybody_may_read_are_a_warning(shell: Shell) -> None:
    (shell.folder / ".env").write_text("MIGRATION_API_TOKEN=something\n")
    (shell.folder / ".env").chmod(0o644)

    status, found = checks(shell)

    assert (status, found[".env"]["command"]) == (1, "chmod 600 .env")


def test_a_ledger_of_a_newer_version_is_refused_by_all_that_open_it(shell: Shell) -> None:
    assert shell.run("status")[0] == 0
    shell.execute("UPDATE convoy.alembic_version SET version_num = '9999'")

    status, found = checks(shell)
    assert (status, found["ledger"]["health"]) == (2, "failed")

    status, out, err = shell.run("status", "--json")
    error = json.loads(out)["error"]
    assert (status, error["code"]) == (2, "ledger-too-new")
    assert "version 9999, and this Convoy" in err
    assert "Traceback" not in err
    assert shell.query("SELECT version_num FROM convoy.alembic_version") == [("9999",)]


def test_a_stage_is_asked_as_a_worker_would(shell: Shell) -> None:
    folder = shell.folder / "stage"
    folder.mkdir()
    shell.environment["MIGRATION_STAGE_URL"] = str(folder)
    _, found = checks(shell)
    assert (found["stage"]["health"], list(folder.iterdir())) == ("ok", [])

    with serve_snapshots(shell.folder / "snapshots") as port:
        shell.environment |= {"MIGRATION_STAGE_URL": f"http://127.0.0.1:{port}", "MIGRATION_API_TOKEN": TOKEN}
        _, found = checks(shell)
        assert found["stage"]["health"] == "ok"
        shell.environment["MIGRATION_API_TOKEN"] = "hidden-word"
        status, found = checks(shell)
    assert (status, found["stage"]["health"]) == (2, "failed")
    assert "answers 401" in found["stage"]["found"]
    assert found["stage"]["command"] == "migration-cli token create stage --scope run"

    # Nobody listens there any more; and then somebody who is no stage.
    status, found = checks(shell)
    assert (status, found["stage"]["health"]) == (2, "failed")
    with served_by(_Elsewhere) as port:
        shell.environment["MIGRATION_STAGE_URL"] = f"http://127.0.0.1:{port}"
        status, found = checks(shell)
    assert (status, found["stage"]["health"]) == (2, "failed")
    assert "it answers 404" in found["stage"]["found"]


def test_limit_of_connections_is_held_beside_what_a_run_needs(shell: Shell, target_url: str) -> None:
    _, found = checks(shell)
    assert found["connections"]["health"] == "ok"
    shell.execute("CREATE ROLE doctor_of_few LOGIN CONNECTION LIMIT 3")
    try:
        _, found = checks(shell, "--target-url", f"{target_url}&user=doctor_of_few")
        assert found["connections"]["health"] == "warning"
        assert "the role doctor_of_few allows 3, of which 0 are in use" in found["connections"]["found"]
        assert found["connections"]["command"].startswith("ALTER ROLE doctor_of_few CONNECTION LIMIT ")
    finally:
        shell.execute("DROP ROLE doctor_of_few")
