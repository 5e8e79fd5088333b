"""45 targets that others have loaded: equal where the information is the same, and where it is not, exactly that."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.server import MissingProgramError
from migration.model import Mode
from migration.report.report_builder import build_report
from tests.acceptance.other_hands.hand_results import EQUAL, LOADERS, OF_ROWS, Loader, complaints, load

if TYPE_CHECKING:
    from tests.support.direct import Direct

TARGETS = [
    pytest.param(loader, seed, id=f"{loader.name}-{seed}") for loader in LOADERS for seed in loader.seeds
]


def test_there_are_so_many() -> None:
    assert len(TARGETS) == 45


@pytest.mark.parametrize(("loader", "seed"), TARGETS)
def test_what_others_have_loaded_is_judged_as_it_is(
    direct: Direct, tmp_path: Path, loader: Loader, seed: int
) -> None:
    try:
        loaded = load(loader, seed, tmp_path, direct.url)
    except MissingProgramError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    assert complaints(direct, loaded) == ([], [])
    run = direct.migrate(loaded.path, mode=Mode.VALIDATE, target_schema=loaded.schema)
    report = build_report(direct.ledger, run.id)
    if loader.same_types:
        assert [(f.kind, f.table, f.message) for f in report.findings] == []
        assert report.exit_status == EQUAL
    lossy = {table for table, _ in loaded.lost}
    assert [f.message for f in report.findings if f.kind in OF_ROWS and f.table not in lossy] == []
