from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.direct import Direct


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    """A producer and a worker in this process, for what only shows between two steps."""
    cluster = Direct(target_url, tmp_path)
    yield cluster
    cluster.close()
