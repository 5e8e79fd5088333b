"""What stands in the way of creating and moving tables: locks, too few of them, objects of others, lost tables."""

from __future__ import annotations

from migration.errors import PermanentError, TargetBusyError, TargetError, TargetOccupiedError


class CutoverBlockedError(TargetBusyError):
    """Others hold locks that a cutover or rollback needs; it gave up soon, so that nobody queues behind it."""

    code = "cutover-blocked"


class CutoverPatienceError(PermanentError):
    """Others were in the way of a cutover or rollback for as long as it was to be tried; nothing was changed."""

    code = "cutover-patience-over"


class ObjectsInTheWayError(TargetOccupiedError):
    """Something that others own cannot go over to the table that replaces theirs, and nobody has signed for it."""

    code = "target-objects-in-the-way"


class StagingChangedError(PermanentError):
    """Rows or tables of the staging schema are no longer those that were proved."""

    code = "staging-changed"


class StagingLostError(PermanentError):
    """Tables that the run needs have been dropped while it worked."""

    code = "tables-gone"


class TooFewLocksError(TargetError):
    """The server has fewer locks than a transaction needs that creates or moves so many tables; nothing was changed."""

    code = "target-too-few-locks"
