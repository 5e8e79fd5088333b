from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.model import ColumnProfile, StorageClass
from migration.source.row_reading.chunk_splitting import split_table
from migration.source.row_reading.column_profile import merge_profiles, profile_range
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshot_connection import open_snapshot
from migration.value_conversion.batch_conversion import Context

NULL, INTEGER, REAL, TEXT, BLOB = StorageClass


def profile(path, chunk_rows=1_000_000, source_timezone="UTC"):
    """Profile the only table of a database, in ranges of so many rows."""
    (table,) = read_schema(path).tables
    with open_snapshot(path) as connection, SnapshotReader(path) as reader:
        ranges = [part.key_range for part in split_table(connection, table, chunk_rows)]
        return merge_profiles(
            profile_range(reader, table, key_range, Context(source_timezone)) for key_range in ranges
        )


def test_the_histogram_is_that_of_typeof(build):
    rows = [(1,), (2,), (2.5,), ("x",), (b"\0",), (None,), (None,)]
    assert profile(build("CREATE TABLE t(a)", {"t": rows}))["a"].counts == {
        INTEGER: 2,
        REAL: 1,
        TEXT: 1,
        BLOB: 1,
        NULL: 2,
    }


def test_a_rare_class_is_found_however_late_it_comes(build):
    rows = [(n, "text") for n in range(5000)]
    rows[4321] = (4321, b"blob")
    rows[777] = (777, None)
    found = profile(build("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", {"t": rows}))["a"]
    assert found.counts == {TEXT: 4998, BLOB: 1, NULL: 1}
    assert found.examples == {TEXT: "text", BLOB: "x'626c6f62'"}


def test_a_class_that_the_sample_missed_altogether_is_found(build):
    rows = [(n, None) for n in range(5000)]
    rows[4321] = (4321, 7)
    found = profile(build("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", {"t": rows}))["a"]
    assert (found.counts, found.int_min, found.int_max) == ({INTEGER: 1, NULL: 4999}, 7, 7)


@pytest.mark.parametrize(
    ("value", "storage_class"), [(0.5, REAL), (7.0, REAL), ("7", TEXT), ("x", TEXT), (b"7", BLOB)]
)
def test_what_comes_late_among_integers_and_nulls_is_found(build, value, storage_class):
    rows = [(n, None if n % 3 else n) for n in range(5000)]
    rows[4321] = (4321, value)
    found = profile(build("CREATE TABLE t(id INTEGER PRIMARY KEY, a)", {"t": rows}))["a"]
    assert found.counts == {INTEGER: 1667, NULL: 3332, storage_class: 1}


def test_numbers(build):
    rows = [(-(2**63), 1.5), (2**63 - 1, math.inf), (0, -math.inf), (None, None)]
    found = profile(build("CREATE TABLE t(a INT, b REAL)", {"t": rows}))
    assert (found["a"].int_min, found["a"].int_max, found["a"].total_bytes) == (-(2**63), 2**63 - 1, 24)
    assert (found["b"].real_nonfinite, found["b"].counts) == (2, {REAL: 3, NULL: 1})


def test_texts(build):
    rows = [("größe",), ("",), ("a\0b",), ("🚚🚚🚚🚚",), ("",), (None,)]
    found = profile(build("CREATE TABLE t(a TEXT)", {"t": rows}))["a"]
    assert found.counts == {TEXT: 5, NULL: 1}
    assert (found.longest_chars, found.longest_bytes, found.total_bytes) == (5, 16, 26)
    assert (found.empty_texts, found.nul_texts, found.bad_utf8_texts) == (2, 1, 0)


def test_texts_that_are_not_utf8_are_counted_and_the_others_measured(build):
    path = build(
        "CREATE TABLE t(a TEXT);"
        "INSERT INTO t VALUES ('four'), (CAST(x'ff4142434445' AS TEXT)), (CAST(x'c300' AS TEXT)), ('')"
    )
    found = profile(path)["a"]
    assert (found.bad_utf8_texts, found.nul_texts, found.empty_texts) == (2, 1, 1)
    assert (found.longest_chars, found.longest_bytes, found.counts) == (4, 6, {TEXT: 4})


def test_blobs_are_measured(build):
    found = profile(build("CREATE TABLE t(a BLOB)", {"t": [(b"",), (b"12345",), (None,)]}))["a"]
    assert (found.longest_bytes, found.longest_chars, found.total_bytes, found.empty_texts) == (5, 0, 5, 0)


@pytest.mark.parametrize(
    ("declared", "values", "accepted"),
    [
        ("INTEGER", [1, "12 words"], {INTEGER: 1}),
        ("DATE", ["2024-02-29", "2024-2-9"], {TEXT: 2}),
        ("BOOLEAN", [0, 1], {INTEGER: 2}),
        ("JSON", ['{"a": 1}', "[]", ""], {TEXT: 2}),
        ("TEXT", ["anything"], {}),
    ],
)
def test_values_that_the_declared_type_takes_are_counted(build, declared, values, accepted):
    found = profile(build(f"CREATE TABLE t(a {declared})", {"t": [(v,) for v in values]}))["a"]
    assert found.accepted == accepted


