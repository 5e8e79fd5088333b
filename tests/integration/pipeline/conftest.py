from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.direct import Direct
from tests.support.several_targets import SeveralTargets, several_targets


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    """A producer and a worker in this process, for what only shows between two steps."""
    cluster = Direct(target_url, tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def targets(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeveralTargets]:
    with several_targets(postgres_url, tmp_path_factory.mktemp("targets")) as made:
        yield made
