from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from migration.run_options import RunOptions
from migration.target.target_connection import connect
from migration.validation.database_comparison import ValidationResult, validate_database
from tests.support.direct import Direct


@pytest.fixture
def target(target_url: str) -> Iterator[psycopg.Connection]:
    with connect(target_url, "test") as opened:
        opened.autocommit = True
        yield opened


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    opened = Direct(target_url, tmp_path / "direct")
    yield opened
    opened.close()


@pytest.fixture
def validate(tmp_path: Path, target_url: str) -> Callable[..., ValidationResult]:
    def run(source_sql: str, options: RunOptions | None = None) -> ValidationResult:
        import sqlite3

        path = tmp_path / "source.db"
        source = sqlite3.connect(path)
        source.executescript(source_sql)
        source.close()
        before = path.read_bytes()
        result = validate_database(path, "source", target_url, options or RunOptions())
        assert path.read_bytes() == before
        return result

    return run
