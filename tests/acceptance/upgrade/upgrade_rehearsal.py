"""`make upgrade-rehearsal [FROM=COMMIT]`: a run begun by an earlier Convoy, killed, and finished by this one.

Both are wheels in environments of their own, built as docs/upgrading.md says; servers, processes and commands are real.
It prints what it sees, and ends with status 1 where the run is not proved. The tests have its short form, without the
earlier program: what this has left in the database (`--write`) is loaded there (tests/acceptance/upgrade/).
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.embedded_valkey import EmbeddedValkey
from tests.support.replacement import pg_dump
from tests.support.running_processes import free_port
from tests.support.shell import make_database

PROJECT = Path(__file__).resolve().parents[3]
FIRST_RELEASE = "23d65b9"
"""The last commit of 0.1.0."""
ROWS = 150
PATIENCE_SECONDS = 120
_PROCESSES = {
    "producer": ("producer.app", "-Q", "control", "--pool", "threads", "--concurrency", "2"),
    "worker": ("worker.app", "-Q", "copy", "--concurrency", "2"),
}
_NOISE = re.compile(r"^(?:--.*|SET .*|SELECT pg_catalog\.set_config.*|\\.*|)$")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


class Installed:
    """An environment with one version of Convoy in it, and its processes on the servers of the rehearsal."""

    def __init__(self, folder: Path, wheel: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        venv.create(folder / "venv", with_pip=True)
        pip = [self.bin / "python", "-m", "pip", "install", "--quiet", "--no-input", f"{wheel}[embedded]"]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)

    @property
    def bin(self) -> Path:
        return self.folder / "venv" / "bin"

    def start(self, *kinds: str) -> None:
        for kind in kinds:
            log = (self.folder.parent / f"{self.folder.name}-{kind}.log").open("ab")
            command = [
                self.bin / "python",
                "-m",
                "celery",
                "-A",
                *_PROCESSES[kind][:1],
                "worker",
                *_PROCESSES[kind][1:],
            ]
            self.running[kind] = subprocess.Popen(
                [*command, "-n", f"{kind}-{self.folder.name}@host", "--loglevel", "INFO"],
                cwd=self.folder.parent,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, *kinds: str) -> None:
        """As `kill -9` of the whole process, pool children included."""
        for kind in kinds:
            process = self.running.pop(kind)
            os.killpg(process.pid, 9)
            process.wait()

    def log(self, kind: str) -> str:
        return (self.folder.parent / f"{self.folder.name}-{kind}.log").read_text(errors="replace")

    def command(self, *arguments: str) -> tuple[int, str]:
        """Type a command; returns its status and all that it says."""
        done = subprocess.run(
            [self.bin / "migration-cli", *arguments],
            cwd=self.folder.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS * 2,
            check=False,
        )
        said = done.stdout + done.stderr
        _say(f"\n$ migration-cli {' '.join(arguments)}        # {self.folder.name}, status {done.returncode}")
        _say("\n".join(f"  {line}" for line in said.splitlines()[-25:]))
        return done.returncode, said


def build_wheel(source: Path | str, folder: Path) -> Path:
    """Build the wheel of a checkout, or of a commit of this one: the ways of docs/upgrading.md."""
    if isinstance(source, str):
        folder.mkdir(parents=True)
        archive = subprocess.Popen(["git", "-C", PROJECT, "archive", source], stdout=subprocess.PIPE)
        subprocess.run(["tar", "x", "-C", folder], stdin=archive.stdout, check=True)
        assert archive.wait() == 0, f"git archive {source}"
        source = folder
    dist = folder.with_name(f"{folder.name}-dist")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", dist, source]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    (wheel,) = dist.glob("*.whl")
    return wheel


@contextmanager
def servers(folder: Path) -> Iterator[tuple[str, str]]:
    """PostgreSQL and Valkey of their own; yields the URLs of target and broker."""
    postgres = EmbeddedPostgres(
        folder / "postgres",
        settings={"fsync": "off", "listen_addresses": "127.0.0.1", "port": str(free_port())},
    )
    valkey = EmbeddedValkey(folder / "valkey")
    postgres.start()
    try:
        valkey.start()
        try:
            with psycopg.connect(postgres.url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE rehearsal TEMPLATE template0")
            yield postgres.url.replace("/postgres?", "/rehearsal?"), valkey.url
        finally:
            valkey.stop()
    finally:
        postgres.stop()


def wait_for(ready: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := ready()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
    return found


@contextmanager
def stopped_in_the_midst(old: Installed, target: str, source: Path) -> Iterator[str]:
    """Begin a run with the old version; yields its id once some of its chunks are done and no more can be."""
    follower = subprocess.Popen(
        [
            old.bin / "migration-cli",
            "migrate",
            "--source",
            source,
            "--target-schema",
            "shop",
            "--chunk-rows",
            "10",
        ],
        cwd=old.folder.parent,
        env=old.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with psycopg.connect(target, autocommit=True) as looking, psycopg.connect(target) as locking:

        def one(statement: str) -> Any:
            try:
                row = looking.execute(statement.encode()).fetchone()
            except psycopg.Error:  # there is no ledger yet
                return None
            return row[0] if row else None

        done = "SELECT count(*) FROM convoy.chunks WHERE state = 'done'"
        wait_for(lambda: (one(done) or 0) >= 3, "A chunk")
        schema = one("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'convoy\\_%\\_staging'")
        locking.execute(f'LOCK TABLE "{schema}".book IN SHARE MODE'.encode())
        follower.kill()
        follower.wait()
        run, phase = looking.execute("SELECT id::text, phase FROM convoy.runs").fetchone() or ("", "")
        chunks = looking.execute(
            "SELECT state, count(*) FROM convoy.chunks GROUP BY state ORDER BY 1"
        ).fetchall()
        _say(f"\nA run of the old version, {phase}: {dict(chunks)}")
        assert phase == "copying", phase
        yield str(run)


def write_what_is_left(target: str, source: Path, path: Path) -> None:
    """Write ledger and staging schema as SQL without words of a PostgreSQL version, for the tests."""
    dump = subprocess.run(
        [pg_dump(target), "--inserts", "--no-owner", target], capture_output=True, text=True, check=True
    )
    text = "\n".join(line for line in dump.stdout.splitlines() if not _NOISE.match(line)) + "\n"
    sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
    words = {str(source.parent): "{folder}", sha256: "{sha256}", socket.gethostname(): "host"}
    words |= {getpass.getuser(): "operator"}
    for found, word in words.items():
        text = re.sub(rf"(?<![\\w]){re.escape(found)}(?![\\w])", word, text)
    path.write_text(text, encoding="utf-8")


def go_back(target: str, backup: Path) -> None:
    """Restore the ledger of the old version: the commands of docs/upgrading.md."""
    with psycopg.connect(target) as connection:
        connection.execute("DROP SCHEMA convoy CASCADE")
    restore = [pg_dump(target).with_name("pg_restore"), "--clean", "--if-exists", "--exit-on-error"]
    subprocess.run([*restore, "--dbname", target, backup], check=True)


def rehearse(commit: str, folder: Path, write: Path | None) -> None:
    """Do it all; raises AssertionError where something is not as docs/upgrading.md says."""
    with servers(folder) as (target, broker):
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("MIGRATION_", "PG"))
        } | {
            "MIGRATION_TARGET_URL": target,
            "MIGRATION_BROKER_URL": broker,
            "MIGRATION_LEASE_SECONDS": "5",
            "MIGRATION_WATCHDOG_SECONDS": "2",
        }
        old = Installed(folder / "old", build_wheel(commit, folder / "old-source"), environment)
        new = Installed(folder / "new", build_wheel(PROJECT, folder / "new-source"), environment)
        source = make_database(folder / "shop.db", rows=ROWS)
        old.start("producer", "worker")
        try:
            with stopped_in_the_midst(old, target, source) as run:
                old.kill("worker", "producer")
                if write is not None:
                    write_what_is_left(target, source, write)
            status, said = new.command("doctor")
            assert "older than this Convoy" in said, "the doctor does not name the older ledger"
            backup = folder / "convoy.dump"
            subprocess.run([pg_dump(target), "-Fc", "-n", "convoy*", "-f", backup, target], check=True)
            _say(f"\nA backup of the schemas convoy*: {backup.stat().st_size:,} bytes")
            new.start("worker")  # too early: the ledger is of the old version
            wait_for(lambda: "takes no message until a producer" in new.log("worker"), "The worker's word")
            status, said = new.command("status")
            assert "is of" in said, "nothing says that the ledger was upgraded"
            wait_for(lambda: "worker-new@host ready" in new.log("worker"), "The worker's start")
            new.start("producer")
            status, said = new.command("resume", run)
            assert status == 0, "the run is not proved"
            assert "Proved" in said
            with psycopg.connect(target) as connection:
                found = connection.execute("SELECT count(*), count(DISTINCT id) FROM shop.book").fetchone()
            assert found == (ROWS, ROWS), found
            status, said = old.command("status", run)
            assert status != 0, "the old version works on a newer ledger"
            new.kill("worker", "producer")
            go_back(target, backup)
            status, said = old.command("status", run)
            assert (status, "copying" in said.lower()) == (0, True), "the way back"
            status, said = old.command("cancel", run)
            assert status == 0, "the run that was finished meanwhile is not given up"
        finally:
            for installed in (old, new):
                installed.kill(*installed.running)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Rehearse an upgrade from an earlier commit to this checkout."
    )
    parser.add_argument("--from", dest="commit", default=FIRST_RELEASE)
    parser.add_argument("--write", type=Path, help="write what the old version has left, for the tests")
    arguments = parser.parse_args()
    # Other users, PostgreSQL's, must be able to enter it.
    folder = Path(tempfile.mkdtemp(prefix=f"convoy-rehearsal-{secrets.token_hex(3)}-"))
    folder.chmod(0o755)
    try:
        rehearse(arguments.commit, folder, arguments.write)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _say("\nRehearsed: the run of the old version is proved by the new one.")


if __name__ == "__main__":
    main()
