"""A broker with TLS, certificates of clients and users with rights: a whole migration over it, and what is said where
one of these is wrong.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from kombu import pools
from redis import Redis

from api.cluster_connections import Cluster
from api.idempotency_keys import wake
from migration.errors import BrokerError
from migration.queue import check_broker, make_app, send_advance
from tests.support.api import api_settings
from tests.support.guarded_redis import PASSWORD, GuardedRedis, guarded_redis
from tests.support.running_processes import free_ports
from tests.support.shell import Shell, make_database, wait_until


@pytest.fixture(autouse=True)
def _connections_of_its_own() -> Iterator[None]:
    """kombu finds pools by host and login, whatever certificates their connections were made with.

    They are forgotten, not closed: applications of other tests in this process hold theirs.
    """
    _forget_pools()
    yield
    _forget_pools()


def _forget_pools() -> None:
    pools.connections.clear()
    pools.producers.clear()


@pytest.fixture(scope="module")
def broker() -> Iterator[GuardedRedis]:
    with tempfile.TemporaryDirectory(prefix="convoy-test-") as folder, guarded_redis(Path(folder)) as found:
        yield found


def test_a_cluster_works_over_it(broker: GuardedRedis, target_url: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path, target_url)
    (port,) = free_ports(1)
    shell.environment |= {
        "MIGRATION_BROKER_URL": broker.url(),
        "MIGRATION_WATCHDOG_SECONDS": "600",  # what the broker does not bring does not come
        "FLOWER_BASIC_AUTH": "me:login",
        "FLOWER_PORT": str(port),
        "PYTHONPATH": str(Path.cwd()),
    }
    celery = [sys.executable, "-m", "celery", "-A"]
    commands = [
        [
            *celery,
            "producer.app",
            "worker",
            "-Q",
            "control",
            "--pool",
            "threads",
            "--concurrency",
            "2",
            "-n",
            "p@%h",
        ],
        [*celery, "worker.app", "worker", "-Q", "copy", "--concurrency", "1", "-n", "w@%h"],
        [sys.executable, "-m", "producer.flower_server"],
    ]
    log = tmp_path / "processes.log"
    with ExitStack() as stack, log.open("wb") as output:
        for command in commands:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=shell.environment, stdout=output, stderr=subprocess.STDOUT
            )
            stack.callback(process.wait, 60)
            stack.callback(process.send_signal, signal.SIGTERM)

        status, out, error = shell.run(
            "migrate", "--source", str(make_database(tmp_path / "shop.db", rows=20))
        )

        assert status == 0, out + error + log.read_text()
        assert wait_until(lambda: len(workers(port)) == 2), log.read_text()
    assert PASSWORD not in log.read_text()


def workers(port: int) -> list[str]:
    try:
        answer = httpx.get(
            f"http://127.0.0.1:{port}/api/workers",
            auth=("me", "login"),
            params={"refresh": "1"},
            trust_env=False,
        )
    except httpx.TransportError:
        return []
    return list(answer.json()) if answer.status_code == 200 else []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wrong password", "refuses the login"),
        ("wrong user", "refuses the login"),
        ("other authority", "do not agree on TLS: .*CERTIFICATE_VERIFY_FAILED"),
        ("no certificate", "(do not agree on TLS|does not answer)"),
        ("plain", "does not answer"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(broker: GuardedRedis, name: str, words: str) -> None:
    url = {
        "wrong password": broker.url(password="wrong"),
        "wrong user": broker.url(user="nobody"),
        "other authority": broker.url(ssl_ca_certs=broker.other_authority),
        "no certificate": broker.url(ssl_certfile=Path(), ssl_keyfile=Path()),
        "plain": broker.url(scheme="redis").partition("?")[0],
    }[name]

    began = time.monotonic()
    with pytest.raises(BrokerError, match=words) as refused:
        check_broker(url)
    app = make_app(api_settings(None, broker_url=url))
    with pytest.raises(BrokerError) as unsent:
        send_advance(app, "0")
    app.close()

    assert PASSWORD not in f"{refused.value}{unsent.value}"
    assert time.monotonic() - began < 120  # nobody waits for ever


def test_start_says_that_no_new_connection_comes_about_though_an_old_one_takes_its_message(
    broker: GuardedRedis, tmp_path: Path
) -> None:
    # Given an API that has sent a message
    authority = tmp_path / "ca.pem"
    authority.write_bytes(broker.authority.read_bytes())
    cluster = Cluster(api_settings(None, broker_url=broker.url(ssl_ca_certs=authority)))
    try:
        assert wait_until(lambda: wake(cluster, "0") is None), "the broker takes nothing"
        # When certificates are refused from now on: what is open stays open
        authority.write_bytes(broker.other_authority.read_bytes())
        note = wake(cluster, "1")
    finally:
        cluster.close()
    # Then it is said what processes will find that come back to the broker
    assert note is not None
    assert "do not agree on TLS" in note
    assert "starts when the producer finds it there" in note


def test_the_user_of_the_documents_may_not_administer(broker: GuardedRedis) -> None:
    with Redis.from_url(broker.url()) as client:
        assert client.ping()
        for command in ("CONFIG GET *", "FLUSHALL", "SHUTDOWN", "ACL LIST", "KEYS *", "MONITOR"):
            with pytest.raises(Exception, match="permissions"):
                client.execute_command(*command.split())
