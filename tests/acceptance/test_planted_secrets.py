"""A secret in every place that one can be given in, and none of them in anything that comes out.

A whole cluster runs with them: API, producer, worker, Flower, on a broker with a password; commands succeed, fail and
crash beside it. Then everything is searched that anybody else can see.
"""

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
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from psycopg import sql
from redis import Redis

from producer.embedded.embedded_valkey import EmbeddedValkey
from tests.acceptance.test_procfile import free_ports
from tests.support.shell import CLI, make_database

PATIENCE_SECONDS = 120
MARK = "CONVOY_TEST_MARK"
V1 = "/api/v1/migration"
FLOWER_PAGES = (
    "/",
    "/workers",
    "/tasks",
    "/broker",
    "/metrics",
    "/api/workers",
    "/api/tasks",
    "/api/queues/length",
)
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


@pytest.fixture(scope="module")
def scene(postgres_url: str) -> Iterator[Scene]:
    import tempfile

    name = f"planted_{uuid.uuid4().hex[:10]}"
    with (
        tempfile.TemporaryDirectory(prefix="convoy-test-", ignore_cleanup_errors=True) as place,
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


def use_the_api(scene: Scene) -> None:
    """Start runs that succeed and that fail, and ask for everything, with every token and in every wrong way."""
    planted = scene.planted
    with httpx.Client(base_url=scene.api, trust_env=False, timeout=60) as client:

        def ask(method: str, path: str, token: str = PLANTED_IN[7], **options: Any) -> httpx.Response:
            header = {"Authorization": f"Bearer {planted[token]}"}
            answer = client.request(method, path, headers=header, **options)
            head = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
            scene.keep(f"{method} {path} {token} {options} #{len(scene.outputs)}", f"{head}\n{answer.text}")
            return answer

        runs = [
            ask("POST", f"{V1}/start", json={"sources": [source], "options": options}).json()["run_id"]
            for source, options in (
                ("shop.db", {"target_schema": "api"}),
                ("letter.db", {}),
                ("shop.db", {"target_schema": "api", "if_exists": "refuse"}),
            )
        ]
        for run in runs:
            wait_for(lambda run=run: ask("GET", f"{V1}/{run}/status").json()["finished"], "the end of a run")
        for path in client.get("/openapi.json").json()["paths"]:
            for run in runs[:2]:
                place = path.replace("{id}", run).replace("{table}", "users").replace("{sha256}", "0" * 64)
                for token in ("api_token", "second_token", "wrong_token"):
                    ask("GET", place, token)
        for act in ("pause", "resume", "cutover", "rollback", "cancel", "rollback"):
            ask("POST", f"{V1}/{runs[0]}/{act}")
        wrong = (
            {"sources": [f"http://me:{planted['userinfo']}@{scene.source_server}/shop.db"]},
            {"sources": [f"s3://bucket/shop.db?X-Amz-Signature={planted['presigned']}"]},
            {"sources": ["shop.db"], "target": f"postgresql://me:{planted['target_url']}@host/db"},
            {"sources": ["shop.db"], "options": {"target_pass": planted["target_flag"]}},
        )
        for body in wrong:
            assert ask("POST", f"{V1}/start", json=body).status_code == 422
        ask("POST", f"{V1}/start", content=b'{"sources": "' + planted["userinfo"].encode())


def use_commands(scene: Scene) -> None:
    """Run every command so that it succeeds, and in ways in which it cannot; with tracebacks, too."""
    planted = scene.planted
    shop = str(scene.folder / "sources" / "shop.db")
    nobody = f"postgresql://me:{planted['target_userinfo']}@127.0.0.1:9/shop?connect_timeout=1"
    wrong_url = f"postgresql://me:{planted['target_userinfo']}/@:x@127.0.0.1:99999/shop"
    by_login = f"http://me:{planted['userinfo']}@{scene.source_server}/shop.db"
    by_signature = f"http://{scene.source_server}/shop.db?X-Amz-Signature={planted['presigned']}"
    local: dict[str, str | None] = {"MIGRATION_BROKER_URL": None}
    flags = ("--target-pass", planted["target_flag"], "--target-host", "127.0.0.1", "--target-port", "9")
    (scene.folder / "commands" / ".env").write_text(
        f"MIGRATION_TARGET_PASSWORD={planted['target_password']}\n"
    )
    jobs: list[tuple[tuple[str, ...], dict[str, str | None]]] = [
        (("migrate", "--source", shop, "--target-schema", "cli", "--verbose", "--report", "report"), {}),
        (("dry-run", "--source", shop, "--target-schema", "other", "--json"), {}),
        (
            ("migrate", "--source", by_login, "--target-schema", "login", "--report", "login", "--verbose"),
            local,
        ),
        (("migrate", "--source", by_signature, "--target-schema", "signed", "--report", "signed"), local),
        (("migrate", "--source", by_login, "--verbose"), {}),
        (("migrate", "--source", shop, "--target-url", nobody, "--verbose"), local),
        (("migrate", "--source", shop, "--target-url", wrong_url, "--verbose", "--json"), local),
        (("migrate", "--source", shop, *flags, "--verbose"), local),
        (
            ("migrate", "--source", shop, "--verbose", "--json"),
            {"MIGRATION_BROKER_URL": scene.broker.replace("redis", "x")},
        ),
        (
            ("migrate", "--source", shop),
            {"MIGRATION_BROKER_URL": f"redis://:{planted['broker']}@127.0.0.1:9/0"},
        ),
        (
            ("migrate", "--source", shop),
            {"MIGRATION_BROKER_URL": scene.broker.replace(":" + planted["broker"], ":wrong")},
        ),
        (("migrate", "--source", shop, "--verbose"), {"MIGRATION_SIGNING_KEY": planted["signing_key"]}),
        (
            ("validate", "--source", shop, "--target-schema", "nowhere"),
            {"MIGRATION_API_PORT": planted["api_token"]},
        ),
        (("status",), {}),
        (("status", "--json"), {}),
        (("status", "--json", "--target-url", nobody), {}),
        (("token", "list", "--all", "--json"), {}),
        (("token", "revoke", "nobody", "--verbose"), {}),
        (("resume", "ffffffff", "--verbose"), {}),
        (("cleanup", "--json"), {}),
        (("list-tables", "--source", by_login), local),
        (
            ("status",),
            {
                "MIGRATION_TARGET_PASSWORD_FILE": str(scene.folder / "passfile"),
                "MIGRATION_TARGET_PASSWORD": "x",
            },
        ),
    ]
    with ThreadPoolExecutor(3) as pool:
        started = {
            pool.submit(scene.run, f"#{number} {arguments[0]}", *arguments, **changed): arguments
            for number, (arguments, changed) in enumerate(jobs)
        }
        statuses = [future.result() for future in started]
    assert statuses[:4] == [0, 0, 0, 0], [scene.outputs[f"#{n} {jobs[n][0][0]}: stderr"] for n in range(4)]
    assert all(status in {2, 3} for status in statuses[4:13]), statuses


def use_flower(scene: Scene) -> None:
    with httpx.Client(base_url=scene.flower, trust_env=False, timeout=60) as client:
        for path in FLOWER_PAGES:
            for auth in (("me", scene.planted["flower"]), None):
                answer = client.get(path, auth=auth)
                scene.keep(f"Flower {path} {auth is not None}", f"{answer.headers}\n{answer.text}")
        tasks = client.get("/api/tasks", auth=("me", scene.planted["flower"])).json()
        for uuid_of_task in list(tasks)[:10]:
            answer = client.get(f"/task/{uuid_of_task}", auth=("me", scene.planted["flower"]))
            scene.keep(f"Flower task {uuid_of_task}", answer.text)


def look_everywhere(scene: Scene) -> None:
    """Take down what is in the ledger, in the broker, in files and in the list of processes."""
    with psycopg.connect(scene.target) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'convoy'::regnamespace AND relkind = 'r'"
        ).fetchall()
        for (table,) in tables:
            rows = connection.execute(f'SELECT t::text FROM convoy."{table}" t').fetchall()
            scene.keep(f"ledger: {table}", "\n".join(row[0] for row in rows))
        activity = connection.execute(
            "SELECT coalesce(query, '') || application_name FROM pg_stat_activity"
        ).fetchall()
        scene.keep("pg_stat_activity", "\n".join(row[0] or "" for row in activity))
    with Redis.from_url(scene.broker) as broker:
        for key in broker.scan_iter():
            kind = broker.type(key)
            read = {
                b"list": lambda k: broker.lrange(k, 0, -1),
                b"hash": broker.hgetall,
                b"set": broker.smembers,
            }
            value = read.get(kind, broker.dump)(key)
            scene.keep(f"broker: {key!r}", repr(value))
    for process in scene.processes():
        try:
            scene.keep(f"process {process.pid}", " ".join(process.cmdline()))
        except psutil.Error:
            continue
    for path in [*(scene.folder / "cluster").rglob("*"), *(scene.folder / "commands").rglob("*")]:
        if path.is_file() and path.name != ".env" and "snapshots" not in path.parts:
            scene.keep(f"file {path.relative_to(scene.folder)}", path.read_text(errors="replace"))


@pytest.mark.timeout(600)
def test_no_secret_is_in_anything_that_comes_out(scene: Scene) -> None:
    with ThreadPoolExecutor(1) as pool:
        api = pool.submit(use_the_api, scene)
        use_commands(scene)
        api.result()
    use_flower(scene)
    look_everywhere(scene)

    hits = [
        f"{where} of {name}: ...{text[max(0, text.find(secret) - 80) : text.find(secret)]}***"
        for name, text in scene.outputs.items()
        for where, secret in scene.planted.items()
        if secret in text
    ]

    assert hits == []
    assert len(scene.outputs) >= 200
    assert len(scene.planted) == len(PLANTED_IN) + 1
