"""Virtual tables: the rows of which ones can be read, and why not those of others."""

import sqlite3
from contextlib import closing

import apsw
import pytest

from migration.model import KeyRange, StorageClass
from migration.source.row_reading.batch_query import Guard
from migration.source.row_reading.chunk_splitting import split_table
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshot_connection import open_snapshot
from migration.source_schema import TableKind
from migration.value_conversion.batch_conversion import Context

WHOLE = KeyRange()
CLASSES = tuple(c for c in StorageClass if c is not StorageClass.NULL)


def rows_of(path, table, ranges=(WHOLE,)):
    """Return the rows as the copy reads them; texts as bytes."""
    classes = dict.fromkeys((column.name for column in table.columns), CLASSES)
    rows = []
    with SnapshotReader(path) as reader:
        for key_range in ranges:
            for batch in reader.batches(table, classes, key_range, 2, guard=Guard.ALL):
                columns = [
                    [_value(slots, row) for row in range(batch.rows)] for slots in batch.slots.values()
                ]
                rows += zip(*columns, strict=True)
    return sorted(rows, key=repr)


def _value(slots, row):
    arrays = [a.view("binary") if c is StorageClass.TEXT else a for c, a in slots.items()]
    return next((array[row].as_py() for array in arrays if array[row].is_valid), None)


def as_sqlite_says(path, statement):
    """Return the rows as the module itself gives them; texts as bytes."""
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory = bytes
        return sorted(connection.execute(statement).fetchall(), key=repr)


def by_apsw(path, *statements):
    """Run statements in the SQLite that comes with APSW: it is newer, and has geopoly."""
    with closing(apsw.Connection(str(path))) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


TABLES = {
    "fts5": (
        "fts5(a, 'b c' UNINDEXED, tokenize='porter ascii', columnsize=0, detail=none)",
        "INSERT INTO x(rowid, a, 'b c') VALUES (-4, 12, x'01'), (9223372036854775807, 'Grüße', NULL), (7, 1.5, '')",
        'SELECT rowid, a, "b c" FROM x',
    ),
    "fts5 with names like its own": (
        "fts5(id, c1, c0, oid)",
        "INSERT INTO x VALUES ('a', 'b', 'c', 'd')",
        "SELECT rowid, id, c1, c0, oid FROM x",
    ),
    "fts5 without rows": ("fts5(a)", "", "SELECT rowid, a FROM x"),
    "fts4": (
        "fts4(title TEXT, \"odd 'name\", tokenize=porter, languageid='lid', order=desc, notindexed=title, prefix='2')",
        "INSERT INTO x(docid, title, lid) VALUES (9, 'word', 3); INSERT INTO x(title) VALUES ('more'), (NULL)",
        'SELECT docid, title, "odd \'name", lid FROM x',
    ),
    "fts4 without columns": ("fts4", "INSERT INTO x VALUES ('a')", "SELECT docid, content FROM x"),
    "fts4 with numbers for names": (
        'fts4("1st", "2", c0)',
        "INSERT INTO x VALUES ('a', 'b', 'c')",
        'SELECT docid, "1st", "2", c0 FROM x',
    ),
    "fts4 with a column true": (
        'fts4("true", "True_", y)',
        "INSERT INTO x VALUES ('a', 'b', 'c')",
        'SELECT docid, "true", "True_", y FROM x',
    ),
    "fts3 with a column rowid": (
        "fts3(b, rowid, tokenize simple)",
        "INSERT INTO x(b) VALUES ('a')",
        "SELECT docid, c0b, c1rowid FROM x_content",
    ),
    "rtree": (
        "rtree(id, x0, x1, y0, y1, +label TEXT, +n)",
        "INSERT INTO x VALUES (5, 1, 2, 3, 4, '', 7), (-3, .1, 1, -9e999, 9e999, x'ff', NULL), (8, 0, 0, 0, 0, '', 2)",
        "SELECT * FROM x",
    ),
    "rtree of integers": (
        'rtree_i32("the key", a, b)',
        "INSERT INTO x VALUES (1, -2147483648, 3)",
        "SELECT * FROM x",
    ),
}


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le"])
@pytest.mark.parametrize(("module", "rows", "statement"), TABLES.values(), ids=TABLES)
def test_rows_are_those_that_the_module_gives(build, module, rows, statement, encoding):
    path = build(f"PRAGMA encoding = '{encoding}'; CREATE VIRTUAL TABLE x USING {module}; {rows};")
    schema = read_schema(path)
    (table,) = schema.tables
    assert (table.name, table.kind) == ("x", TableKind.VIRTUAL)
    assert "not_migrated.sql" in table.note
    assert {o.kind for o in schema.objects} == {"shadow"}
    wanted = as_sqlite_says(path, statement)
    if encoding != "UTF-8":  # sqlite3 gives UTF-8 whatever the database has
        assert len(wanted) == len(rows_of(path, table))
    assert rows_of(path, table) == wanted
    profiles = _profiles(path, table)
    assert {sum(profile.counts.values()) for profile in profiles.values()} == {len(wanted)}


def _profiles(path, table):
    with SnapshotReader(path) as reader:
        return profile_range(reader, table, KeyRange(), Context())


