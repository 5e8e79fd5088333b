"""A whole cluster in which every place that takes a secret has one."""

from __future__ import annotations

import base64
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil
import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg import sql

from producer.embedded.embedded_valkey import EmbeddedValkey
from tests.support.running_processes import free_ports
from tests.support.shell import CLI, make_database

PATIENCE_SECONDS = 120
MARK = "CONVOY_TEST_MARK"
PLANTED_IN = (
    *("target_url", "target_userinfo", "target_password", "target_flag", "PGPASSWORD", "passfile", "broker"),
    *("api_token", "second_token", "flower", "aws_key", "aws_secret", "aws_session", "userinfo", "presigned"),
    *("stage", "wrong_token"),
)


@dataclass
class Scene:
    """A cluster with secrets, what was planted where, and all that came out."""

    folder: Path
    target: str
    broker: str
    planted: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    api: str = ""
    flower: str = ""
    source_server: str = ""
    mark: str = field(default_factory=lambda: secrets.token_hex(8))

    def keep(self, name: str, text: str) -> None:
        """Note something that came out."""
        self.outputs[name] = text

    def run(self, name: str, *arguments: str, **changed: str | None) -> int:
        """Execute a command as its user would; a variable that is None is not set."""
        environment = self.environment | {key: value for key, value in changed.items() if value is not None}
        for key in (key for key, value in changed.items() if value is None):
            environment.pop(key, None)
        folder = self.folder / "commands"
        ended = subprocess.run(
            [*CLI, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        self.keep(f"{name}: stdout", ended.stdout)
        self.keep(f"{name}: stderr", ended.stderr)
        return ended.returncode

    def processes(self) -> list[psutil.Process]:
        """Every process of the cluster, whoever is its parent by now."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.2)


def plant() -> dict[str, str]:
    return {name: f"Pl4nted{secrets.token_hex(8)}" for name in PLANTED_IN}


def signing_key() -> tuple[str, str]:
    """Return a key as the setting has it, and the part of it that is secret."""
    pem = (
        Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    )
    return pem, pem.splitlines()[1]


@contextmanager
def planted_cluster(postgres_url: str) -> Iterator[Scene]:
    """Run the cluster on a database of its own, and take all of it away afterwards."""
    name = f"planted_{uuid.uuid4().hex[:10]}"
    with (
        TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as place,
        psycopg.connect(postgres_url, autocommit=True) as admin,
        ExitStack() as stack,
    ):
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        stack.callback(
            admin.execute, sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)).as_string()
        )
        folder = Path(place)
        planted = plant()
        broker = EmbeddedValkey(folder / "valkey", password=planted["broker"])
        broker.start()
        stack.callback(broker.stop)
        for part in ("sources", "commands", "cluster"):
            (folder / part).mkdir()
        target = postgres_url.replace("/postgres?", f"/{name}?", 1)
        found = Scene(folder, target, broker.url, planted)
        fill_environment(found)
        start_source_server(found, stack)
        start_cluster(found, stack)
        yield found


def fill_environment(scene: Scene) -> None:
    planted = scene.planted
    key, planted["signing_key"] = signing_key()
    passfile = scene.folder / "passfile"
    passfile.write_text(f"*:*:*:*:{planted['passfile']}\n")
    passfile.chmod(0o600)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MIGRATION_", "FLOWER_", "PG", "AWS_"))
    }
    scene.environment = inherited | {
        MARK: scene.mark,
        "PYTHONPATH": str(Path.cwd()),
        "MIGRATION_BROKER_URL": scene.broker,
        "MIGRATION_TARGET_URL": f"{scene.target}&password={planted['target_url']}",
        "MIGRATION_TARGET_PASSWORD": planted["target_password"],
        "PGPASSWORD": planted["PGPASSWORD"],
        "PGPASSFILE": str(passfile),
        "MIGRATION_API_TOKEN": f"{planted['api_token']},{planted['second_token']}",
        "MIGRATION_SIGNING_KEY": key.replace("\n", "\\n"),
        "MIGRATION_SOURCE_ROOT": str(scene.folder / "sources"),
        "MIGRATION_SNAPSHOT_DIR": str(scene.folder / "snapshots"),
        "MIGRATION_LEASE_SECONDS": "5",
        "MIGRATION_WATCHDOG_SECONDS": "2",
        "AWS_ACCESS_KEY_ID": planted["aws_key"],
        "AWS_SECRET_ACCESS_KEY": planted["aws_secret"],
        "AWS_SESSION_TOKEN": planted["aws_session"],
        "FLOWER_BASIC_AUTH": f"me:{planted['flower']}",
    }


class SecretSources(SimpleHTTPRequestHandler):
    """Hands a database to those who show its password or its signature."""

    allowed: tuple[str, str] = ("", "")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""

    def send_head(self) -> Any:
        """Refuse, or answer."""
        login = base64.b64encode(f"me:{self.allowed[0]}".encode()).decode()
        if self.headers["Authorization"] != f"Basic {login}" and self.allowed[1] not in self.path:
            self.send_error(403)
            return None
        return super().send_head()


def start_source_server(scene: Scene, stack: ExitStack) -> None:
    make_database(scene.folder / "sources" / "shop.db", rows=50)
    (scene.folder / "sources" / "letter.db").write_text("Dear reader, " * 50)
    SecretSources.allowed = (scene.planted["userinfo"], scene.planted["presigned"])
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SecretSources, directory=str(scene.folder / "sources"))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    scene.source_server = f"127.0.0.1:{server.server_address[1]}"
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)


def start_cluster(scene: Scene, stack: ExitStack) -> None:
    api_port, flower_port = free_ports(2)
    scene.api, scene.flower = f"http://127.0.0.1:{api_port}", f"http://127.0.0.1:{flower_port}"
    own = {"MIGRATION_API_PORT": str(api_port), "FLOWER_PORT": str(flower_port)}
    celery = ("-m", "celery", "-A")
    commands = {
        "api": ("-m", "api"),
        "producer": (
            *celery,
            "producer.app",
            "worker",
            "-Q",
            "control",
            "--pool",
            "threads",
            "--concurrency",
            "2",
        ),
        "worker": (*celery, "worker.app", "worker", "-Q", "copy", "--concurrency", "1"),
        "flower": ("-m", "producer.flower_server"),
    }
    for name, command in commands.items():
        log = stack.enter_context((scene.folder / "cluster" / f"{name}.log").open("wb"))
        more = ("-n", f"{name}@%h", "--loglevel", "DEBUG") if "celery" in command else ()
        process = subprocess.Popen(
            [sys.executable, "-m", "migration.process_launcher", name, *command, *more],
            env=scene.environment | own,
            cwd=scene.folder / "cluster",
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        stack.callback(stop, process)
    wait_for(lambda: status_of(f"{scene.api}/readyz") == 200, "the API")
    wait_for(lambda: status_of(f"{scene.flower}/healthcheck") == 200, "Flower")


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()


def status_of(url: str) -> int:
    try:
        return httpx.get(url, trust_env=False, timeout=10).status_code
    except httpx.TransportError:
        return 0
