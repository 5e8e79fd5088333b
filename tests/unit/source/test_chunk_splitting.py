from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.model import KeyRange
from migration.source.row_reading.chunk_splitting import average_row_bytes, split_table, taper
from migration.source.row_reading.key_range_sql import from_clause, range_condition
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshot_connection import open_snapshot

SMALLEST, LARGEST = -(2**63), 2**63 - 1


def split(path, chunk_rows, name="t", *, last=0, smaller=3):
    """Split a table, and hold the promise: each range has the rows that it says, and no row is in two."""
    table = next(table for table in read_schema(path).tables if table.name == name)
    with open_snapshot(path) as connection:
        splits = split_table(connection, table, chunk_rows)
        if last:
            splits = taper(connection, table, splits, last=last, chunk_rows=smaller)
        total = connection.execute(f'SELECT count(*) FROM "{name}" NOT INDEXED').fetchone()[0]
        for part in splits:
            found = connection.execute(f"SELECT count(*) {from_clause(table, part.key_range)}").fetchone()[0]
            assert found == part.rows
            assert part.rows <= chunk_rows or part.key_range.after is part.key_range.upto is None or last
        assert sum(part.rows for part in splits) == total
    for one, following in pairwise(splits):
        assert one.key_range.upto == following.key_range.after
    assert splits[0].key_range.after is None
    assert splits[-1].key_range.upto is None
    return splits


@pytest.mark.parametrize(
    ("rows", "chunk_rows", "sizes"),
    [
        (0, 10, [0]),
        (1, 10, [1]),
        (10, 10, [10]),
        (11, 10, [10, 1]),
        (30, 10, [10, 10, 10]),
        (3, 1, [1, 1, 1]),
    ],
)
def test_sizes(build, rows, chunk_rows, sizes):
    path = build(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, b)", {"t": [(n, n) for n in range(rows)]} if rows else None
    )
    assert [part.rows for part in split(path, chunk_rows)] == sizes


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (10, [10]),
        (20, [10, 10]),
        (25, [10, 3, 3, 3, 1, 3, 2]),
        (31, [10, 10, 3, 3, 3, 1, 1]),
        (40, [10, 10, 3, 3, 3, 1, 3, 3, 3, 1]),
    ],
)
def test_the_last_ranges_are_cut_smaller(build, rows, sizes):
    path = build("CREATE TABLE t(id INTEGER PRIMARY KEY, b)", {"t": [(3 * n, n) for n in range(rows)]})
    assert [part.rows for part in split(path, 10, last=2)] == sizes


def test_a_last_range_whose_inner_keys_have_no_exact_literals_stays_whole(build):
    keys = [*range(20), 20.5, 21.5, 22.5, 23.5, *range(24, 30)]
    path = build("CREATE TABLE t(k PRIMARY KEY) WITHOUT ROWID", {"t": [(key,) for key in keys]})
    assert [part.rows for part in split(path, 10, last=1, smaller=4)] == [10, 10, 10]


def test_row_ids_with_gaps_and_below_zero(build):
    ids = [SMALLEST, SMALLEST + 1, -5, 0, 7, 1_800_000_000_000_000_000, LARGEST - 1, LARGEST]
    splits = split(build("CREATE TABLE t(id INTEGER PRIMARY KEY)", {"t": [(n,) for n in ids]}), 3)
    assert [part.rows for part in splits] == [3, 3, 2]
    assert splits[0].key_range == KeyRange(("id",), None, ("-5",))


def test_a_table_without_primary_key_is_split_by_rowid(build):
    path = build("CREATE TABLE t(a); CREATE INDEX i ON t(a)", {"t": [("x",)] * 25})
    splits = split(path, 10)
    assert [part.rows for part in splits] == [10, 10, 5]
    assert splits[0].key_range.columns == ("rowid",)


def test_a_table_whose_row_ids_cannot_be_named_is_one_chunk(build):
    path = build('CREATE TABLE t(rowid, _rowid_, "OID")', {"t": [(1, 2, 3)] * 25})
    (whole,) = split(path, 10)
    assert whole.key_range == KeyRange()
    assert whole.rows == 25


