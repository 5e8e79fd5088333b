"""A ledger that was restored gives ids out again, while the processes that have seen them before go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from migration.model import Phase
from tests.support.direct import Direct

TABLES = """
DROP TABLE IF EXISTS t; CREATE TABLE t (id INTEGER PRIMARY KEY, v);
DROP TABLE IF EXISTS u; CREATE TABLE u (id INTEGER PRIMARY KEY, v);
"""
RESTORED = "TRUNCATE convoy.runs RESTART IDENTITY CASCADE"
"""As a backup of before the first run has it."""


@pytest.fixture
def direct(target_url: str, tmp_path: Path) -> Iterator[Direct]:
    driver = Direct(target_url, tmp_path / "direct")
    yield driver
    driver.close()


def source(build: Callable[[str], Path], *values: object) -> Path:
    rows = ", ".join(f"({number}, {value!r})" for number, value in enumerate(values, 1))
    return build(TABLES + "".join(f"INSERT INTO {table} VALUES {rows};" for table in "tu"))


@pytest.mark.parametrize("until", [Phase.COPYING, Phase.INDEXING, Phase.VALIDATING, None])
@pytest.mark.parametrize("values", [("other", "rows"), (7, 8), (1.5, 2.5, 3.5)])
def test_run_whose_ids_another_had_is_copied_from_its_own_source(
    direct: Direct, build: Callable[[str], Path], until: Phase | None, values: tuple[object, ...]
) -> None:
    first = direct.finish(
        direct.start(source(build, "a", "b"), until=Phase.SNAPSHOTTING, target_schema="first").id, until=until
    )
    before = direct.query("SELECT min(id), max(id) FROM convoy.tables")
    direct.query(RESTORED)

    run = direct.migrate(source(build, *values), target_schema="second")

    assert direct.query("SELECT min(id), max(id) FROM convoy.tables") == before
    assert run.phase is Phase.COMPLETED, run.error
    assert run.id != first.id
    for table in ("t", "u"):
        (found,) = direct.query(f'SELECT count(*) FROM "second".{table}')
        assert found == (len(values),)
    shown = [value for (value,) in direct.query('SELECT v::text FROM "second".t ORDER BY id')]
    assert shown == [str(value) for value in values]