@pytest.mark.parametrize(
    ("declared", "values"),
    [
        ("DATE", ["2024-02-29", "2023-02-29"]),
        ("BOOLEAN", [0, 1, 7]),
        ("JSON", ['{"a": 1}', "{"]),
    ],
)
def test_no_value_counts_beside_one_that_the_declared_type_does_not_take(build, declared, values):
    found = profile(build(f"CREATE TABLE t(a {declared})", {"t": [(v,) for v in values]}))["a"]
    assert found.accepted == {}


def test_the_next_wider_type_is_tried_for_dates(build):
    found = profile(build("CREATE TABLE t(a DATE)", {"t": [("2024-01-01",), ("2024-01-01 12:30:00",)]}))["a"]
    assert (found.accepted, found.accepted_wider) == ({}, {TEXT: 2})


@pytest.mark.parametrize(
    ("zone", "moments"),
    [("UTC", 4), ("America/Santiago", 3)],  # where the clock skipped the midnight of 8 September 2019
)
def test_days_are_moments_too_unless_they_had_no_midnight(build, zone, moments):
    days = ["2019-09-07", "2024-1-5", "2024-01-05 00:00:00", "", "2019-09-08"]
    path = build("CREATE TABLE t(a DATE)", {"t": [(day,) for day in days]})
    found = profile(path, 1, zone)["a"]
    assert (found.accepted, found.accepted_wider) == ({TEXT: 4}, {TEXT: moments})


def test_texts_beyond_ascii_are_measured_in_characters(build):
    texts = ["Größe", "a\0b", "数据库数据", "plain"]
    found = profile(build("CREATE TABLE t(a TEXT)", {"t": [(text,) for text in texts]}))["a"]
    assert (found.longest_chars, found.longest_bytes, found.nul_texts) == (5, 15, 1)
    assert found.total_bytes == sum(len(text.encode()) for text in texts)


def test_an_empty_table_has_an_empty_profile(build):
    assert profile(build("CREATE TABLE t(a, b)")) == {"a": ColumnProfile(), "b": ColumnProfile()}


def test_merging_nothing_gives_nothing():
    assert merge_profiles([]) == {}


def test_examples_are_short_and_printable(build):
    found = profile(build("CREATE TABLE t(a)", {"t": [("line\nbreak " + "x" * 500,), (b"y" * 500,)]}))["a"]
    assert found.examples[TEXT].startswith("line�break")
    assert all(len(example) <= 70 and example.isprintable() for example in found.examples.values())


def test_tables_without_rowid_and_wide_tables(build):
    names = ", ".join(f"c{n}" for n in range(1, 900))
    path = build(f"CREATE TABLE t(c0 TEXT PRIMARY KEY, {names}) WITHOUT ROWID")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO t(c0, c5, c899) VALUES ('a', 1, x'00'), ('b', 'x', 2.5)")
        connection.commit()
    found = profile(path)
    assert found["c5"].counts == {INTEGER: 1, TEXT: 1}
    assert found["c899"].counts == {REAL: 1, BLOB: 1}
    assert found["c898"].counts == {NULL: 2}


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.binary(max_size=5),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(values), max_size=30), st.integers(1, 10))
def test_profiles_of_ranges_add_up_to_what_a_plain_loop_finds(tmp_path_factory, rows, chunk_rows):
    path = tmp_path_factory.mktemp("profile") / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(a)")
        connection.executemany("INSERT INTO t VALUES (?)", rows)
        connection.commit()
    found = profile(path, chunk_rows)["a"]
    by_kind = {k: [v for (v,) in rows if type(v) is k] for k in (int, float, str, bytes, type(None))}
    kinds = {INTEGER: int, REAL: float, TEXT: str, BLOB: bytes, NULL: type(None)}
    assert found.counts == {c: len(by_kind[k]) for c, k in kinds.items() if by_kind[k]}
    assert found.int_min == min(by_kind[int], default=None)
    assert found.int_max == max(by_kind[int], default=None)
    assert found.real_nonfinite == sum(math.isinf(v) for v in by_kind[float])
    texts = by_kind[str]
    assert found.longest_chars == max(map(len, texts), default=0)
    lengths = [len(t.encode()) for t in texts] + [len(b) for b in by_kind[bytes]]
    assert found.longest_bytes == max(lengths, default=0)
    assert found.total_bytes == sum(lengths) + 8 * len(by_kind[int] + by_kind[float])
    assert found.empty_texts == texts.count("")
    assert found.nul_texts == sum("\0" in t for t in texts)
    assert found.bad_utf8_texts == 0


def test_documents_that_repeat_in_a_batch_are_all_counted(build):
    documents = [(f'{{"k": {row % 7}}}',) for row in range(5000)]
    found = profile(build("CREATE TABLE t(a JSON)", {"t": documents}))["a"]
    assert (found.accepted, found.documents_losing) == ({TEXT: 5000}, 0)


def test_one_odd_document_among_repeated_ones_speaks_against_the_type(build):
    documents = [(f'{{"k": {row % 7}}}',) for row in range(5000)]
    documents[4321] = ("{no document",)
    found = profile(build("CREATE TABLE t(a JSON)", {"t": documents}))["a"]
    assert found.accepted.get(TEXT, 0) == 0
