from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from migration.target.target_connection import make_engine


@pytest.fixture
def engine(target_url: str) -> Iterator[Engine]:
    opened = make_engine(target_url, "test")
    yield opened
    opened.dispose()
