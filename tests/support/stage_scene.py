"""A stage of each kind with a producer that fills it, and a host that shares no disk with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from migration.settings import Settings
from migration.source.snapshots import snapshot_cache, stage_endpoint, stage_store
from migration.source.snapshots.snapshot_stage import open_stage
from tests.support.api import TOKEN
from tests.support.cut_proxy import CutProxy
from tests.support.stages import BUCKET, Frozen, freeze, point_to_s3, serve_s3, serve_snapshots

KINDS = ("folder", "s3", "http")


@dataclass(frozen=True)
class Scene:
    """A stage with its proxy, where it has one, and the settings of a host that shares no disk with the producer."""

    origin: Path
    settings: Settings
    proxy: CutProxy | None

    def put(self, size: int = 300_000, *, elsewhere: bool = True) -> Frozen:
        frozen = freeze(self.origin, size, elsewhere=elsewhere)
        stage = open_stage(self.settings)
        assert stage is not None
        stage.publish(
            self.origin / f"{frozen.sha256}.sqlite", frozen.sha256, "018f6f1e-0000-7000-8000-000000000001"
        )
        return frozen

    def where(self, frozen: Frozen, ending: str = "sqlite") -> Path:
        return self.settings.snapshot_dir / f"{frozen.sha256}.{ending}"


@pytest.fixture
def scene_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Scene]]:
    monkeypatch.setattr(stage_endpoint, "_TIMEOUT_SECONDS", 2.0)
    monkeypatch.setattr(stage_store, "_TIMEOUT_SECONDS", 2.0)
    monkeypatch.setattr(stage_store, "_PAUSES_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(stage_endpoint, "_PAUSES_SECONDS", (0.01, 0.01))
    monkeypatch.setattr(snapshot_cache, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(snapshot_cache, "_REST_SECONDS", 0.0)
    origin = tmp_path / "producer"
    with ExitStack() as stack:

        def make(kind: str, **more: object) -> Scene:
            proxy = None
            if kind == "http":
                proxy = CutProxy(stack.enter_context(serve_snapshots(origin)))
                url = f"http://{proxy.address}"
            elif kind == "s3":
                proxy = CutProxy(stack.enter_context(serve_s3(monkeypatch)))
                point_to_s3(monkeypatch, proxy.address)
                url = f"s3://{BUCKET}/convoy"
            else:
                url = (tmp_path / "stage").as_uri()
            if proxy is not None:
                stack.callback(proxy.close)
            values = {"stage_url": url, "api_token": TOKEN, "snapshot_dir": tmp_path / "host", **more}
            return Scene(origin, Settings(_env_file=None, **values), proxy)  # type: ignore[arg-type]

        yield make


Scenes = Callable[..., Scene]
