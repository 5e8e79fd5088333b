"""The sources of a run as flags of the command line, without a password."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from migration.secret_text import without_secrets

if TYPE_CHECKING:
    from migration.run_options import RunOptions


def source_flags(options: RunOptions) -> list[str]:
    """Return ``--source label=location`` of each."""
    return [
        word
        for source in options.sources
        for word in ("--source", f"{source.label}={without_secrets(source.location)}")
    ]


def list_tables(options: RunOptions) -> str:
    """Return the command that lists what is in the sources of a run."""
    return shlex.join(["migration-cli", "list-tables", *source_flags(options)])
