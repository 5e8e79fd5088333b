"""The cluster of one command: the real processes, kept alive while it runs, gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
from pydantic import SecretStr

from migration.convoy_error import ConvoyError
from migration.queue import make_app
from migration.settings import Settings
from producer.embedded.early_start import begin_early
from producer.embedded.embedded_cluster import LocalCluster, _beside

HOLDER = """
import sys
from pathlib import Path
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster

folder = Path(sys.argv[1])
settings = Settings(
    _env_file=None, embedded_dir=folder / "pg", snapshot_dir=folder / "s", report_dir=folder / "r" / "r"
)
with LocalCluster(target="embedded", workers=1, settings=settings) as cluster:
    cluster.wait_ready()
    print(*cluster.pids.values(), flush=True)
    sys.stdin.readline()
"""


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def settings_in(folder: Path) -> Settings:
    return Settings(
        _env_file=None,
        embedded_dir=folder / "pg",
        snapshot_dir=folder / "snapshots",
        report_dir=folder / "out" / "reports",
        target_password=SecretStr("hush-hush"),
    )


def test_processes_take_tasks_and_are_restarted_when_killed(passable_path: Path) -> None:
    with LocalCluster(
        target="embedded",
        open_database=lambda server: server.ensure_database("shop"),
        workers=3,
        worker_processes=2,
        settings=settings_in(passable_path),
    ) as cluster:
        cluster.wait_ready()
        pids = dict(cluster.pids)
        assert set(pids) == {"valkey", "postgres", "producer", "worker1", "worker2"}
        assert len(psutil.Process(pids["worker1"]).children()) == 2
        assert len(psutil.Process(pids["worker2"]).children()) == 1
        everything = [
            process for pid in pids.values() for process in psutil.Process(pid).children(recursive=True)
        ]

        shown = ""
        for process in everything:
            with suppress(psutil.NoSuchProcess):  # PostgreSQL's helpers come and go
                shown += " ".join(process.cmdline())
        assert "celery" in shown
        assert "hush-hush" not in shown
        assert cluster.broker_url not in shown

        app = make_app(settings_in(passable_path).model_copy(update={"broker_url": cluster.broker_url}))
        answers = app.control.ping(timeout=5.0, limit=3)
        app.close()
        assert sorted(name.split("-")[0] for answer in answers for name in answer) == [
            "producer",
            "worker1",
            "worker2",
        ]

        for name in ("worker1", "valkey", "postgres"):
            os.kill(pids[name], signal.SIGKILL)
            assert wait_until(lambda name=name: name in cluster.check())
            assert cluster.pids[name] != pids[name]
        assert psutil.Process(cluster.pids["worker1"]).environ()["MIGRATION_TARGET_PASSWORD"] == "hush-hush"
        with psycopg.connect(cluster.target_url) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("shop",)
        pids |= cluster.pids
    assert wait_until(lambda: all(is_gone(pid) for pid in pids.values()))
    assert wait_until(lambda: all(is_gone(process.pid) for process in everything))
    assert (passable_path / "out" / "logs").is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere each process imports by itself")
def test_processes_are_forked_by_a_fork_server_that_is_gone_then(passable_path: Path) -> None:
    with LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path)) as cluster:
        cluster.wait_ready()
        forked = [psutil.Process(cluster.pids[name]) for name in ("producer", "worker1")]
        assert [process.cmdline()[-1] for process in forked] == ["fork-server", "fork-server"]
        supervisor = forked[0].ppid()
        assert forked[1].ppid() == supervisor
        assert {child.pid for child in psutil.Process(supervisor).children()} == set(cluster.pids.values())


def test_without_a_fork_server_each_process_imports_by_itself(passable_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("producer.embedded.early_start.FORK_SERVER", "no such thing")
    with LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path)) as cluster:
        cluster.wait_ready()
        assert "worker" in psutil.Process(cluster.pids["worker1"]).cmdline()


def test_retired_cluster_has_no_processes_but_its_servers(passable_path: Path) -> None:
    with LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path)) as cluster:
        cluster.wait_ready()
        retired = [cluster.pids[name] for name in ("producer", "worker1")]
        cluster.retire()
        assert all(is_gone(pid) for pid in retired)
        with psycopg.connect(cluster.target_url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_what_a_command_begins_before_its_settings_ends_with_it(passable_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(passable_path))
    tempfile.tempdir = None  # read anew
    try:
        with begin_early() as early:
            assert early is not None
            supervisor = psutil.Process(early.supervisor._process.pid)
            begun = [supervisor, *supervisor.children(recursive=True)]
            assert len(begun) == 1 + (sys.platform == "linux")
            assert early.folder.is_dir()
        assert all(is_gone(process.pid) for process in begun)
        assert list(passable_path.iterdir()) == []
    finally:
        tempfile.tempdir = None


def test_nothing_begins_early_where_a_broker_is_named(monkeypatch) -> None:
    monkeypatch.setenv("MIGRATION_BROKER_URL", "redis://broker.example/0")
    with begin_early() as early:
        assert early is None


def test_thread_that_forks_takes_no_signal_from_the_one_that_holds_them_back() -> None:
    held_back = _beside(lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ())).result(timeout=10)
    assert {signal.SIGINT, signal.SIGTERM} <= held_back
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM}


def test_processes_that_were_not_waited_for_get_ready_or_say_why(passable_path: Path) -> None:
    cluster = LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path))
    try:
        cluster.start(wait_for_forks=False)
        cluster.wait_ready()
        assert {"producer", "worker1"} <= set(cluster.pids)
    finally:
        cluster.stop()


def test_a_cluster_may_be_stopped_while_its_processes_are_imported(passable_path: Path) -> None:
    cluster = LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path))
    cluster.start(wait_for_forks=False)
    supervisor = psutil.Process(cluster.pids["valkey"]).parent()
    assert supervisor is not None
    begun = [supervisor, *supervisor.children(recursive=True)]
    cluster.stop()
    assert all(is_gone(process.pid) for process in begun)
    cluster.stop()


def test_a_process_that_cannot_start_ends_the_cluster_with_its_log(passable_path: Path) -> None:
    with LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path)) as cluster:
        cluster.start_program("broken", [sys.executable, "-c", "raise SystemExit('no such module')"])
        with pytest.raises(ConvoyError, match="no such module"):
            wait_until(lambda: bool(cluster.check()))
        pids = cluster.pids
    assert all(is_gone(pid) for pid in pids.values())


def test_modules_of_the_users_folder_do_not_get_in_the_way(passable_path: Path, monkeypatch) -> None:
    for name in ("worker", "producer", "celery"):
        (passable_path / f"{name}.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(passable_path)
    with LocalCluster(target="embedded", workers=1, settings=settings_in(passable_path)) as cluster:
        cluster.wait_ready()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_of_a_killed_command(passable_path: Path, number: signal.Signals) -> None:
    command = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(passable_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    try:
        assert command.stdout is not None
        pids = [int(word) for word in command.stdout.readline().split()]
        assert len(pids) == 4
        pids += [child.pid for pid in pids for child in psutil.Process(pid).children(recursive=True)]
        os.killpg(command.pid, number)
        command.wait(timeout=60)
        assert wait_until(lambda: all(is_gone(pid) for pid in pids))
    finally:
        command.kill()
        command.communicate()
