"""What follows each phase, as a table."""

from __future__ import annotations

from migration.model import Phase
from producer.transitions.copying_transition import finish_copying
from producer.transitions.cutover_transition import finish_cutting_over
from producer.transitions.indexing_transition import finish_indexing
from producer.transitions.profiling_transition import finish_profiling
from producer.transitions.snapshotting_transition import finish_snapshotting
from producer.transitions.transition_context import Transition
from producer.transitions.validating_transition import finish_validating

TRANSITIONS: dict[Phase, Transition] = {
    Phase.SNAPSHOTTING: finish_snapshotting,
    Phase.PROFILING: finish_profiling,
    Phase.COPYING: finish_copying,
    Phase.INDEXING: finish_indexing,
    Phase.VALIDATING: finish_validating,
    Phase.CUTTING_OVER: finish_cutting_over,
}
