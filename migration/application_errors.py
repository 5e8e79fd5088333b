"""What stands in an application's own tables and keeps a load of rows from them."""

from __future__ import annotations

from migration.errors import TargetError


class VersionsDifferError(TargetError):
    """The application of the source and that of the target are not at the same version."""

    code = "application-versions-differ"


class MergeConflictError(TargetError):
    """Rows of the source differ from those that stand in the target under their keys."""

    code = "rows-conflict"
