from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.direct import Direct


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    """Migrations in this process, into a database of their own."""
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()
