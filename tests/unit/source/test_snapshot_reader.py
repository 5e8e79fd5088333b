from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migration.errors import PermanentError, SourceCorruptError, UnexpectedClassError
from migration.model import KeyRange, StorageClass
from migration.source.row_reading.batch_query import Guard
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema

INTEGER, REAL, TEXT, BLOB = StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT, StorageClass.BLOB
ALL = (INTEGER, REAL, TEXT, BLOB)


def only_table(path):
    (table,) = read_schema(path).tables
    return table


def read(path, classes=None, key_range=KeyRange(), batch_rows=100, **options):  # noqa: B008 - frozen
    table = only_table(path)
    classes = {column.name: ALL for column in table.columns} if classes is None else classes
    with SnapshotReader(path) as reader:
        return list(reader.batches(table, classes, key_range, batch_rows, **options))


def values(batches, column, storage_class):
    return [value for batch in batches for value in batch.slots[column][storage_class].to_pylist()]


MIXED = [
    (1,),
    (2.5,),
    ("x",),
    (b"\x00\xff",),
    (None,),
    ("a\0b",),
    ("",),
    (b"",),
    (2**63 - 1,),
    (math.inf,),
    (1.0,),
]


def test_each_value_stands_in_the_slot_of_its_own_class(build):
    batches = read(build("CREATE TABLE t(a)", {"t": MIXED}), batch_rows=4)
    for storage_class, kind in ((INTEGER, int), (REAL, float), (TEXT, str), (BLOB, bytes)):
        expected = [v if type(v) is kind else None for (v,) in MIXED]
        assert values(batches, "a", storage_class) == expected
    assert [batch.rows for batch in batches] == [
        3,
        4,
        4,
    ]  # the first batch has given up the row that fixes types
    assert [key for batch in batches for key in batch.keys[0].to_pylist()] == list(range(1, 12))


def test_arrow_types_are_those_of_the_classes_even_without_a_value(build):
    (batch,) = read(build("CREATE TABLE t(a)", {"t": [(None,)]}))
    types = {c: array.type for c, array in batch.slots["a"].items()}
    assert types == {INTEGER: pa.int64(), REAL: pa.float64(), TEXT: pa.string(), BLOB: pa.binary()}
    assert batch.keys[0].type == pa.int64()


def test_one_class_is_read_plain_and_nulls_stay_null(build):
    path = build("CREATE TABLE t(id INTEGER PRIMARY KEY, a REAL)", {"t": [(1, None), (2, 3), (4, 0.5)]})
    (batch,) = read(path, {"id": (INTEGER,), "a": (REAL,)})
    assert batch.slots["a"][REAL].to_pylist() == [None, 3.0, 0.5]
    assert batch.slots["id"][INTEGER].to_pylist() == batch.keys[0].to_pylist() == [1, 2, 4]


def test_columns_of_nulls_have_no_slots(build):
    path = build("CREATE TABLE t(a, b)", {"t": [(None, 1)] * 3})
    (batch,) = read(path, {"a": (), "b": (INTEGER,)})
    assert batch.slots["a"] == {}
    assert batch.rows == 3


def test_only_the_columns_asked_for_are_read(build):
    (batch,) = read(build("CREATE TABLE t(a, b)", {"t": [(1, 2)]}), {"b": (INTEGER,)})
    assert list(batch.slots) == ["b"]


def test_a_table_with_nothing_to_select_still_has_its_rows(build):
    path = build("CREATE TABLE t(rowid, _rowid_, oid)", {"t": [(None, None, None)] * 250})
    batches = read(path, {}, batch_rows=100)
    assert sum(batch.rows for batch in batches) == 250
    assert {batch.keys for batch in batches} == {()}


def test_ranges_limit_the_rows(build):
    path = build("CREATE TABLE t(id INTEGER PRIMARY KEY)", {"t": [(n,) for n in range(100)]})
    batches = read(path, key_range=KeyRange(("id",), ("9",), ("19",)))
    assert values(batches, "id", INTEGER) == list(range(10, 20))
    assert read(path, key_range=KeyRange(("id",), ("99",), None)) == []


