"""What may be said of targets by name: the file of them cannot be used, or has none of that name."""

from __future__ import annotations

from migration.errors import TargetSettingError, UsageError


class TargetsFileError(TargetSettingError):
    """The file that MIGRATION_TARGETS_FILE names cannot be used; what waits for its targets waits on."""

    code = "targets-file-invalid"


class UnknownTargetError(UsageError):
    """There is no target of this name."""

    code = "target-unknown"


class TargetNameMissingError(TargetSettingError):
    """A message names a target that the file of this process does not have (any more); it is tried again."""

    code = "target-name-missing"
