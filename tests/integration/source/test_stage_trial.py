"""What `doctor` asks of a stage: whether it can be reached, read and written, as this host would."""

from __future__ import annotations

import pytest

from migration.errors import StageUnreachableError
from migration.source.snapshots import stage_store
from migration.source.snapshots.snapshot_stage import open_stage
from tests.support.stage_scene import KINDS, Scenes


@pytest.mark.parametrize("kind", KINDS)
def test_a_stage_is_tried_out_and_nothing_is_left(scene_of: Scenes, kind: str) -> None:
    scene = scene_of(kind)
    frozen = scene.put()
    stage = open_stage(scene.settings)
    assert stage is not None
    assert stage.try_out() is None
    assert stage.size(frozen.sha256) == frozen.bytes
    if isinstance(stage, stage_store.StoreStage):
        assert not [name for name in stage._names() if "try-out" in name]


@pytest.mark.parametrize("kind", ["s3", "http"])
def test_a_stage_that_is_away_is_found_out(scene_of: Scenes, kind: str) -> None:
    scene = scene_of(kind)
    scene.put()
    assert scene.proxy is not None
    scene.proxy.set("refuse")
    stage = open_stage(scene.settings)
    assert stage is not None
    with pytest.raises(StageUnreachableError, match="cannot be used from host"):
        stage.try_out()


def test_a_stage_that_may_only_be_read_says_so(scene_of: Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_of("folder")
    scene.put()
    stage = open_stage(scene.settings)
    assert isinstance(stage, stage_store.StoreStage)

    def refused(*_arguments: object) -> None:
        raise PermissionError("Access Denied")

    monkeypatch.setattr(
        stage._files, "pipe_file", refused
    )  # the tests may run as root, whom no mode keeps out
    assert "Access Denied" in str(stage.try_out())
