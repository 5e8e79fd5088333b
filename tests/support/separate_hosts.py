"""Hosts that share no disk, on one machine: a producer with its API, and workers with folders of their own.

Where this user may make network namespaces, each worker's host is one, joined to the producer's by one cable, and sees
an empty folder where the producer keeps its files. Elsewhere hosts are folders, and `/proc/self/cwd` gives the folder
of snapshots the same name on all of them, as containers do. A worker reaches broker and stage through proxies only.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from migration.settings import Settings
from producer.embedded.embedded_cluster import LocalCluster
from tests.support.cut_proxy import CutProxy

_PROCESS = (sys.executable, "-m", "producer.embedded.celery_process")
_PATIENCE_SECONDS = 60
# A mount in a namespace of its own hides what the producer's host has on its disk.
_HIDE = 'mount -t tmpfs none "$0" && cd "$1" && shift && exec "$@"'


def may_make_namespaces() -> bool:
    """Return whether this user can give a process a network and mounts of its own."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"convoy-try-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True).returncode:
        return False
    hides = ["ip", "netns", "exec", name, "sh", "-c", "mount -t tmpfs none /mnt"]
    try:
        return subprocess.run(hides, check=False, capture_output=True).returncode == 0
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


@dataclass
class Host:
    """A host with one worker: its folder, what it reaches others through, and its namespace, if it has one."""

    name: str
    folder: Path
    broker: CutProxy
    stage: CutProxy
    namespace: str | None

    @property
    def worker(self) -> str:
        """Name of its worker among the processes of the cluster."""
        return f"worker-{self.name}"

    @property
    def snapshots(self) -> Path:
        """The folder of its own snapshots."""
        return self.folder / "snapshots"


class SeparateHosts(LocalCluster):
    """A cluster on three hosts: broker, producer and API on the first, a worker on each of the others.

    Args:
        target: URL of PostgreSQL, by a Unix socket.
        folder: of all hosts; each has its own in it.
        children: processes of each worker.
        settings: of all processes; what is said of folders and the stage is replaced.
        namespaces: whether hosts get a network of their own.
        stage: what makes URL and environment of the stage from the address of a host's proxy, and the port behind
            it; None: the API.
    """

    def __init__(
        self,
        *,
        target: str,
        folder: Path,
        children: int,
        settings: Settings,
        namespaces: bool,
        stage: tuple[int, Callable[[str], tuple[str, Mapping[str, str]]]] | None = None,
    ) -> None:
        self.first = folder / "first"
        (self.first / "snapshots").mkdir(parents=True)
        snapshots = self.first / "snapshots" if namespaces else Path("/proc/self/cwd/snapshots")
        self._api_port = _free_port()
        self._stage_port, self._stage = stage or (self._api_port, lambda address: (f"http://{address}", {}))
        self._stage_url, self._stage_env = self._stage(f"127.0.0.1:{self._stage_port}")
        own = {"snapshot_dir": snapshots, "report_dir": self.first / "reports", "api_port": self._api_port}
        super().__init__(
            target=target,
            workers=2 * children,
            settings=settings.model_copy(update={**own, "stage_url": self._stage_url}),
        )
        self._children = children
        self._namespaces = namespaces
        self._place = folder
        self.hosts: dict[str, Host] = {}

    def _start_processes(self) -> None:
        supervisor, _ = self._running()
        unique = f"{os.getpid()}-{int(time.time())}"
        self._begin("producer", "producer", 4, f"producer-{unique}@first", self.first, self._stage_env)
        api = self._program("api", [sys.executable, "-m", "api"], {})
        self._start(replace(api, cwd=self.first))
        port = int(self.broker_url.removesuffix("/0").rpartition(":")[2])
        for number, name in enumerate("ab"):
            host = self._make_host(number, name, port)
            self.hosts[name] = host
            url, env = self._stage(host.stage.address)
            own = {
                "MIGRATION_BROKER_URL": self.broker_url.replace(f"127.0.0.1:{port}", host.broker.address),
                "MIGRATION_STAGE_URL": url,
                "MIGRATION_SNAPSHOT_DIR": str(
                    host.snapshots if self._namespaces else self.settings.snapshot_dir
                ),
            }
            self._begin(
                host.worker,
                "worker",
                self._children,
                f"{name}-{unique}@{name}",
                host.folder,
                {**env, **own},
                host,
            )
        supervisor.close_fork_server()
        _wait_for(f"http://127.0.0.1:{self._api_port}/healthz")

    def _begin(
        self,
        name: str,
        kind: str,
        children: int,
        hostname: str,
        folder: Path,
        env: Mapping[str, str],
        host: Host | None = None,
    ) -> None:
        argv = [*_PROCESS, kind, "--hostname", hostname, "--concurrency", str(children), "--loglevel", "INFO"]
        if host is not None and host.namespace is not None:
            hidden, seen = str(self.first), str(folder)
            argv = ["ip", "netns", "exec", host.namespace, "sh", "-c", _HIDE, hidden, seen, *argv]
        self._start(replace(self._program(name, argv, env), cwd=folder))

    def _make_host(self, number: int, name: str, broker_port: int) -> Host:
        folder = self._place / name
        (folder / "snapshots").mkdir(parents=True)
        address, namespace = "127.0.0.1", None
        if self._namespaces:
            namespace = f"convoy-{os.getpid()}-{name}"
            address = _join(namespace, f"cv{os.getpid() % 100_000}{name}", number)
        return Host(
            name, folder, CutProxy(broker_port, address), CutProxy(self._stage_port, address), namespace
        )

    def kill(self, name: str) -> None:
        """Kill a host's worker and all its children at once, as a power cut does."""
        parent = psutil.Process(self.pids[self.hosts[name].worker])
        for process in (*parent.children(recursive=True), parent):
            os.kill(process.pid, signal.SIGKILL)

    def log_of(self, name: str) -> str:
        """Return the log of a host's worker."""
        return (self.logs / f"{self.hosts[name].worker}.log").read_text(encoding="utf-8")

    def stop(self) -> None:
        """Stop everything, and take the hosts apart."""
        super().stop()
        while self.hosts:
            _, host = self.hosts.popitem()
            host.broker.close()
            host.stage.close()
            if host.namespace is not None:
                subprocess.run(["ip", "netns", "delete", host.namespace], check=False, capture_output=True)


def _join(namespace: str, cable: str, number: int) -> str:
    """Make a namespace and a cable to it; return the address of this end of it."""
    net = f"10.{200 + number}.{os.getpid() % 250}"
    for line in (
        f"ip netns add {namespace}",
        f"ip link add {cable}0 type veth peer name {cable}1 netns {namespace}",
        f"ip address add {net}.1/30 dev {cable}0",
        f"ip link set {cable}0 up",
        f"ip -n {namespace} address add {net}.2/30 dev {cable}1",
        f"ip -n {namespace} link set {cable}1 up",
        f"ip -n {namespace} link set lo up",
    ):
        subprocess.run(line.split(), check=True, capture_output=True)
    return f"{net}.1"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of our own
            return
        time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")
