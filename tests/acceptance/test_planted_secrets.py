"""A secret in every place that one can be given in, and none of them in anything that comes out.

A whole cluster runs with them: API, producer, worker, Flower, on a broker with a password; commands succeed, fail and
crash beside it. Then everything is searched that anybody else can see.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import psycopg
import pytest
from redis import Redis

from tests.support.planted_secrets import PLANTED_IN, Scene, planted_cluster, wait_for

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


@pytest.fixture(scope="module")
def scene(postgres_url: str) -> Iterator[Scene]:
    with planted_cluster(postgres_url) as found:
        yield found


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
    for number in range(4):
        last_words = scene.outputs[f"#{number} {jobs[number][0][0]}: stderr"][-1500:]
        assert statuses[number] == 0, last_words
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
