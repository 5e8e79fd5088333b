"""How a program of others is measured: its whole process, and what a second one does for it afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.contender import Job, Measured
from bench.processes import Finished, cpu_seconds, run_program

Work = Callable[[], Finished]
_REAP_SECONDS = 0.3


def measured(job: Job, *works: Work) -> Measured:
    """Do one piece of work after the other, and return what they took together."""
    before = cpu_seconds(job.server.pid)
    finished = [work() for work in works]
    time.sleep(_REAP_SECONDS)  # the CPU time of a backend counts once the server has noticed its end
    server = cpu_seconds(job.server.pid) - before
    return Measured(
        sum(one.seconds for one in finished),
        sum(one.cpu_seconds for one in finished),
        server,
        job.count_rows(),
        {"client": max(one.peak_bytes for one in finished)},
        together_bytes=max(one.together_bytes for one in finished),
    )


def build_keys(job: Job) -> Work:
    """Return the work that builds the keys and indexes of Convoy's tables, in one psql, as anybody would."""
    script = job.folder / "keys.sql"
    script.write_text("".join(f"{statement};\n" for statement in job.keys_sql), encoding="utf-8")
    arguments = [job.server.psql, job.peer_url, "-Xqv", "ON_ERROR_STOP=1", "-f", str(script)]
    return lambda: run_program(arguments)
