"""The exit statuses of the command line; report.json and the API carry the same numbers."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a command ends with."""

    PROVED = 0
    """Done and proved equal."""
    FINDINGS = 1
    """Done, with findings or quarantined rows."""
    UNUSABLE_INPUT = 2
    """Wrong usage or unusable input; nothing was changed."""
    FAILED = 3
    """The run failed, and says how to resume."""
    INTERRUPTED = 130
    """Interrupted, and says how to resume."""
