"""Sessions begin although a role or a database lets no statement take as long as their first ones do."""

from __future__ import annotations

import adbc_driver_postgresql.dbapi
import psycopg
import pytest

from migration.target.loading import table_readback
from migration.target.loading.table_readback import TargetReader
from migration.target.target_connection import connect, with_defaults, without_statement_timeout


def show(conninfo: str, setting: str) -> str:
    with psycopg.connect(conninfo) as connection:
        (value,) = connection.execute(f"SHOW {setting}".encode()).fetchone() or ("",)
    return str(value)


def test_options_of_the_url_stay(target_url: str) -> None:
    conninfo = with_defaults(f"{target_url}&options=-c%20work_mem%3D9MB", "test")
    assert show(without_statement_timeout(conninfo), "work_mem") == "9MB"
    assert show(without_statement_timeout(conninfo), "statement_timeout") == "0"


def test_session_of_the_driver_that_reads_types_is_opened_again_without_the_timeout(
    target_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The timeout is 1 ms; the driver's first query is slowed by a type for each of thousands of tables."""
    with psycopg.connect(target_url, autocommit=True) as administrator:
        (name,) = administrator.execute("SELECT current_database()").fetchone() or ("",)
        administrator.execute(
            "DO $$ BEGIN FOR n IN 1..3000 LOOP EXECUTE format('CREATE TYPE t%s AS (a int)', n);"
            " IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$"
        )
        administrator.execute(f'ALTER DATABASE "{name}" SET statement_timeout = 1'.encode())
    opened: list[str] = []
    original = adbc_driver_postgresql.dbapi.connect

    def note(conninfo: str, **options: bool) -> adbc_driver_postgresql.dbapi.Connection:
        opened.append(conninfo)
        return original(conninfo, **options)

    monkeypatch.setattr(table_readback.adbc_driver_postgresql.dbapi, "connect", note)
    with TargetReader(target_url) as reader:
        assert reader is not None
    assert len(opened) == 2
    with connect(target_url, "test") as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
