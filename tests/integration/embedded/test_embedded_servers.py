"""The embedded servers: they start, keep their data, serve several commands, and always stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from migration.convoy_error import ConvoyError
from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.embedded_valkey import EmbeddedValkey
from producer.embedded.supervisor_client import Program, SupervisorClient

# Starts both servers, prints the pids of everything that must not outlive it, and waits.
HOLDER = """
import signal, sys, time
from pathlib import Path
from producer.embedded.supervisor_client import SupervisorClient
from producer.embedded.embedded_postgres import EmbeddedPostgres
from producer.embedded.embedded_valkey import EmbeddedValkey

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever ran the tests may have ignored it (nohup)
folder = Path(sys.argv[1])
private = folder / "private"
private.mkdir()
supervisor = SupervisorClient(remove=private)
try:
    EmbeddedPostgres(folder / "pg", supervisor=supervisor).start()
    EmbeddedValkey(private / "valkey", supervisor=supervisor).start()
    print(supervisor._process.pid, *supervisor.pids.values(), flush=True)
    sys.stdin.readline()
    if sys.argv[2] == "raise":
        raise RuntimeError("on purpose")
finally:
    supervisor.close()
"""


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def children_of(pids: list[int]) -> list[int]:
    return [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]


@pytest.fixture
def hold(passable_path: Path) -> Iterator[Callable[[str], tuple[subprocess.Popen[str], list[int]]]]:
    started: list[subprocess.Popen[str]] = []

    def start(ending: str) -> tuple[subprocess.Popen[str], list[int]]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(passable_path), ending],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        assert len(pids) == 3
        return process, pids + children_of(pids)

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("ending", ["normal", "raise"])
def test_nothing_is_left_when_the_command_ends(hold, passable_path, ending) -> None:
    process, pids = hold(ending)
    process.communicate("\n", timeout=30)
    assert [pid for pid in pids if not is_gone(pid)] == []
    assert not (passable_path / "private").exists()
    assert (passable_path / "pg" / "PG_VERSION").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_when_the_command_is_killed(hold, passable_path, number) -> None:
    process, pids = hold("normal")
    os.killpg(process.pid, number)  # as the terminal does: the whole foreground group
    process.wait(timeout=30)
    assert wait_until(lambda: all(is_gone(pid) for pid in pids))
    assert wait_until(lambda: not (passable_path / "private").exists())


def test_a_killed_command_leaves_a_cleanly_stopped_database(hold, passable_path) -> None:
    process, pids = hold("normal")
    process.kill()
    process.wait()
    assert wait_until(lambda: all(is_gone(pid) for pid in pids))
    assert "database system is shut down" in (passable_path / "pg" / "server.log").read_text()


def test_postgres_keeps_its_data_and_starts_fast_the_second_time(passable_path) -> None:
    server = EmbeddedPostgres(passable_path / "deep" / "pg")
    server.start()
    url = server.ensure_database("Ünïcode name")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (id int)")
    server.stop()

    started = time.monotonic()
    server.start()
    assert time.monotonic() - started < 1.0
    with psycopg.connect(server.ensure_database("Ünïcode name")) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW max_wal_size").fetchone() == ("4GB",)
    server.stop()


def test_the_last_of_two_commands_stops_the_server_that_they_share(passable_path) -> None:
    first, second = EmbeddedPostgres(passable_path / "pg"), EmbeddedPostgres(passable_path / "pg")
    first.start()
    second.start()
    pid = int((passable_path / "pg" / "postmaster.pid").read_text().split()[0])
    first.stop()
    with psycopg.connect(second.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    second.stop()
    assert is_gone(pid)


def test_a_path_too_long_for_a_socket_gets_a_private_one(passable_path) -> None:
    server = EmbeddedPostgres(passable_path / ("long" * 30) / "pg")
    server.start()
    try:
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        socket_folder = Path(server.url.split("host=")[1].split("&")[0])
        assert socket_folder.stat().st_mode & 0o077 == 0
    finally:
        server.stop()
    socket_folder.rmdir()


def test_a_server_that_does_not_start_shows_its_log(passable_path) -> None:
    server = EmbeddedPostgres(passable_path / "pg", settings={"shared_buffers": "nonsense"})
    with pytest.raises(ConvoyError, match="shared_buffers"):
        server.start()


def test_valkey_keeps_its_queue_over_a_kill(passable_path) -> None:
    supervisor = SupervisorClient()
    server = EmbeddedValkey(passable_path / "valkey", supervisor=supervisor)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.rpush("queue", "task")
            client.config_set("appendfsync", "always")
            client.rpush("queue", "task")
        url = server.url
        os.kill(supervisor.pids["valkey"], signal.SIGKILL)
        assert wait_until(lambda: supervisor.exits().get("valkey") == -signal.SIGKILL)
        server.start()
        assert server.url == url
        with redis.Redis.from_url(url) as client:
            assert client.llen("queue") == 2
    finally:
        supervisor.close()


def test_valkey_refuses_who_does_not_know_the_password(valkey_url: str) -> None:
    host_and_port = valkey_url.rpartition("@")[2]
    with (
        redis.Redis.from_url(f"redis://{host_and_port}") as client,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        client.ping()


def test_a_program_deaf_to_its_signals_is_killed_with_its_children(passable_path) -> None:
    script = "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000"
    supervisor = SupervisorClient()
    pid = supervisor.start(
        Program(
            name="deaf",
            argv=["/bin/sh", "-c", script],
            log=passable_path / "log",
            cwd=passable_path,
            stop=((signal.SIGTERM, 0.2),),
        )
    )
    assert wait_until(
        lambda: (passable_path / "child").exists() and bool((passable_path / "child").read_text().strip())
    )
    child = int((passable_path / "child").read_text())
    supervisor.close()
    assert is_gone(pid)
    assert wait_until(lambda: is_gone(child))


def test_a_program_that_does_not_exist_is_one_sentence(passable_path) -> None:
    supervisor = SupervisorClient()
    try:
        with pytest.raises(ConvoyError, match="Cannot start ghost"):
            supervisor.start(Program(name="ghost", argv=["/no/such/program"], log=passable_path / "log"))
    finally:
        supervisor.close()


def test_servers_are_stopped_even_when_the_supervisor_was_killed(passable_path) -> None:
    supervisor = SupervisorClient()
    EmbeddedPostgres(passable_path / "pg", supervisor=supervisor).start()
    EmbeddedValkey(passable_path / "valkey", supervisor=supervisor).start()
    pids = list(supervisor.pids.values())
    os.kill(supervisor._process.pid, signal.SIGKILL)
    with pytest.raises(ConvoyError, match="supervisor"):
        wait_until(lambda: bool(supervisor.exits()))
    supervisor.close()
    assert wait_until(lambda: all(is_gone(pid) for pid in pids))
