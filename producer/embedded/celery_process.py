"""Producer and worker of the embedded cluster: `python -m producer.embedded.celery_process producer --hostname ...`.

They are what the Procfile starts with `celery -A producer.app worker`, without Celery's command line, which loads
the commands of all its plugins (Flower's among them) and takes half a second for it.

`python -m producer.embedded.celery_process fork-server` imports what both need, once, and forks them on request of the
supervisor: a cluster is ready after one import instead of two. Nothing but imports happens before the fork.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from importlib import import_module
from typing import Any, Final

FORK_SERVER: Final = "fork-server"
# By name: a layer may not import the one beside it, and a fork server is no producer and no worker yet.
_APPS: Final = {
    "producer": ("producer.app", "control", "threads"),
    "worker": ("worker.app", "copy", "prefork"),
}
_LIBRARIES: Final = (
    "celery.apps.worker",
    "celery.backends.redis",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "celery.worker.consumer",
    "kombu.transport.redis",
    "migration.celery_logging",
    "producer.tasks",
    "worker.tasks",
)


def run_process(arguments: list[str]) -> int:
    """Run the producer or a worker until it is stopped; return its exit status."""
    import argparse

    parser = argparse.ArgumentParser(prog="producer.embedded.celery_process")
    parser.add_argument("kind", choices=list(_APPS))
    parser.add_argument("--hostname", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--loglevel", default="INFO")
    options = parser.parse_args(arguments)
    module, queue, pool = _APPS[options.kind]
    worker = import_module(module).app.Worker(
        hostname=options.hostname,
        queues=[queue],
        pool_cls=pool,
        concurrency=options.concurrency,
        loglevel=options.loglevel,
        without_mingle=True,
        without_gossip=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _serve() -> list[str] | None:
    """Fork what the supervisor asks for; returns in each child what it is to run, and None at the end of requests."""
    gc.disable()  # imports make no garbage, and the collector takes a tenth of their time to find none
    for library in _LIBRARIES:
        import_module(library)
    gc.freeze()  # nor need it touch, and so copy, what all share
    gc.enable()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        child = _fork()
        if child is None:
            _take_place(request)
            return list(request["fork"])
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
    return None


def _fork() -> int | None:
    """Fork a grandchild, which becomes the supervisor's child; return its pid, and None in it."""
    reading, writing = os.pipe()
    between = os.fork()
    if between:
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            pid = int(pipe.read())
        os.waitpid(between, 0)
        return pid
    if os.fork():
        os._exit(0)
    os.setsid()
    os.write(writing, str(os.getpid()).encode())
    os.close(writing)
    os.close(reading)
    return None


def _take_place(request: dict[str, Any]) -> None:
    """Take over environment, folder and output that the program is to have."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    for source, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, number)
    os.close(nothing)
    os.close(log)


def main(arguments: list[str]) -> int:
    """Run one process, or the fork server and what it forks."""
    if arguments != [FORK_SERVER]:
        return run_process(arguments)
    wanted = _serve()
    return 0 if wanted is None else run_process(wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
