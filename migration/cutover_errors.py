"""What others can do to a cutover or rollback: hold locks that it needs, now or for as long as it was to be tried."""

from __future__ import annotations

from migration.errors import PermanentError, TargetBusyError


class CutoverBlockedError(TargetBusyError):
    """Others hold locks that a cutover or rollback needs; it gave up soon, so that nobody queues behind it."""

    code = "cutover-blocked"


class CutoverPatienceError(PermanentError):
    """Others were in the way of a cutover or rollback for as long as it was to be tried; nothing was changed."""

    code = "cutover-patience-over"
