"""The command line `migration-cli`. Everything heavy is imported by the command that needs it, when it runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status (docs/architecture.md, "Exit status"); without arguments, this process's."""
    from producer.cli.app import run

    if arguments is not None:
        return run(list(arguments))
    status = run(sys.argv[1:])
    gc.freeze()  # the interpreter's last collection would take a quarter of a second to free what the kernel frees at once
    return status
