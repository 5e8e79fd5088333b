"""A wide table begins with light statistics: all columns have some, and those of indexes all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from migration.target.loading import first_statistics
from migration.target.loading.first_statistics import gather_statistics

COLUMNS = 20
ROWS = 4_000


@pytest.fixture
def wide(engine: Engine) -> Iterator[Connection]:
    """A transaction with a table `wide` in a schema of its own, with a key and twenty columns of different numbers."""
    connection = engine.connect()
    names = [f"c{n}" for n in range(COLUMNS)]
    connection.execute(text("CREATE SCHEMA first_statistics"))
    connection.execute(
        text(f"CREATE TABLE first_statistics.wide (id int, {', '.join(f'{n} int' for n in names)})")
    )
    connection.execute(
        text(
            "INSERT INTO first_statistics.wide SELECT n, "
            + ", ".join(f"n * {number + 1}" for number in range(COLUMNS))
            + f" FROM generate_series(1, {ROWS}) n"
        )
    )
    connection.execute(text("CREATE UNIQUE INDEX wide_key ON first_statistics.wide (id)"))
    yield connection
    connection.close()


def bounds(connection: Connection) -> dict[str, int]:
    """Return how finely the values of each column are known."""
    found = connection.execute(
        text(
            "SELECT attname, array_length(histogram_bounds, 1) AS bounds FROM pg_stats"
            " WHERE schemaname = 'first_statistics'"
        )
    )
    return {row.attname: row.bounds for row in found}


def test_columns_of_indexes_are_known_at_the_servers_target_and_the_others_more_coarsely(
    wide: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_statistics, "MOST_VALUES", (COLUMNS + 1) * 300 * 10)
    before = wide.execute(text("SHOW default_statistics_target")).scalar_one()
    gather_statistics(wide, "first_statistics", "wide", COLUMNS + 1)
    assert bounds(wide) == {"id": 101, **{f"c{n}": 11 for n in range(COLUMNS)}}
    assert wide.execute(text("SHOW default_statistics_target")).scalar_one() == before
    rows = wide.execute(text("SELECT reltuples FROM pg_class WHERE oid = 'first_statistics.wide'::regclass"))
    assert rows.scalar_one() == ROWS


def test_index_on_an_expression_has_its_statistics_so_the_whole_table_is_looked_at(
    wide: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_statistics, "MOST_VALUES", 1)
    wide.execute(text("CREATE INDEX wide_sum ON first_statistics.wide ((c1 + c2))"))
    gather_statistics(wide, "first_statistics", "wide", COLUMNS + 1)
    found = wide.execute(text("SELECT count(*) FROM pg_stats WHERE tablename = 'wide_sum'"))
    assert found.scalar_one() == 1
    assert set(bounds(wide).values()) == {101}


def test_table_of_few_columns_is_looked_at_as_the_server_does(wide: Connection) -> None:
    gather_statistics(wide, "first_statistics", "wide", COLUMNS + 1)
    assert set(bounds(wide).values()) == {101}
