"""One cluster and one API that serve three databases: the default one, `shop` beside it, `crm` on another server."""

from __future__ import annotations

import socket
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import uvicorn
from pydantic import SecretStr

from api.__main__ import Server
from api.app import create_app
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster
from producer.embedded.embedded_postgres import EmbeddedPostgres
from tests.support.api import TOKEN

V1 = "/api/v1/migration"
PATIENCE_SECONDS = 120
PASSWORD = "planted-crm-pass-9"
ENDS = {"completed", "completed_with_findings", "failed", "cancelled", "rolled_back"}


@dataclass
class SeveralTargets:
    """What runs, and where; `urls` has each database by the name of its target."""

    cluster: LocalCluster
    client: httpx.Client
    urls: dict[str, str]
    file: Path
    sources: Path

    def write_file(self, *names: str, **more: str) -> None:
        """Let the file have these targets, and more of them by URL."""
        lines = [
            f'[{name}]\nurl = "{url}"' for name, url in [(n, self.urls[n]) for n in names] + [*more.items()]
        ]
        text = "\n".join(lines).replace("[crm]", '[crm]\npassword_file = "crm.password"')
        new = self.file.with_suffix(".new")
        new.write_text(text + "\n")
        new.replace(self.file)

    def source(self, name: str, rows: int = 200) -> str:
        """Make a database below the API's root, and return what requests call it."""
        with closing(sqlite3.connect(self.sources / f"{name}.db")) as connection:
            connection.execute("CREATE TABLE item (id INTEGER PRIMARY KEY, body TEXT)")
            connection.executemany(
                "INSERT INTO item VALUES (?, ?)", ((number, "x" * 200) for number in range(1, rows + 1))
            )
            connection.commit()
        return f"{name}.db"

    def start(
        self, source: str, target: str | None, headers: dict[str, str] | None = None, **options: Any
    ) -> str:
        """Start a run into a schema that is named like its source."""
        options.setdefault("target_schema", source.removesuffix(".db"))
        body = {"sources": [source], "options": options} | ({"target": target} if target else {})
        answer = self.client.post(f"{V1}/start", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["run_id"])

    def status(self, run_id: str) -> dict[str, Any]:
        answer = self.client.get(f"{V1}/{run_id}/status")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait(self, run_id: str, *phases: str) -> dict[str, Any]:
        """Return the status of a run once it is in one of these phases, or at an end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (found := self.status(run_id))["status"] not in (set(phases) or ENDS):
            if time.monotonic() > deadline or found["finished"]:
                logs = "\n".join(
                    f"{path.name}: {path.read_text()[-3000:]}"
                    for path in sorted(self.cluster.logs.glob("*.log"))
                )
                raise AssertionError(f"{found}\n{logs}")
            time.sleep(0.1)
        return found

    def query(self, target: str, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.urls[target]) as connection:
            return connection.execute(statement).fetchall()

    def kill_workers(self) -> None:
        """Kill worker and pool children with SIGKILL, and let the cluster start others."""
        for name, pid in self.cluster.pids.items():
            if name.startswith("worker"):
                process = psutil.Process(pid)
                for victim in (*process.children(recursive=True), process):
                    victim.kill()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.cluster.check() and time.monotonic() < deadline:
            time.sleep(0.05)


def await_true(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


@contextmanager
def several_targets(postgres_url: str, folder: Path) -> Iterator[SeveralTargets]:
    """Run them for the time of the block; watchdog and leases are quick."""
    with tempfile.TemporaryDirectory(prefix="convoy-test-") as passable, ExitStack() as stack:
        # Not below pytest's own folder: each new session closes that to the user of the server.
        server = EmbeddedPostgres(Path(passable) / "crm", settings={"fsync": "off"})
        server.start()
        stack.callback(server.stop)
        urls = {"crm": server.ensure_database("crm")}
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            for name in ("default", "shop"):
                connection.execute(f'CREATE DATABASE "several_{name}" TEMPLATE template0')
                stack.callback(_drop_database, postgres_url, f"several_{name}")
                urls[name] = postgres_url.replace("/postgres?", f"/several_{name}?", 1)
        sources = folder / "sources"
        sources.mkdir()
        file = folder / "targets.toml"
        (folder / "crm.password").write_text(f"{PASSWORD}\n")
        settings = Settings(
            targets_file=file,
            snapshot_dir=folder / "snapshots",
            report_dir=folder / "reports",
            embedded_dir=folder / "postgres",
            watchdog_seconds=1,
            lease_seconds=3,
            silence_seconds=5,
            source_root=sources,
            api_token=TOKEN,  # type: ignore[arg-type]
            _env_file=None,
        )
        # Neither is there yet, and the file has to be.
        made = SeveralTargets(None, None, urls, file, sources)  # type: ignore[arg-type]
        made.write_file("shop", "crm")
        cluster = stack.enter_context(LocalCluster(target=urls["default"], workers=2, settings=settings))
        cluster.wait_ready()
        known = {"target_url": SecretStr(urls["default"]), "broker_url": cluster.broker_url}
        client = stack.enter_context(serving_api(settings.model_copy(update=known)))
        yield replace(made, cluster=cluster, client=client)


def _drop_database(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def serving_api(settings: Settings) -> Iterator[httpx.Client]:
    """Serve the API in a thread of this process."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = create_app(settings)
    server = Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5), app)
    # Signals belong to the main thread, which is pytest's.
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            deadline = time.monotonic() + 20
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            yield client
    finally:
        server.handle_exit(15, None)
        thread.join(timeout=30)
        listener.close()