def test_keys_of_tables_without_rowid_are_text(build):
    path = build(
        "CREATE TABLE t(a, b, PRIMARY KEY(a, b)) WITHOUT ROWID;"
        "INSERT INTO t VALUES (7, 'it''s'), (x'00ff', 1.5), (CAST(x'41ff' AS TEXT), 0);"
    )
    (batch,) = read(path)
    rows = set(zip(*(key.to_pylist() for key in batch.keys), strict=True))
    assert rows == {("7", "it's"), ("00FF", "1.5"), ("A�", "0")}


def test_text_that_is_not_utf8_arrives_as_it_is(build):
    path = build("CREATE TABLE t(a TEXT); INSERT INTO t VALUES (CAST(x'41ff42' AS TEXT))")
    (batch,) = read(path, {"a": (TEXT,)})
    assert batch.slots["a"][TEXT].view(pa.binary()).to_pylist() == [b"A\xffB"]


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_text_in_any_encoding(build, encoding):
    rows = [("größe",), ("日本語",), ("🚚",), ("a\0b",)]
    batches = read(build(f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(a)", {"t": rows}), {"a": (TEXT,)})
    assert values(batches, "a", TEXT) == [text for (text,) in rows]


@pytest.mark.parametrize(
    ("encoding", "raw", "read_as"),
    [
        ("UTF-16le", "00d84100", b"\xed\xa0\x80A"),  # SQLite would make U+10041 of the two
        ("UTF-16be", "d8000041", b"\xed\xa0\x80A"),
        ("UTF-16le", "00dc4100", b"\xed\xb0\x80A"),
        ("UTF-16le", "00d8", b"\xed\xa0\x80"),
        ("UTF-16le", "3dd89ade", "🚚".encode()),
    ],
)
def test_half_surrogates_are_not_made_into_other_characters(build, encoding, raw, read_as):
    path = build(
        f"PRAGMA encoding = '{encoding}'; CREATE TABLE t(a); INSERT INTO t VALUES (CAST(x'{raw}' AS TEXT))"
    )
    (batch,) = read(path, {"a": (TEXT,)})
    assert batch.slots["a"][TEXT].view(pa.binary()).to_pylist() == [read_as]


def test_generated_columns_are_read_like_others(build):
    path = build(
        "CREATE TABLE t(a INT, v AS (a * 2), s TEXT AS (a || '!') STORED); INSERT INTO t VALUES (21)"
    )
    (batch,) = read(path, {"a": (INTEGER,), "v": (INTEGER,), "s": (TEXT,)})
    assert {c: [a.to_pylist() for a in slots.values()] for c, slots in batch.slots.items()} == {
        "a": [[21]],
        "v": [[42]],
        "s": [["21!"]],
    }


@pytest.mark.parametrize("name", ["", "two words", 'say "hi"', "größe", "a'b", "rowid", "select"])
def test_any_column_name(build, name):
    quoted = '"' + name.replace('"', '""') + '"'
    (batch,) = read(build(f"CREATE TABLE t({quoted})", {"t": [(5,)]}), {name: (INTEGER,)})
    assert batch.slots[name][INTEGER].to_pylist() == [5]


@pytest.mark.parametrize("suffix", ["", " WITHOUT ROWID"])
@pytest.mark.parametrize("columns", [200, 1990])
def test_very_wide_tables(build, columns, suffix):
    names = ", ".join(f"c{n}" for n in range(1, columns))
    path = build(f"CREATE TABLE t(c0 INT PRIMARY KEY, {names}){suffix}; CREATE INDEX i ON t(c1)")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO t(c0, c1, c7) VALUES (2, 'x', 1), (1, 'y', 2)")
        connection.commit()
    batches = read(path)
    last = f"c{columns - 1}"
    assert values(batches, "c0", INTEGER) in ([2, 1], [1, 2])
    rows = set(
        zip(
            values(batches, "c0", INTEGER),
            values(batches, "c1", TEXT),
            values(batches, "c7", INTEGER),
            strict=True,
        )
    )
    assert rows == {(2, "x", 1), (1, "y", 2)}
    assert values(batches, last, BLOB) == [None, None]


def test_a_collation_of_the_application_needs_no_application(build):
    path = build()
    with closing(sqlite3.connect(path)) as connection:
        connection.create_collation("mine", lambda a, b: (a > b) - (a < b))
        connection.execute("CREATE TABLE t(k TEXT COLLATE mine PRIMARY KEY, v) WITHOUT ROWID")
        connection.executemany(
            "INSERT INTO t VALUES (?, ?)", [(f"k{n}", value[0]) for n, value in enumerate(MIXED)]
        )
        connection.execute("INSERT INTO t VALUES ('z', CAST(x'ff' AS TEXT))")
        connection.commit()
    batches = read(path, batch_rows=5)
    assert [batch.rows for batch in batches] == [5, 5, 2]
    assert {v for v in values(batches, "v", REAL) if v is not None} == {2.5, math.inf, 1.0}
    assert [a.type for a in batches[0].slots["v"].values()] == [
        pa.int64(),
        pa.float64(),
        pa.string(),
        pa.binary(),
    ]
    texts = [v for b in batches for v in b.slots["v"][TEXT].view(pa.binary()).to_pylist() if v is not None]
    assert sorted(texts) == [b"", b"a\x00b", b"x", b"\xff"]


@pytest.mark.parametrize("late", [False, True])
def test_values_that_contradict_a_trusted_profile_are_an_error(build, late):
    rows = [(1,)] * (500 if late else 0) + [("x",)]
    with pytest.raises(PermanentError, match="profile"):
        read(build("CREATE TABLE t(a)", {"t": rows}), {"a": (INTEGER,)})


def test_a_guess_that_is_not_trusted_leaves_other_classes_out(build):
    batches = read(build("CREATE TABLE t(a)", {"t": MIXED}), {"a": (TEXT,)}, guard=Guard.ALL)
    assert [v for v in values(batches, "a", TEXT) if v is not None] == ["x", "a\0b", ""]


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("other", [1.5, 2.0, "7", b"7"])
def test_integers_that_are_only_a_guess_are_an_error_rather_than_coerced(build, other, late):
    rows = [(1,)] * (500 if late else 0) + [(other,)]
    with pytest.raises(UnexpectedClassError):
        read(build("CREATE TABLE t(a)", {"t": rows}), {"a": (INTEGER,)}, guard=Guard.COERCED)


@pytest.mark.parametrize("guess", [REAL, TEXT, BLOB])
def test_other_classes_that_are_only_a_guess_leave_out_what_adbc_would_coerce(build, guess):
    batches = read(build("CREATE TABLE t(a)", {"t": MIXED}), {"a": (guess,)}, guard=Guard.COERCED)
    python = {REAL: float, TEXT: str, BLOB: bytes}[guess]
    assert [v for v in values(batches, "a", guess) if v is not None] == [
        v for (v,) in MIXED if type(v) is python
    ]


def test_a_reader_may_be_left_in_the_middle(build):
    path = build("CREATE TABLE t(a)", {"t": [(n,) for n in range(1000)]})
    with SnapshotReader(path) as reader:
        batches = reader.batches(only_table(path), {"a": (INTEGER,)}, KeyRange(), 10)
        assert next(batches).rows == 9
        batches.close()
        assert (
            sum(b.rows for b in reader.batches(only_table(path), {"a": (INTEGER,)}, KeyRange(), 10)) == 1000
        )


def test_a_snapshot_that_is_gone_is_an_error_of_ours(build):
    path = build("CREATE TABLE t(a)")
    table = only_table(path)
    path.unlink()
    with pytest.raises(SourceCorruptError), SnapshotReader(path) as reader:
        list(reader.batches(table, {"a": (INTEGER,)}, KeyRange(), 10))


def test_reading_leaves_nothing_beside_the_snapshot(build, untouched):
    path = build("PRAGMA journal_mode = WAL; CREATE TABLE t(a)", {"t": MIXED})
    with untouched(path):
        read(path)


sqlite_values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(sqlite_values, sqlite_values), max_size=40), st.integers(2, 9))
def test_any_values_come_back_as_they_went_in(tmp_path_factory, rows, batch_rows):
    path = tmp_path_factory.mktemp("reader") / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t(a, b)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
        connection.commit()
    batches = read(path, batch_rows=batch_rows)
    for position, column in enumerate("ab"):
        slots = [values(batches, column, storage_class) for storage_class in ALL]
        together = [next((v for v in row if v is not None), None) for row in zip(*slots, strict=True)]
        expected = [row[position] for row in rows]
        assert [repr(v) for v in together] == [repr(v) for v in expected]
