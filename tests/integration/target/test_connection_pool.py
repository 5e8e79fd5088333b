from __future__ import annotations

import psycopg
import pytest

from migration.target.target_connection import make_engine


def test_a_connection_that_is_in_use_as_the_engine_goes_is_closed_when_it_comes_back(target_url: str) -> None:
    engine = make_engine(target_url, "test")
    with engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        engine.dispose()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1  # nobody is interrupted
    assert raw.closed


@pytest.mark.parametrize("times", [1, 3])
def test_an_engine_that_is_in_use_keeps_its_connections(target_url: str, times: int) -> None:
    engine = make_engine(target_url, "test")
    seen = set()
    for _ in range(times):
        with engine.connect() as connection:
            seen.add(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
    assert len(seen) == 1
    engine.dispose()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() not in seen
    engine.dispose()
