"""A real worker process, out of whose event loop errors come that Celery does not know, and that breaks as it mends."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from migration.queue import make_app
from migration.settings import Settings

PATIENCE_SECONDS = 60
WORKER = """
import sys
from celery.bootsteps import StartStopStep
from migration import lasting_consumer
from migration.queue import make_app
from migration.settings import Settings

lasting_consumer._PAUSE_SECONDS = 0.01
app = make_app(Settings(broker_url=sys.argv[1], _env_file=None))
queue = sys.argv[2]


@app.task(name="convoy.test.mark")
def mark(name):
    app.backend.client.rpush(f"{queue}.marks", f"{name} {__import__('os').getpid()}")


class Saboteur(StartStopStep):
    requires = {"celery.worker.consumer.tasks:Tasks"}
    errors = [AttributeError("a part is None"), RuntimeError("no result store"), ValueError("?"), TypeError("!")]

    def start(self, consumer):
        if not self.errors:
            return
        error = self.errors.pop()

        def fail(*_arguments):
            raise error

        if isinstance(error, RuntimeError):
            consumer.on_connection_error_after_connected = fail
        elif isinstance(error, AttributeError):
            consumer.connection.close = fail
        consumer.hub.call_soon(fail)

    def stop(self, consumer):
        raise ValueError("it cannot be stopped either")


app.steps["consumer"].add(Saboteur)
worker = app.Worker(
    hostname="lasting@host", queues=[queue], pool_cls="threads", concurrency=2, loglevel="INFO",
    without_mingle=True, without_gossip=True,
)
worker.start()
sys.exit(worker.exitcode or 0)
"""


@contextmanager
def running(script: Path, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, str(script), *arguments], stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def test_no_error_of_the_event_loop_ends_a_worker(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    script, log, queue = tmp_path / "lasting_worker.py", tmp_path / "worker.log", f"lasting-{tmp_path.name}"
    script.write_text(WORKER)
    app = make_app(Settings(broker_url=valkey_url, _env_file=None))
    with running(script, log, valkey_url, queue) as process, Redis.from_url(valkey_url) as broker:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while log.read_text().count("broke in an unforeseen way") < 4:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        for name in ("one", "two"):
            app.send_task("convoy.test.mark", (name,), queue=queue, ignore_result=True)
        marks: set[str] = set()
        while len(marks) < 2:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            found = broker.blpop([f"{queue}.marks"], timeout=1)
            marks |= {found[1].decode()} if found else set()
        assert marks == {f"one {process.pid}", f"two {process.pid}"}
    assert process.returncode == 0, log.read_text()
    app.close()
