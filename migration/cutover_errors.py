"""What others can do to a cutover or rollback: hold locks that it needs, now or for as long as it was to be tried."""

from __future__ import annotations

from migration.errors import PermanentError, TargetBusyError


class CutoverBlockedError(TargetBusyError):
    """Other sessions hold locks that a cutover or rollback needs; it gave up at once, so that nobody queues behind it."""

    code = "cutover-blocked"


class CutoverPatienceError(PermanentError):
    """Other sessions were in the way of a cutover or rollback for as long as it was to be tried; nothing was changed."""

    code = "cutover-patience-over"
