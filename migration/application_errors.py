"""What the profiles of applications may say: there is none of this name, or its file is wrong."""

from __future__ import annotations

from migration.errors import UsageError


class UnknownApplicationError(UsageError):
    """There is no profile of an application of this name."""

    code = "application-unknown"


class ApplicationProfileError(UsageError):
    """The profile of an application has a key that there is not, or lacks one."""

    code = "application-profile-invalid"
