"""The table: every fault, in every phase; a row more is one entry more."""

from __future__ import annotations

import random

from tests.chaos.matrix.broker_faults import BROKER_FAULTS
from tests.chaos.matrix.fault import PHASES, Cell, Fault
from tests.chaos.matrix.message_faults import MESSAGE_FAULTS
from tests.chaos.matrix.process_faults import PROCESS_FAULTS
from tests.chaos.matrix.request_faults import REQUEST_FAULTS
from tests.chaos.matrix.server_faults import SERVER_FAULTS
from tests.chaos.matrix.world_faults import WORLD_FAULTS

FAULTS: tuple[Fault, ...] = (
    *PROCESS_FAULTS,
    *BROKER_FAULTS,
    *SERVER_FAULTS,
    *MESSAGE_FAULTS,
    *REQUEST_FAULTS,
    *WORLD_FAULTS,
)


def all_cells(seed: str) -> list[Cell]:
    """Return every cell that makes sense, in an order that the seed decides."""
    cells = [Cell(fault, phase) for fault in FAULTS for phase in PHASES if phase not in fault.senseless]
    random.Random(seed).shuffle(cells)  # noqa: S311 - seeded, so that it repeats
    return cells


def sampled_cells(seed: str, number: int) -> list[Cell]:
    """Return a few cells that differ in kind and phase as far as they can."""
    left = all_cells(seed)
    chosen: list[Cell] = []
    while left and len(chosen) < number:
        kinds = [cell.fault.kind for cell in chosen]
        phases = [cell.phase for cell in chosen]
        best = min(left, key=lambda cell: (kinds.count(cell.fault.kind), phases.count(cell.phase)))
        chosen.append(best)
        left = [cell for cell in left if cell.fault is not best.fault]
    return chosen
