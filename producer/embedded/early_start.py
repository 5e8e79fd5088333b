"""What a local cluster can begin before anything is known of it: folder, supervisor, the imports of its processes.

The imports take longer than all servers need to start, so a command begins with them, and looks at sources and target
meanwhile. Whoever finds out that there will be no cluster closes it again: nothing of it was to be seen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from shutil import rmtree
from typing import Final

from migration.owned_folders import clear_abandoned
from migration.writable_folders import private_temporary_folder, temporary_place
from producer.embedded.celery_process import FORK_SERVER
from producer.embedded.libpq_file_paths import absolute_variables
from producer.embedded.supervisor_client import Program, SupervisorClient

PROCESS: Final = (sys.executable, "-m", "producer.embedded.celery_process")
_PREFIX: Final = "convoy-c-"
_TEMPORARY: Final = "tmp"
"""Of the cluster's folder: what a process that is killed leaves behind goes with the cluster."""
_PURGE_DELAY_MILLISECONDS: Final = "1000"
"""Arrow's allocator gives memory back after 10 ms otherwise, and takes it anew from the kernel for the next batches."""


class EarlyStart:
    """A supervisor, a folder that goes with it, and a fork server that imports what producer and workers need.

    Raises:
        FolderNotWritableError: no folder for temporary files takes any.
        LocalClusterError: the supervisor does not answer.
    """

    def __init__(self) -> None:
        clear_abandoned(temporary_place(), _PREFIX)
        self.folder = private_temporary_folder(_PREFIX)
        (self.folder / _TEMPORARY).mkdir()
        self.supervisor = SupervisorClient(remove=self.folder)
        program = Program(
            name=FORK_SERVER,
            argv=[*PROCESS, FORK_SERVER],
            log=self.folder / f"{FORK_SERVER}.log",
            cwd=self.folder,
            env=self.environment(),
        )
        self.supervisor.open_fork_server(program)

    def environment(self) -> dict[str, str]:
        """Return the environment of the cluster's processes without Convoy's settings; libraries look at it, too."""
        # The processes run in a folder of their own.
        env = absolute_variables(
            {name: value for name, value in os.environ.items() if not name.startswith("MIGRATION_")}
        )
        return env | {
            "TMPDIR": str(self.folder / _TEMPORARY),
            "PYTHONUNBUFFERED": "1",
            "MIMALLOC_PURGE_DELAY": env.get("MIMALLOC_PURGE_DELAY", _PURGE_DELAY_MILLISECONDS),
        }

    def close(self) -> None:
        """Stop everything, and remove the folder; may be called twice."""
        self.supervisor.close()
        rmtree(self.folder, ignore_errors=True)


@contextmanager
def begin_early() -> Iterator[EarlyStart | None]:
    """Yield what has begun, which ends with the block; None where the environment names the broker of a cluster.

    That is a guess, to wait for no settings: those that name a broker in another way let the caller close it at once.
    """
    if os.environ.get("MIGRATION_BROKER_URL"):
        yield None
        return
    early = EarlyStart()
    try:
        yield early
    finally:
        early.close()
