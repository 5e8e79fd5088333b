"""What is wrong with the profile of an application, or stands in its tables and keeps a load of rows from them."""

from __future__ import annotations

from migration.errors import TargetError, UsageError


class UnknownApplicationError(UsageError):
    """There is no profile of an application of this name."""

    code = "application-unknown"


class ApplicationProfileError(UsageError):
    """The profile of an application has a key that there is not, or lacks one."""

    code = "application-profile-invalid"


class VersionsDifferError(TargetError):
    """The application of the source and that of the target are not at the same version."""

    code = "application-versions-differ"


class MergeConflictError(TargetError):
    """Rows of the source differ from those that stand in the target under their keys."""

    code = "rows-conflict"
