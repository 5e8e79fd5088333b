"""Whether `resume` helps a run that has failed: its error says it, and whoever names commands asks here.

A run keeps its snapshot, its request and its mapping file. So it goes on where what stood around it has been mended,
and fails again where one of these is what is wrong, or where its staged tables are not what they were.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from migration.application_errors import MergeConflictError, UnknownApplicationError
from migration.cutover_errors import StagingChangedError, StagingLostError
from migration.errors import (
    InternalError,
    MappingFileError,
    NameConflictError,
    NotEqualError,
    RejectedValueError,
    SnapshotError,
    SnapshotFetchError,
    SnapshotLostError,
    UnexpectedClassError,
    UnknownLossError,
    UnknownTableError,
    UnsupportedTypeError,
    UsageError,
)
from migration.version_errors import DigestAlgorithmError


class WayOn(StrEnum):
    """How people get to their tables after a run has failed."""

    RESUME = "resume"
    """Repair the cause, and the run goes on."""
    EITHER = "either"
    """Where the cause cannot be repaired, a new run as this one was."""
    START_OVER = "start_over"
    """A new run as this one was; this one would fail again."""
    ASK_ANEW = "ask_anew"
    """A new run that is asked for otherwise."""

    @property
    def leads_on(self) -> bool:
        """Whether the run itself may come to its end."""
        return self in {WayOn.RESUME, WayOn.EITHER}


_WAYS: Final = {
    **dict.fromkeys(
        (SnapshotError.code, SnapshotFetchError.code, SnapshotLostError.code, InternalError.code),
        WayOn.EITHER,
    ),
    **dict.fromkeys(
        (
            StagingChangedError.code,
            StagingLostError.code,
            NotEqualError.code,
            DigestAlgorithmError.code,
            UnexpectedClassError.code,
        ),
        WayOn.START_OVER,
    ),
    **dict.fromkeys(
        (
            UsageError.code,
            MappingFileError.code,
            UnknownTableError.code,
            UnknownLossError.code,
            UnknownApplicationError.code,
            NameConflictError.code,
            UnsupportedTypeError.code,
            RejectedValueError.code,
            MergeConflictError.code,
        ),
        WayOn.ASK_ANEW,
    ),
}


def way_on(error_code: str) -> WayOn:
    """Return what helps after an error; one that is not known here stands outside of the run, where it can be mended.

    >>> way_on("staging-changed"), way_on("target-unreachable")
    (<WayOn.START_OVER: 'start_over'>, <WayOn.RESUME: 'resume'>)
    """
    return _WAYS.get(error_code, WayOn.RESUME)
