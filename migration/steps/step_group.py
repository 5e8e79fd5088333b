"""Small steps of a run that were claimed together: worked on in one transaction, and ended by few statements.

Each stays a step of its own in the ledger, with its attempts, its result and its lease, and the rows of each chunk are
there exactly if its step is done. What goes wrong with one of them undoes the transaction, and then each is run by
itself, as if it had been claimed alone: so none pays for another, and this way needs no savepoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection

from migration.ledger.step_records import Step
from migration.model import Phase
from migration.steps.copy_step import copy_chunks
from migration.steps.index_build_step import build_tables
from migration.steps.profile_step import profile_chunks
from migration.steps.readback_step import read_back_parts
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome

GroupWork = Callable[[StepContext, Connection, Sequence[Step]], list[StepOutcome]]

WORK: Final[dict[Phase, GroupWork]] = {
    Phase.PROFILING: profile_chunks,
    Phase.COPYING: copy_chunks,
    Phase.INDEXING: build_tables,
    Phase.VALIDATING: read_back_parts,
}
"""The work of a phase on several steps, in the caller's transaction; outcomes in their order."""
