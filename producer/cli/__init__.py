"""The command line `migration-cli`. Everything heavy is imported by the command that needs it, when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status (docs/architecture.md, "Exit status")."""
    from producer.cli.app import run

    return run(list(sys.argv[1:] if arguments is None else arguments))
