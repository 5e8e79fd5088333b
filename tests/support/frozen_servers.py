"""Servers that are stopped, and go on afterwards: they accept connections and never answer, as a hung machine does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import psycopg
import redis


def postgres_processes(url: str) -> list[psutil.Process]:
    """Return the processes of a server of this machine: the one that accepts, and its children."""
    with psycopg.connect(url) as connection:
        parent = psutil.Process(connection.info.backend_pid).parent()
    assert parent is not None
    return [parent, *parent.children(recursive=True)]


def valkey_processes(url: str) -> list[psutil.Process]:
    """Return the process of a server of this machine."""
    with redis.Redis.from_url(url) as client:
        return [psutil.Process(int(client.info("server")["process_id"]))]


@contextmanager
def frozen(processes: list[psutil.Process]) -> Iterator[None]:
    """Stop processes for as long as the block takes."""
    living = [process for process in processes if process.is_running()]
    try:
        for process in living:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in living:
            if process.is_running():
                process.send_signal(signal.SIGCONT)
