"""Values go through binary COPY and come back through ADBC as the same Arrow arrays."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.errors import PermanentError
from migration.model import ColumnPlan, TablePlan, ValueKind
from migration.target.loading.binary_copy import copy_batches
from migration.target.loading.table_readback import Block, TargetReader, block_ranges
from migration.target.target_connection import connect, make_engine
from migration.validation.row_digest import DigestSum
from migration.value_conversion.value_kinds import ARROW_TYPES, kind_of

TYPES = (
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "numeric(30,4)",
    "text",
    "varchar(20)",
    "char(20)",
    "bytea",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "jsonb",
    "json",
)
COLUMNS = tuple(
    ColumnPlan(f"c {i}", f'C"{i}%s:x', "", target_type, kind_of(target_type), {}, "")
    for i, target_type in enumerate(TYPES)
)
PLAN = TablePlan("s", "t", "public", 'T"%1:y', COLUMNS, "")


def create(connection: psycopg.Connection, plan: TablePlan = PLAN) -> None:
    columns = ", ".join(
        psycopg.sql.Identifier(c.target_name).as_string(None)
        + f" {c.target_type}"
        + (f" GENERATED ALWAYS AS ({c.generated_sql}) STORED" if c.generated_sql else "")
        for c in plan.columns
    )
    name = psycopg.sql.Identifier("public", plan.target_name).as_string(None)
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f"CREATE TABLE {name} ({columns})")


@pytest.fixture
def connection(target_url: str) -> Iterator[psycopg.Connection]:
    with connect(target_url, "test") as opened:
        create(opened)
        opened.commit()
        yield opened


def days(year: int) -> int:
    return (dt.date(year, 1, 1) - dt.date(1970, 1, 1)).days


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
day = st.integers(days(1), days(9999) + 364)
microsecond = st.integers(days(1) * 86_400 * 10**6, (days(9999) + 364) * 86_400 * 10**6)
decimal = st.decimals(-(10**20), 10**20, places=4).map(lambda d: f"{d:f}")
any_decimal = st.decimals(-(10**20), 10**20, allow_nan=False, allow_infinity=False).map(
    lambda d: f"{d:f}"
) | st.sampled_from(["NaN", "Infinity", "-Infinity", "0", "0.000", "1" + "0" * 300, "0." + "0" * 200 + "1"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "smallint": st.integers(-(2**15), 2**15 - 1),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "real": st.floats(width=32),
    "double precision": st.floats(),
    "numeric": any_decimal,
    "numeric(30,4)": decimal,
    "text": text,
    "varchar(20)": text,
    "char(20)": text.map(lambda s: s.rstrip(" ")),
    "bytea": st.binary(max_size=20),
    "boolean": st.booleans(),
    "date": day,
    "time": st.integers(0, 86_399_999_999),
    "timestamp": microsecond,
    "timestamptz": microsecond,
    "jsonb": st.sampled_from(['{"a": 1, "b": [1.50, "\u00e9"]}', "null", "[]", '"x"', "1.10"]),
    "json": st.sampled_from(['{"a":1,  "a":2}', "null", "1e5"]),
}
STORED_AS = {"date": pa.int32(), "time": pa.int64(), "timestamp": pa.int64(), "timestamptz": pa.int64()}


def batch(rows: list[tuple[Any, ...]], plan: TablePlan = PLAN) -> pa.RecordBatch:
    arrays = []
    for position, column in enumerate(plan.copied_columns):
        type_ = ARROW_TYPES[column.kind]
        stored = STORED_AS.get(column.target_type, type_)
        arrays.append(pa.array([row[position] for row in rows], stored).cast(type_))
    return pa.RecordBatch.from_arrays(arrays, names=[c.name for c in plan.copied_columns])


def load(connection: psycopg.Connection, *batches: pa.RecordBatch) -> int:
    with connection.transaction():
        return copy_batches(connection, "public", PLAN, iter(batches))


def read(url: str, plan: TablePlan = PLAN, **kwargs: Any) -> pa.Table:
    with TargetReader(url) as reader:
        return pa.Table.from_batches(
            reader.batches("public", plan, **kwargs),
            pa.schema([(c.name, ARROW_TYPES[c.kind]) for c in plan.copied_columns]),
        )


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(st.tuples(*(st.none() | VALUES[t] for t in TYPES)), max_size=20))
def test_every_value_comes_back(
    connection: psycopg.Connection, target_url: str, rows: list[tuple[Any, ...]]
) -> None:
    with connection.transaction():
        create(connection)
    sent = batch(rows)
    load(connection, sent)
    found = read(target_url)
    sums = []
    for batches in ([sent], found.to_batches()):
        total = DigestSum()
        for part in batches:
            total.add(part, COLUMNS)
        sums.append(total.digest())
    assert sums[0] == sums[1]
    for column in COLUMNS:
        if column.target_type != "jsonb" and column.kind is not ValueKind.NUMERIC:
            left, right = sent.column(column.name), found.column(column.name).combine_chunks()
            assert left.type == right.type
            if not pa.types.is_floating(left.type):
                assert left.equals(right), column.target_type


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("numeric", "5.00", "5.00"),
        ("numeric", "5", "5"),
        ("numeric", "-0.10", "-0.10"),
        ("numeric", "NaN", "NaN"),
        ("numeric", "-Infinity", "-Infinity"),
        ("numeric", "123456789012345678901234567890.123456789", "123456789012345678901234567890.123456789"),
        ("numeric(30,4)", "1.5", "1.5000"),
        ("date", days(1), "0001-01-01"),
        ("date", days(1600), "1600-01-01"),
        ("date", days(1970) - 1, "1969-12-31"),
        ("date", days(2000) - 1, "1999-12-31"),
        ("date", days(9999) + 364, "9999-12-31"),
        ("timestamp", days(1) * 86_400 * 10**6 + 1, "0001-01-01 00:00:00.000001"),
        ("timestamp", -1, "1969-12-31 23:59:59.999999"),
        ("timestamptz", days(2000) * 86_400 * 10**6 - 1, "1999-12-31 23:59:59.999999+00"),
        ("timestamptz", days(9999) * 86_400 * 10**6, "9999-01-01 00:00:00+00"),
        ("time", 86_399_999_999, "23:59:59.999999"),
        ("double precision", -0.0, "-0"),
        ("double precision", 5e-324, "5e-324"),
        ("double precision", math.nan, "NaN"),
        ("real", math.inf, "Infinity"),
        ("char(20)", "ü ", "ü"),
        ("varchar(20)", "ü ", "ü "),
        ("jsonb", '{"b": 1.10, "a": 1}', '{"a": 1, "b": 1.10}'),
        ("bytea", b"\0\xff", "\\x00ff"),
    ],
)
def test_server_shows_the_value_that_was_sent(
    connection: psycopg.Connection, kind: str, value: Any, shown: str
) -> None:
    position = TYPES.index(kind)
    row = tuple(value if i == position else None for i in range(len(TYPES)))
    load(connection, batch([row]))
    query = psycopg.sql.SQL("SELECT {}::text FROM {}").format(
        psycopg.sql.Identifier(COLUMNS[position].target_name),
        psycopg.sql.Identifier("public", PLAN.target_name),
    )
    assert connection.execute(query).fetchone() == (shown,)


def test_many_batches_are_one_copy(connection: psycopg.Connection, target_url: str) -> None:
    parts = [batch([(None, n) + (None,) * (len(TYPES) - 2)]) for n in range(300)]
    assert load(connection, *parts) > 300
    assert sorted(read(target_url).column("c 1").to_pylist()) == list(range(300))


def test_nothing_to_copy_is_no_error(connection: psycopg.Connection, target_url: str) -> None:
    load(connection)
    assert read(target_url).num_rows == 0


def test_table_whose_columns_are_all_generated(connection: psycopg.Connection, target_url: str) -> None:
    column = ColumnPlan("g", "g", "", "integer", ValueKind.INT32, {}, "", generated_sql="1 + 1")
    plan = TablePlan("s", "g", "public", "g", (column,), "")
    create(connection, plan)
    rows = pa.RecordBatch.from_pylist([{"x": 1}, {"x": 2}, {"x": 3}])
    copy_batches(connection, "public", plan, [rows])
    connection.commit()
    assert connection.execute("SELECT * FROM g").fetchall() == [(2,)] * 3
    with TargetReader(target_url) as reader:
        assert sum(b.num_rows for b in reader.batches("public", plan)) == 3


def test_blocks_cover_the_table_once(connection: psycopg.Connection, target_url: str) -> None:
    load(connection, batch([(None, n) + (None,) * (len(TYPES) - 2) for n in range(20_000)]))
    engine = make_engine(target_url, "test")
    with engine.connect() as opened:
        ranges = block_ranges(opened, "public", {PLAN.target_name: 100_000, "no such table": 1})
    blocks = ranges[PLAN.target_name]
    assert ranges["no such table"] == [Block(0, None)]
    engine.dispose()
    assert len(blocks) > 3
    assert blocks[0].first == 0
    assert blocks[-1].last is None
    found: list[int] = []
    for block in blocks:
        found += read(target_url, block=block).column("c 1").to_pylist()
    assert sorted(found) == list(range(20_000))


def test_batch_of_another_type_is_refused(connection: psycopg.Connection) -> None:
    wrong = pa.RecordBatch.from_arrays([pa.array(["1"])] * len(TYPES), names=[c.name for c in COLUMNS])
    with pytest.raises(PermanentError, match="types of their plan"):
        load(connection, wrong)


def test_trigger_that_drops_rows_is_noticed(connection: psycopg.Connection) -> None:
    name = psycopg.sql.Identifier("public", PLAN.target_name).as_string(None)
    connection.execute("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    connection.execute(f"CREATE TRIGGER t BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION f()")
    connection.commit()
    with pytest.raises(PermanentError, match="stored 0 of 1 rows"):
        load(connection, batch([(None,) * len(TYPES)]))
