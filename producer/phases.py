"""What follows each phase, as a table."""

from __future__ import annotations

from migration.model import Phase
from producer.finishing import finish_copying, finish_cutting_over, finish_indexing, finish_validating
from producer.planner import plan
from producer.preparation import prepare
from producer.workspace import Transition

TRANSITIONS: dict[Phase, Transition] = {
    Phase.SNAPSHOTTING: prepare,
    Phase.PROFILING: plan,
    Phase.COPYING: finish_copying,
    Phase.INDEXING: finish_indexing,
    Phase.VALIDATING: finish_validating,
    Phase.CUTTING_OVER: finish_cutting_over,
}
