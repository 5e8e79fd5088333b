"""The application without servers behind it: what is decided before the ledger is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.app import create_app
from tests.support.api import TOKEN, ApiClient, api_settings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "school.db").write_bytes(b"SQLite format 3\0")
    return folder


@pytest.fixture
def anonymous(root: Path) -> ApiClient:
    return ApiClient(create_app(api_settings(root)))


@pytest.fixture
def client(anonymous: ApiClient) -> ApiClient:
    anonymous.headers["Authorization"] = f"Bearer {TOKEN}"
    return anonymous
