"""The API's message for a run names the target in whose ledger it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from api import cluster_connections
from api.cluster_connections import Cluster
from api.target_clusters import TargetClusters
from tests.support.api import api_settings


@pytest.fixture
def clusters(tmp_path: Path) -> TargetClusters:
    file = tmp_path / "targets.toml"
    file.write_text('[shop]\nurl = "postgresql://me@127.0.0.1:9/shop?connect_timeout=1"\n')
    return TargetClusters(Cluster(api_settings(None).model_copy(update={"targets_file": file})))


def test_message_names_its_target_and_only_a_named_one(
    clusters: TargetClusters, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        cluster_connections, "send_advance", lambda _app, run_id, target: sent.append((run_id, target))
    )
    monkeypatch.setattr(cluster_connections, "check_broker", lambda _url: None)
    try:
        assert clusters.default.send("one")
        assert clusters.named("shop").send("two")
        assert sent == [("one", ""), ("two", "shop")]
    finally:
        clusters.close()


def test_answers_call_the_default_target_by_a_name_only_where_there_are_names(
    clusters: TargetClusters,
) -> None:
    try:
        assert (clusters.default.shown_target, clusters.named("shop").shown_target) == ("default", "shop")
        assert Cluster(api_settings(None)).shown_target is None
        shown = clusters.named("shop")
        assert (shown.target, shown.settings.target_password) == (
            "postgresql://me@127.0.0.1:9/shop?connect_timeout=1",
            None,
        )
        assert isinstance(shown.settings.target_url, SecretStr)
    finally:
        clusters.close()
