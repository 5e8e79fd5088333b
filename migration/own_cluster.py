"""The cluster that a command starts for itself has a name, which its processes know from their environment."""

from __future__ import annotations

import os
import uuid
from typing import Final

OWN_CLUSTER_VARIABLE: Final = "CONVOY_CLUSTER_OF_COMMAND"
"""Set by the command, never by people."""
REFUSALS_VARIABLE: Final = "CONVOY_REFUSALS_OF_CLUSTER"
"""Folder in which its processes note for it which connections they were refused (`connection_refusals`)."""


def new_cluster_name() -> str:
    """Return a name that no other cluster has."""
    return uuid.uuid4().hex[:16]


def own_cluster() -> str:
    """Return the name of the cluster that this process belongs to; empty: one that serves everybody."""
    return os.environ.get(OWN_CLUSTER_VARIABLE, "")
