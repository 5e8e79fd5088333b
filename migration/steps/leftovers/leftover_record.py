"""What may be left behind, who needs it, and where such things lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from migration.convoy_error import NextStep


class LeftoverKind(StrEnum):
    """What it is that was left."""

    STAGING_SCHEMA = "staging schema"  # where a run builds its tables
    PREVIOUS_SCHEMA = "previous schema"  # where a cutover puts the tables that it replaces
    KEPT_SCHEMA = "kept schema"  # tables that were written to between their cutover and its rollback
    SNAPSHOT = "snapshot"
    QUARANTINE = "quarantine"  # of a run, in the ledger
    UNFINISHED_COPY = "unfinished copy"  # of a source, beside the snapshots
    UNFINISHED_REPORT = "unfinished report"
    STAGE_OBJECT = "stage object"  # a snapshot that was published for hosts without a shared folder


@dataclass(frozen=True, slots=True)
class Leftover:
    """Something that runs have left, or still need."""

    kind: LeftoverKind
    name: str
    """A schema, a path or a URL without credentials."""
    bytes: int
    is_needed: bool
    reason: str
    """Who needs it, or why nobody does: ``run 0198... is cancelled``."""
    run_id: str | None = None
    next_steps: tuple[NextStep, ...] = ()
    """What a user may type to use it, or to give it up."""


class LeftoverPlace(Protocol):
    """A place where things are left."""

    def find(self) -> Sequence[Leftover]:
        """Return all that lies there, needed or not.

        Raises:
            ConvoyError: the place cannot be looked at.
        """

    def remove(self, leftover: Leftover) -> Sequence[str]:
        """Look once more whether anybody needs it, and remove it otherwise.

        Returns:
            What stands in the way, as words; nothing where it is gone.

        Raises:
            ConvoyError: the place cannot be changed now.
        """


def bytes_below(path: Path) -> int:
    """Return the size of a file, or of all files below a folder; what goes meanwhile has none."""
    total = 0
    for found in [path, *path.rglob("*")]:
        try:
            total += found.stat().st_size if found.is_file() else 0
        except OSError:
            continue
    return total
