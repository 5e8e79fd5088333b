"""What the queue itself costs: CPU of worker, producer side and broker for each message that has no work in it."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import uuid
from pathlib import Path

from pydantic import SecretStr

from bench.processes import cpu_seconds, own_cpu_seconds
from bench.server import BenchServer, MissingProgramError
from migration.ledger.ledger_database import open_ledger
from migration.queue import make_app, send_steps
from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster

_PATIENCE_SECONDS = 600.0


def main(arguments: list[str] | None = None) -> int:
    """Send chords of empty messages through a real cluster and print milliseconds per message."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    try:
        with BenchServer() as server, tempfile.TemporaryDirectory(prefix="convoy-bench-") as name:
            settings = Settings(
                target_url=SecretStr(server.url()),
                snapshot_dir=Path(name) / "snapshots",
                report_dir=Path(name) / "reports",
                _env_file=None,  # type: ignore[call-arg]
            )
            open_ledger(server.url()).dispose()
            cluster = LocalCluster(target=server.url(), workers=options.workers, settings=settings)
            with cluster:
                cluster.wait_ready()
                _measure(cluster, settings, options.messages)
    except MissingProgramError as missing:
        print(f"Skipped: {missing}.")
    return 0


def _measure(cluster: LocalCluster, settings: Settings, messages: int) -> None:
    app = make_app(settings.model_copy(update={"broker_url": cluster.broker_url}))
    names = ("worker1", "valkey")
    empty = [0] * min(messages, 1_000)
    try:
        _send_and_wait(app, cluster, empty[:50])
        before = {name: cpu_seconds(cluster.pids[name]) for name in names}
        main_before = own_cpu_seconds(cluster.pids["worker1"])
        sender = time.process_time()
        started = time.perf_counter()
        sent = 0
        while sent < messages:
            _send_and_wait(app, cluster, empty)
            sent += len(empty)
        seconds = time.perf_counter() - started
        sender = time.process_time() - sender
        used = {name: cpu_seconds(cluster.pids[name]) - before[name] for name in names}
        used["worker1, main process"] = own_cpu_seconds(cluster.pids["worker1"]) - main_before
    finally:
        gc.collect()  # results of chords take leave of the broker when they go, so they go while it is there
        app.close()
    print(f"{sent:,} messages in {seconds:.1f} s; CPU per message:")
    for name, cpu in (*used.items(), ("sender", sender)):
        print(f"  {name:22} {1000 * cpu / sent:.2f} ms")


def _send_and_wait(app: object, cluster: LocalCluster, empty: list[int]) -> None:
    """Send one chord and wait until the queue is empty and its counter is gone."""
    from celery import Celery
    from redis import Redis

    assert isinstance(app, Celery)
    send_steps(app, str(uuid.uuid4()), empty)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with Redis.from_url(cluster.broker_url) as client:
        while any(map(client.llen, client.scan_iter("copy*"))) or client.hlen("unacked"):
            if time.monotonic() > deadline:
                raise RuntimeError("the queue did not become empty")
            time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
