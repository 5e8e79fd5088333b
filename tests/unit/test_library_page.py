"""docs/libraries.md is what docs/libraries.toml says, and the table is large enough to be of use."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from migration.value_conversion.named_losses import LOSSES
from tests.support.library_table import KINDS, PAGE, LibraryValue, library_values, page_text

VALUES = library_values()


def test_page_is_made_of_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_text()


def test_table_has_forty_libraries_and_every_kind_of_value() -> None:
    assert len({value.library for value in VALUES}) >= 40
    assert {value.kind for value in VALUES} == set(KINDS)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value.number} {value.library}")
def test_value_lies_in_the_file_as_the_table_says(value: LibraryValue) -> None:
    assert value.source
    assert value.loss <= LOSSES.keys()
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(f"CREATE TABLE t (v {value.declared})")
        connection.execute(f"INSERT INTO t VALUES ({value.value})")
        assert connection.execute("SELECT typeof(v) FROM t").fetchone() == (value.storage_class,)
