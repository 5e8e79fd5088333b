"""A snapshot that has gone from its folder, where no stage has another copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from migration.errors import SnapshotLostError
from migration.settings import Settings
from migration.source.snapshots.snapshot_access import SnapshotAccess
from tests.support.stages import freeze


def test_without_a_stage_a_missing_snapshot_is_lost(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, snapshot_dir=tmp_path)
    frozen = freeze(tmp_path, elsewhere=False)
    with SnapshotAccess(settings) as snapshots:
        assert snapshots.path(frozen) == Path(frozen.snapshot)
        snapshots.confirm(frozen)
        Path(frozen.snapshot).unlink()
        with pytest.raises(SnapshotLostError, match="MIGRATION_STAGE_URL names no stage"):
            snapshots.path(frozen)
