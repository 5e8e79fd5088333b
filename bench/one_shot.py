"""Convoy as somebody without a cluster calls it: one command, which starts and stops all that it needs."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psycopg

from bench.contender import ONE_SHOT, Job, Measured, count_rows, make_database
from bench.contender_names import ONE_SHOT_CONVOY
from bench.convoy import PROOF, WORK, phases_of
from bench.processes import FailedError, Finished, cpu_seconds, run_command

PROGRAM = str(Path(sys.executable).with_name("migration-cli"))
_DATABASE = "one_shot"
_REAP_SECONDS = 0.3


def migrate_once(source: Path, target: str, folder: Path) -> Finished:
    """Run `migration-cli migrate` with no setting but its folders, below `folder`.

    Raises:
        FailedError: it did not succeed.
    """
    folders = {
        f"MIGRATION_{name.upper()}_DIR": str(folder / name) for name in ("snapshot", "report", "embedded")
    }
    arguments = [PROGRAM, "migrate", "--source", str(source.absolute()), "--target-url", target]
    return run_command(arguments, environment=folders)


class ConvoyOneShot:
    """The command from the shell to the prompt, into a database that has not seen Convoy before."""

    name = ONE_SHOT_CONVOY
    how = ONE_SHOT
    fills_typed_tables = False
    work = (
        "starts broker, producer and workers, makes its ledger, "
        + WORK
        + PROOF
        + ", stops all of them; the command has no option but source and target"
    )

    def __init__(self) -> None:
        self._is_warm = False

    def prepare(self, job: Job) -> None:
        """Run it once, so that Python has compiled what it imports, as it has for whoever calls it again."""
        if not self._is_warm:
            self.run(job)
            self._is_warm = True

    def run(self, job: Job) -> Measured:
        """Migrate into a fresh database."""
        make_database(job.server, _DATABASE)
        url = job.server.url(_DATABASE)
        before = cpu_seconds(job.server.pid)
        finished = migrate_once(job.source, url, job.folder / "one-shot")
        time.sleep(_REAP_SECONDS)  # the CPU time of a backend counts once the server has noticed its end
        server = cpu_seconds(job.server.pid) - before
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT id::text FROM convoy.runs").fetchall()
        if len(found) != 1:
            raise FailedError(f"{len(found)} runs stand in the ledger")
        return Measured(
            finished.seconds,
            finished.cpu_seconds,
            server,
            count_rows(url),
            {"one-shot": finished.peak_bytes},
            phases_of(url, found[0][0]),
            together_bytes=finished.together_bytes,
            left_seconds=finished.left_seconds,
        )