@pytest.mark.parametrize(
    ("columns", "name"),
    [("a", "rowid"), ("rowid", "_rowid_"), ("ROWID, _rowid_", "oid"), ("rowid, _rowid_, oid", "rowid_1")],
)
def test_rowid_is_the_key_under_a_free_name(build, columns, name):
    (table,) = read_schema(build(f"CREATE VIRTUAL TABLE x USING fts4({columns})")).tables
    assert table.primary_key == (name,)
    assert table.rowid_alias == table.rowid_name == name
    assert table.columns[0].declared_type == "INTEGER"


def test_full_text_table_is_split_by_its_rowid_and_an_r_tree_is_not(build):
    path = build(
        "CREATE VIRTUAL TABLE x USING fts5(a); CREATE VIRTUAL TABLE y USING rtree(id, x0, x1);"
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 25)"
        " INSERT INTO x(rowid, a) SELECT i * 7, i FROM n;"
        "INSERT INTO y SELECT rowid, 0, 1 FROM x;"
    )
    words, boxes = read_schema(path).tables
    with open_snapshot(path) as connection:
        parts = split_table(connection, words, 10)
        assert [part.rows for part in parts] == [10, 10, 5]
        (whole,) = split_table(connection, boxes, 10)
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT t.rowid FROM ({words.rows_sql}) AS t WHERE t.rowid > 70 ORDER BY t.rowid"
        ).fetchall()
    assert (whole.key_range, whole.rows) == (KeyRange(), 25)
    assert [row[3] for row in plan] == ["SEARCH x_content USING INTEGER PRIMARY KEY (rowid>?)"]
    assert rows_of(path, words, [p.key_range for p in parts]) == as_sqlite_says(
        path, "SELECT rowid, a FROM x"
    )


def test_texts_are_read_without_the_applications_tokenizer(build):
    path = build("CREATE VIRTUAL TABLE x USING fts5(a, b); INSERT INTO x VALUES ('one', 'two')")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = replace(sql, 'b)', 'b, tokenize=own)') WHERE name = 'x'"
        )
        connection.commit()
    (table,) = read_schema(path).tables
    assert rows_of(path, table) == [(1, b"one", b"two")]


def test_shapes_locales_and_what_is_kept_of_a_contentless_table(tmp_path):
    path = by_apsw(
        tmp_path / "new.db",
        "CREATE VIRTUAL TABLE g USING geopoly(name, val)",
        "INSERT INTO g(_shape, name, val) VALUES ('[[0,0],[1,0],[0,1],[0,0]]', 'tri', 5)",
        "CREATE VIRTUAL TABLE l USING fts5(a, b UNINDEXED, locale=1)",
        "INSERT INTO l(a, b) VALUES (fts5_locale('en_US', 'hello'), 2)",
        "CREATE VIRTUAL TABLE u USING fts5(a, b UNINDEXED, content='', contentless_unindexed=1)",
        "INSERT INTO u(rowid, a, b) VALUES (4, 'x', 'y')",
    )
    shapes, locales, kept = read_schema(path).tables
    assert [column.name for column in shapes.columns] == ["rowid", "_shape", "name", "val"]
    ((rowid, shape, name, value),) = rows_of(path, shapes)
    assert (rowid, shape[:4], name, value) == (1, b"\x01\x00\x00\x03", b"tri", 5)
    assert [column.name for column in locales.columns] == ["rowid", "a", "b", "a_locale"]
    assert rows_of(path, locales) == [(1, b"hello", 2, b"en_US")]
    assert rows_of(path, kept) == [(4, b"y")]
    assert "keeps no texts" in kept.note


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("CREATE VIRTUAL TABLE x USING fts5(a, content='')", "without content"),
        ("CREATE VIRTUAL TABLE x USING fts4(a, content='')", "without content"),
        ("CREATE TABLE n(a); CREATE VIRTUAL TABLE x USING fts5(a, content='n')", "over the table n, which holds"),
        ("CREATE VIEW n AS SELECT 1 AS a; CREATE VIRTUAL TABLE x USING fts4(content=N, a)", "over the view N,"),
        ("CREATE VIRTUAL TABLE x USING fts5(a, content='gone')", "over gone, which is not in this database"),
        (
            "CREATE VIRTUAL TABLE w USING fts5(a, content=''); CREATE VIRTUAL TABLE x USING fts5vocab(w, row)",
            "no rows of its own",
        ),
        (
            "CREATE VIRTUAL TABLE x USING fts4(a, compress=squeeze, uncompress=stretch)",
            "x_content, compressed by the application's function squeeze",
        ),
    ],
)  # fmt: skip
def test_what_holds_no_rows_that_can_be_read_is_left_out(tmp_path, script, reason):
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        for function in ("squeeze", "stretch"):
            connection.create_function(function, 1, lambda value: value)
        connection.executescript(script)
    schema = read_schema(path)
    assert "x" not in {table.name for table in schema.tables}
    (found,) = [o.reason for o in schema.objects if o.name == "x"]
    assert reason in found


@pytest.mark.parametrize(
    ("module", "storage"),
    [("fts5(a)", "x_content"), ("fts4(a)", "x_content"), ("rtree(id, x0, x1)", "x_node")],
)
def test_damaged_storage_costs_only_its_own_table(build, module, storage):
    path = build(f"CREATE TABLE t(a); CREATE VIRTUAL TABLE x USING {module}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (storage,))
        connection.commit()
    schema = read_schema(path)
    assert [table.name for table in schema.tables] == ["t"]
    (found,) = [o.reason for o in schema.objects if o.name == "x"]
    assert storage in found
