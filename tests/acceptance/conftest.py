from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.direct import Direct


@pytest.fixture(scope="session")
def direct(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Direct]:
    """Migrations in this process, into a database of their own."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE direct TEMPLATE template0")
    driver = Direct(postgres_url.replace("/postgres?", "/direct?", 1), tmp_path_factory.mktemp("direct"))
    yield driver
    driver.close()
