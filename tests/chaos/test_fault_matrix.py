"""Every fault in every phase: the run ends by itself or after one `resume`, with the same rows, and leaves nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.matrix.cell_play import play
from tests.chaos.matrix.chaos_cluster import DEFAULT_LEASES, PATIENCE_SECONDS, ChaosCluster
from tests.chaos.matrix.chaos_results import add_cell, passed_cells
from tests.chaos.matrix.fault import PHASES, Cell
from tests.chaos.matrix.fault_table import FAULTS, all_cells, sampled_cells
from tests.chaos.matrix.scene import build_source
from tests.chaos.random_kills import kill_through_a_run

LONG = bool(os.environ.get("CONVOY_CHAOS"))
SEED = os.environ.get("CONVOY_CHAOS_SEED", "1")
KILLS = 6
SHARE = os.environ.get("CONVOY_CHAOS_SHARE", "1/1")
"""`2/3`: the second of three parts of the cells, for as many machines."""
GO_ON = bool(os.environ.get("CONVOY_CHAOS_GO_ON"))
"""Leave out the cells that have passed according to the results that are there."""
CELLS = all_cells(SEED) if LONG else sampled_cells(SEED)
if LONG and GO_ON:
    _passed = passed_cells("default" if DEFAULT_LEASES else "short")
    CELLS = [cell for cell in CELLS if (cell.fault.name, cell.phase.value) not in _passed]
_PART, _PARTS = (int(number) for number in SHARE.split("/"))


class Stage:
    """The cluster that cells share; a cell that fails takes it along."""

    def __init__(self) -> None:
        self.number = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._cluster: ChaosCluster | None = None

    def cluster(self) -> ChaosCluster:
        if self._cluster is None:
            self._folder = tempfile.TemporaryDirectory(prefix="convoy-chaos-", ignore_cleanup_errors=True)
            Path(self._folder.name).chmod(0o755)
            self._cluster = ChaosCluster(Path(self._folder.name))
            self._cluster.start()
            build_source(self._cluster.folder / "template.db")
        return self._cluster

    def clear(self) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            with suppress(Exception):
                cluster.stop()
        if self._folder is not None:
            self._folder.cleanup()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.clear()


@pytest.mark.timeout(4 * PATIENCE_SECONDS)
@pytest.mark.parametrize("cell", CELLS[_PART - 1 :: _PARTS], ids=lambda cell: cell.name)
def test_run_survives(stage: Stage, cell: Cell) -> None:
    stage.number += 1
    cluster = stage.cluster()
    try:
        result = play(cluster, cell, cluster.folder / "template.db", SEED, stage.number)
    except BaseException:
        stage.clear()
        raise
    if LONG:
        add_cell(result, "default" if DEFAULT_LEASES else "short")
    if result.complaints:
        stage.clear()
    reason = cell.fault.known_to_fail.get(cell.phase)
    if reason is not None and result.complaints:
        pytest.xfail(reason)
    assert result.complaints == [], result.notes


@pytest.mark.timeout(4 * PATIENCE_SECONDS)
@pytest.mark.skipif(LONG, reason="the long form has 1,000 of them, after the other tests")
def test_random_kills_change_no_row(stage: Stage) -> None:
    kills = 0
    while kills < KILLS:
        stage.number += 1
        cluster = stage.cluster()
        result = kill_through_a_run(cluster, cluster.folder / "template.db", SEED, stage.number)
        kills += len(result.kills)
        assert (result.complaints, result.copied_again) == ([], 0), result.kills


def test_table_is_as_large_as_promised() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 30
    assert len(PHASES) == 8
    assert {cell.fault.kind for cell in sampled_cells(SEED)} >= {fault.kind for fault in FAULTS}
    assert {cell.phase for cell in sampled_cells(SEED)} == set(PHASES)
    assert all(reason for fault in FAULTS for reason in fault.senseless.values())
