"""The table: every fault, in every phase; a row more is one entry more."""

from __future__ import annotations

import random

from migration.model import Phase
from tests.chaos.matrix.broker_faults import BROKER_FAULTS
from tests.chaos.matrix.disk_faults import DISK_FAULTS
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
    *DISK_FAULTS,
)


def all_cells(seed: str) -> list[Cell]:
    """Return every cell that makes sense, in an order that the seed decides."""
    cells = [Cell(fault, phase) for fault in FAULTS for phase in PHASES if phase not in fault.senseless]
    random.Random(seed).shuffle(cells)  # noqa: S311 - seeded, so that it repeats
    return cells


_SAMPLE: tuple[tuple[str, Phase], ...] = (
    ("timeouts of the role made small", Phase.PENDING),
    ("clock of a worker a day ahead", Phase.SNAPSHOTTING),
    ("messages lost", Phase.PROFILING),
    ("disk of the snapshots full", Phase.SNAPSHOTTING),
    ("one byte of the snapshot changed", Phase.COPYING),
    ("broker killed, its data lost", Phase.COPYING),
    ("SIGKILL of everything, servers too", Phase.COPYING),
    ("SIGINT to the command, which has its own cluster", Phase.INDEXING),
    ("cancel", Phase.CUTTING_OVER),
    ("PostgreSQL restarted, immediate", Phase.VALIDATING),
    ("rollback", Phase.COMPLETED),
)
"""Each kind of fault and each phase, of those cells that are quick."""


def sampled_cells(seed: str) -> list[Cell]:
    """Return the cells of the short form, in an order that the seed decides."""
    faults = {fault.name: fault for fault in FAULTS}
    cells = [Cell(faults[name], phase) for name, phase in _SAMPLE]
    random.Random(seed).shuffle(cells)  # noqa: S311 - seeded, so that it repeats
    return cells
