"""What a transaction reads of its own rows is what everybody reads once it has committed."""

from __future__ import annotations

import psycopg
import pytest

from migration.model import ColumnPlan, TablePlan
from migration.target.loading.table_readback import TargetReader
from migration.target.loading.uncommitted_readback import read_uncommitted
from migration.validation.row_digest import DigestSum
from migration.value_conversion.value_kinds import kind_of

TYPES = {
    "smallint": ["-32768", "0"],
    "bigint": ["9223372036854775807"],
    "real": ["'-0'", "1.5", "'NaN'"],
    "double precision": ["'Infinity'", "5e-324", "'-0'", "1e308"],
    "numeric": ["'NaN'", "0.100", "1e40", "-5"],
    "text": ["''", "'ž 王 \U0001f600'", "E'a\\nb'"],
    "char(5)": ["'ab'", "''"],
    "bytea": [r"'\x'", r"'\x00ff'"],
    "boolean": ["true", "false"],
    "date": [
        "'0044-03-15 BC'",
        "'9999-12-31'",
        "'1970-01-01'",
    ],  # infinite ones differ from every source
    "time": ["'24:00'", "'00:00'", "'23:59:59.999999'"],
    "timestamp": [
        "'0001-01-01 00:00:00.000001 BC'",
        "'9999-12-31 23:59:59.999999'",
        "'1969-12-31 23:59:59.5'",
    ],
    "timestamptz": ["'2024-02-29 12:00:00.123456+05'", "'1900-01-01'", "'9999-12-31 23:59:59.999999'"],
    "jsonb": ["'null'", """'{"b": [1, 2.50], "a": null}'"""],
}


@pytest.mark.parametrize("target_type", TYPES)
def test_own_rows_read_like_committed_ones(target_url: str, target_type: str) -> None:
    values = [*TYPES[target_type], "NULL"]
    column = ColumnPlan("c", "C d", "", target_type, kind_of(target_type), {}, "")
    plan = TablePlan("s", "t", "public", "t", (column,), "")
    own, committed = DigestSum(), DigestSum()
    with psycopg.connect(target_url) as connection:
        connection.execute(f'CREATE TABLE t ("C d" {target_type})')
        connection.execute("INSERT INTO t VALUES " + ", ".join(f"({value})" for value in values))
        for batch in read_uncommitted(connection, "public", plan, batch_rows=2):
            own.add(batch, plan.copied_columns)
    with TargetReader(target_url) as reader:
        for batch in reader.batches("public", plan):
            committed.add(batch, plan.copied_columns)
    assert own.digest() == committed.digest()
    assert own.digest().rows == len(values)
