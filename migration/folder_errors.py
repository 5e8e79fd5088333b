"""A folder that something has to be written into, and cannot be."""

from __future__ import annotations

from migration.errors import LocalClusterError, UsageError
from migration.exit_status import ExitStatus


class FolderNotWritableError(UsageError):
    """Convoy cannot write where a setting, or its default, says that its files go; nothing was changed."""

    code = "folder-not-writable"


class EmbeddedFolderError(LocalClusterError):
    """The data folder of an embedded server cannot be used."""

    code = "embedded-folder-unusable"
    exit_status = ExitStatus.UNUSABLE_INPUT
