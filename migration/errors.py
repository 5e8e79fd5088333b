"""Every error that Convoy raises on purpose.

::

    ConvoyError                what happened, where, what to do; knows its exit status
    ├── UsageError             2  wrong flag, unknown table, bad mapping
    ├── SourceError            2  the SQLite file cannot be used
    │   ├── SourceNotFoundError
    │   ├── NotADatabaseError     also: encrypted
    │   ├── SourceCorruptError
    │   └── SourceUnreadableError permission, directory, lock
    ├── TargetError            2  PostgreSQL cannot be used, nothing was changed
    │   ├── TargetUnreachableError
    │   ├── TargetPermissionError
    │   └── TargetOccupiedError   a table already stands there
    ├── BrokerError            2  the queue cannot be reached
    ├── RetryableError         3  a step may succeed when it is tried again
    ├── PermanentError         3  a step will never succeed
    │   └── RejectedValueError    a value cannot be stored, and the run was to stop there
    └── RunFailedError         3  the run stopped; says how to resume

Errors cross process boundaries by pickle, so every argument goes to ``super().__init__``.
"""

from __future__ import annotations

from migration.exit_status import ExitStatus


class ConvoyError(Exception):
    """Base of all errors: one sentence for what happened, one place, one remedy.

    Args:
        what: what happened, as a sentence without a full stop.
        where: run, table, chunk or file that it happened in.
        remedy: what the reader can do about it, as a sentence without a full stop.
    """

    exit_status = ExitStatus.FAILED

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        remedy = f" {self.remedy}." if self.remedy else ""
        return f"{self.what}{place}.{remedy}"


class UsageError(ConvoyError):
    """The command or request asks for something that does not exist or does not make sense."""

    exit_status = ExitStatus.UNUSABLE_INPUT


class SourceError(ConvoyError):
    """The SQLite database cannot be used; nothing was changed."""

    exit_status = ExitStatus.UNUSABLE_INPUT


class SourceNotFoundError(SourceError):
    """There is no such file."""


class NotADatabaseError(SourceError):
    """The file is not a SQLite database, or it is encrypted."""


class SourceCorruptError(SourceError):
    """SQLite's own check found damage."""


class SourceUnreadableError(SourceError):
    """The file is there and cannot be read: a directory, no permission, locked."""


class TargetError(ConvoyError):
    """PostgreSQL cannot be used for this run; nothing was changed."""

    exit_status = ExitStatus.UNUSABLE_INPUT


class TargetUnreachableError(TargetError):
    """No connection: wrong host, port, name or password."""


class TargetPermissionError(TargetError):
    """The role lacks a right that the run needs."""


class TargetOccupiedError(TargetError):
    """A table of that name already stands in the target schema."""


class BrokerError(ConvoyError):
    """The message broker cannot be reached."""

    exit_status = ExitStatus.UNUSABLE_INPUT


class RetryableError(ConvoyError):
    """A step failed for a reason that may pass: lost connection, deadlock, server restart."""


class PermanentError(ConvoyError):
    """A step failed for a reason that will not pass by itself."""


class UnexpectedClassError(PermanentError):
    """A column holds values of a storage class that it was not read for."""


class RejectedValueError(PermanentError):
    """A value cannot be stored faithfully, and the user asked to stop at the first one."""


class RunFailedError(ConvoyError):
    """A run ended without its proof."""