@pytest.mark.parametrize(
    ("key", "chunks"),
    [
        ("a TEXT, b INT, PRIMARY KEY(a, b)", 9),
        ("a TEXT, b INT, PRIMARY KEY(b, a)", 9),
        ("a TEXT COLLATE NOCASE, b INT, PRIMARY KEY(a, b)", 9),
        ("a TEXT COLLATE RTRIM, b, PRIMARY KEY(a, b)", 9),
        ("a, b BLOB, PRIMARY KEY(a, b)", 9),
        ("a TEXT, b INT, PRIMARY KEY(a DESC, b)", 1),  # row values do not compare in that order
        (
            "a TEXT, b INT, PRIMARY KEY(a COLLATE NOCASE, b)",
            1,
        ),  # nor with another collation than the column's
        ("a TEXT, b REAL, PRIMARY KEY(a, b)", 1),  # versions of SQLite differ in the last digit
    ],
)
def test_keys_of_tables_without_rowid(build, key, chunks):
    rows = [(f"k{n // 7}", n) for n in range(84)]
    assert len(split(build(f"CREATE TABLE t({key}) WITHOUT ROWID", {"t": rows}), 10)) == chunks


def test_a_collation_of_the_application_makes_one_chunk(build):
    path = build()
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE t(k TEXT COLLATE mine PRIMARY KEY) WITHOUT ROWID")
        connection.executemany("INSERT INTO t VALUES (?)", [(f"{n}",) for n in range(30)])
        connection.commit()
    assert [part.rows for part in split(path, 10)] == [30]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_keys_of_any_storage_class_and_text(build, encoding):
    values = [
        1,
        -1,
        2**62,
        "",
        "it's",
        "größe",
        "a\0b",
        "a\0c",
        "🚚",
        b"",
        b"\x00\xff",
        b"'",
        "0",
        "1.0",
        "NULL",
    ]
    path = build(
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(k PRIMARY KEY) WITHOUT ROWID",
        {"t": [(v,) for v in values]},
    )
    assert [part.rows for part in split(path, 1)] == [1] * len(values)


def test_text_keys_that_are_not_utf8(build):
    path = build(
        "CREATE TABLE t(k TEXT PRIMARY KEY) WITHOUT ROWID;"
        "INSERT INTO t VALUES (CAST(x'ff41' AS TEXT)), (CAST(x'c3' AS TEXT)), ('plain'), (CAST(x'ff4100' AS TEXT));"
    )
    assert [part.rows for part in split(path, 1)] == [1, 1, 1, 1]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(
        st.tuples(
            st.one_of(st.integers(-5, 5), st.text(max_size=3), st.binary(max_size=3)),
            st.one_of(st.integers(SMALLEST, LARGEST), st.text(max_size=2)),
        ),
        max_size=30,
    ),
    st.integers(1, 7),
)
def test_ranges_cover_any_composite_key_once(tmp_path_factory, keys, chunk_rows):
    path = tmp_path_factory.mktemp("split") / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID")
        connection.executemany("INSERT OR IGNORE INTO t VALUES (?, ?)", list(keys))
        connection.commit()
    split(path, chunk_rows)


def test_conditions_are_plain_sql():
    assert range_condition(KeyRange()) == ""
    assert range_condition(KeyRange(("id",), None, ("7",))) == 't."id" <= 7'
    assert (
        range_condition(KeyRange(("a", "b"), ("'x'", "1"), ("'y'", "2")))
        == """(t."a", t."b") > ('x', 1) AND (t."a", t."b") <= ('y', 2)"""
    )


def test_average_row_bytes_sees_all_parts_of_a_table(build):
    rows = [(n, "x" * 10) for n in range(2500)] + [(n, "x" * 1010) for n in range(2500, 5000)]
    path = build("CREATE TABLE t(id INTEGER PRIMARY KEY, body); CREATE TABLE e(a)", {"t": rows})
    t, e = read_schema(path).tables
    with open_snapshot(path) as connection:
        assert 300 < average_row_bytes(connection, t) < 800
        assert average_row_bytes(connection, e) == 1
