"""The lines that start the processes of a cluster, as all advice has them: the Procfile's own, ready to paste.

Through the launcher, so that `.env` of the folder is read and each process gets its own secrets; with a name; and with
the Python that runs this, for `celery` is on no PATH.
"""

from __future__ import annotations

import shlex
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ClusterProcess = Literal["producer", "worker"]

# A test holds each beside the Procfile, with its variables at their defaults.
_ARGUMENTS: Final[Mapping[ClusterProcess, str]] = MappingProxyType(
    {
        "producer": "-m migration.process_launcher producer -m celery -A producer.app worker -Q control"
        " --pool threads --concurrency 4 -n producer@%h --loglevel INFO",
        "worker": "-m migration.process_launcher worker -m celery -A worker.app worker -Q copy"
        " --concurrency 2 -n worker@%h --loglevel INFO",
    }
)


def start_command(process: ClusterProcess, python: str | None = None) -> str:
    """Return the line that starts a producer or a worker.

    Args:
        process: its name in the Procfile.
        python: path of the interpreter; None: the one that runs this.
    """
    return f"{shlex.quote(python or sys.executable or 'python')} {_ARGUMENTS[process]}"
