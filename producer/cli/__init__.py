"""The command line `migration-cli`. Everything heavy is imported by the command that needs it, when it runs."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence

_COLLECT_EVERY = 50_000
"""New objects between two looks for garbage: imports make half a million that stay, and the default of 700 looks at
them for a tenth of their time."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status (docs/architecture.md, "Exit status"); by default this process's."""
    if arguments is None:
        from producer.cli.output.standard_streams import keep_streams

        keep_streams()  # before anything is opened
    from migration.secret_text import guard_output
    from producer.cli.app import run

    # What cannot be shown in a terminal's encoding must not turn a run that is proved into a failure.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    guard_output()
    if arguments is not None:
        return run(list(arguments))
    gc.set_threshold(_COLLECT_EVERY)
    status = run(sys.argv[1:], is_process=True)
    # The interpreter's last collection would take a quarter of a second to free what the kernel frees at once. Where
    # DuckDB is loaded it has to be taken: its binding prints every object on stderr that is not freed by then.
    if "_duckdb" not in sys.modules:
        gc.freeze()
    return status
