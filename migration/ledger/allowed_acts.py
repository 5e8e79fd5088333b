"""Which acts a run takes in which phase: one table for the command line and the API.

An act that is not in it changes nothing. What else an act needs (a cutover that was made, tables that are still there)
it looks at itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from migration.ledger.run_records import RunRecord
from migration.model import Phase


class RunAct(StrEnum):
    """What may be asked of a run from outside."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    CUTOVER = "cutover"
    ROLLBACK = "rollback"


_UNDER_WAY: Final = frozenset({RunAct.PAUSE, RunAct.RESUME, RunAct.CANCEL})
_IN_PLACE: Final = frozenset({RunAct.ROLLBACK})

ALLOWED_ACTS: Final[Mapping[Phase, frozenset[RunAct]]] = MappingProxyType(
    {
        Phase.PENDING: _UNDER_WAY,
        Phase.SNAPSHOTTING: _UNDER_WAY,
        Phase.PROFILING: _UNDER_WAY,
        Phase.COPYING: _UNDER_WAY,
        Phase.INDEXING: _UNDER_WAY,
        Phase.VALIDATING: _UNDER_WAY,
        Phase.CUTTING_OVER: _UNDER_WAY | {RunAct.CUTOVER},
        Phase.READY: frozenset({RunAct.CUTOVER, RunAct.CANCEL}),
        Phase.COMPLETED: _IN_PLACE,
        Phase.COMPLETED_WITH_FINDINGS: _IN_PLACE,
        # Its end stays: a cancel gives it up, which removes what it has staged.
        Phase.FAILED: frozenset({RunAct.RESUME, RunAct.CUTOVER, RunAct.CANCEL}),
        Phase.CANCELLED: frozenset(),
        Phase.ROLLED_BACK: frozenset(),
    }
)


def is_allowed(run: RunRecord, act: RunAct) -> bool:
    """Return whether a run takes an act now. A failed one is cut over only where that is what has failed."""
    if run.given_up_at is not None:
        return False
    if act is RunAct.CUTOVER and run.phase is Phase.FAILED:
        return run.resume_phase is Phase.CUTTING_OVER
    return act in ALLOWED_ACTS[run.phase]


def described(run: RunRecord) -> str:
    """Return the words for where a run is: `failed`, or `failed and was given up`."""
    return str(run.phase) if run.given_up_at is None else f"{run.phase} and was given up"
