from __future__ import annotations

import sqlite3
from contextlib import closing

import adbc_driver_sqlite.dbapi
import pytest

from migration.source.schema_reading.schema_introspection import read_schema
from migration.source_schema import GeneratedKind, SourceCheck, SourceForeignKey, SourceIndexColumn, TableKind

CHECKS_STRICT_TABLES_AT_EACH_READING = (3, 51)


def read_table(path, name="t"):
    return next(table for table in read_schema(path).tables if table.name == name)


def test_columns_keep_their_declarations(build):
    table = read_table(
        build(
            "CREATE TABLE t(id INTEGER PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'x' COLLATE nocase, anything,"
            " upper TEXT AS (upper(name)) STORED, twice AS (id * 2), at DEFAULT (datetime('now')))"
        )
    )
    described = [
        (c.name, c.declared_type, c.not_null, c.default_sql, c.generated, c.generated_sql)
        for c in table.columns
    ]
    no = GeneratedKind.NO
    assert described == [
        ("id", "INTEGER", False, None, no, None),
        ("name", "varchar(40)", True, "'x'", no, None),
        ("anything", "", False, None, no, None),
        ("upper", "TEXT", False, None, GeneratedKind.STORED, "upper(name)"),
        ("twice", "", False, None, GeneratedKind.VIRTUAL, "id * 2"),
        ("at", "", False, "datetime('now')", no, None),
    ]
    assert [c.position for c in table.columns] == list(range(6))
    assert [c.collation for c in table.columns] == ["BINARY", "NOCASE", *["BINARY"] * 4]


@pytest.mark.parametrize(
    ("body", "alias", "rowid_name"),
    [
        ("id INTEGER PRIMARY KEY, b", "id", "id"),
        ("id integer primary key asc, b", "id", "id"),
        ("id INTEGER, b, PRIMARY KEY(id DESC)", "id", "id"),  # SQLite's own exception to the next line
        ("id INTEGER PRIMARY KEY DESC, b", None, "rowid"),
        ("id INT PRIMARY KEY, b", None, "rowid"),
        ("id BIGINT PRIMARY KEY, b", None, "rowid"),
        ("a INTEGER, b, PRIMARY KEY(a, b)", None, "rowid"),
        ("ROWID TEXT, b", None, "_rowid_"),
        ("rowid, _RowId_", None, "oid"),
        ("rowid, _rowid_, oid", None, None),
        ("rowid, _rowid_, oid INTEGER PRIMARY KEY", "oid", "oid"),
    ],
)
def test_the_name_of_the_rowid(build, body, alias, rowid_name):
    path = build(f"CREATE TABLE t({body})")
    table = read_table(path)
    assert (table.rowid_alias, table.rowid_name) == (alias, rowid_name)
    if rowid_name:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("INSERT INTO t DEFAULT VALUES")
            assert connection.execute(f'SELECT t."{rowid_name}" FROM t').fetchone() == (1,)


def test_tables_without_rowid_and_strict_tables(build):
    path = build(
        "CREATE TABLE w(a TEXT, b INT, PRIMARY KEY(b, a)) WITHOUT ROWID; CREATE TABLE s(a ANY) STRICT;"
        "CREATE TABLE both(a INTEGER PRIMARY KEY) STRICT, WITHOUT ROWID;"
    )
    w, s, both = read_schema(path).tables
    assert (w.without_rowid, w.strict, w.rowid_name, w.rowid_alias) == (True, False, None, None)
    assert w.primary_key == ("b", "a")
    assert (s.without_rowid, s.strict, s.rowid_name) == (False, True, "rowid")
    assert (both.without_rowid, both.strict, both.rowid_alias) == (True, True, None)


def test_autoincrement_and_how_far_it_has_come(build):
    path = build(
        "CREATE TABLE used(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO used VALUES (41); DELETE FROM used;"
        "CREATE TABLE fresh(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE plain(id INTEGER PRIMARY KEY);"
        "CREATE TABLE odd(id INTEGER PRIMARY KEY AUTOINCREMENT); INSERT INTO sqlite_sequence VALUES ('odd', 'x');"
    )
    tables = {t.name: (t.autoincrement, t.autoincrement_seq) for t in read_schema(path).tables}
    assert tables == {"used": (True, 41), "fresh": (True, None), "plain": (False, None), "odd": (True, None)}


def test_indexes_with_origin_order_collation_expression_and_condition(build):
    path = build(
        "CREATE TABLE t(a TEXT PRIMARY KEY, b TEXT COLLATE NOCASE UNIQUE, c INT);"
        "CREATE INDEX plain ON t(c DESC, b COLLATE RTRIM);"
        "CREATE UNIQUE INDEX clever ON t(lower(a) DESC, c) WHERE c > 0;"
    )
    indexes = {index.name: index for index in read_table(path).indexes}
    assert list(indexes) == ["sqlite_autoindex_t_1", "sqlite_autoindex_t_2", "plain", "clever"]
    assert [index.origin for index in indexes.values()] == ["pk", "u", "c", "c"]
    assert indexes["sqlite_autoindex_t_2"].columns == (SourceIndexColumn("b", collation="NOCASE"),)
    assert indexes["plain"].columns == (
        SourceIndexColumn("c", descending=True),
        SourceIndexColumn("b", collation="RTRIM"),
    )
    clever = indexes["clever"]
    assert (clever.unique, clever.where_sql) == (True, "c > 0")
    assert clever.columns == (
        SourceIndexColumn(None, sql="lower(a)", descending=True),
        SourceIndexColumn("c"),
    )
    assert clever.sql is not None


def test_foreign_keys_in_order_of_the_text(build):
    path = build(
        "CREATE TABLE p(x, y, PRIMARY KEY(x, y));"
        "CREATE TABLE t(a REFERENCES u ON DELETE CASCADE, b, c,"
        " FOREIGN KEY(b, c) REFERENCES p(x, y) ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,"
        ' FOREIGN KEY(c) REFERENCES "odd one"(k))'
    )
    assert read_table(path).foreign_keys == (
        SourceForeignKey(("a",), "u", (), "CASCADE"),
        SourceForeignKey(("b", "c"), "p", ("x", "y"), "NO ACTION", "SET NULL", deferrable=True),
        SourceForeignKey(("c",), "odd one", ("k",)),
    )


def test_checks_survive_renaming_and_added_columns(build):
    path = build(
        "CREATE TABLE t(a INT CHECK (a > 0), CONSTRAINT both CHECK (a < 10));"
        "ALTER TABLE t RENAME COLUMN a TO \"new a\"; ALTER TABLE t ADD COLUMN z TEXT CHECK (z <> '') COLLATE NOCASE;"
    )
    table = read_table(path)
    assert table.checks == (
        SourceCheck('"new a" > 0'),
        SourceCheck("z <> ''"),
        SourceCheck('"new a" < 10', "both"),
    )
    assert [(c.name, c.collation) for c in table.columns] == [("new a", "BINARY"), ("z", "NOCASE")]


def test_what_is_no_ordinary_table_is_listed_with_a_reason(build):
    path = build(
        "CREATE TABLE t(a); CREATE VIEW v AS SELECT a FROM nowhere;"
        "CREATE VIRTUAL TABLE f USING fts5(body, content='');"
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; END; CREATE INDEX i ON t(a);"
    )
    schema = read_schema(path)
    assert [table.name for table in schema.tables] == ["t"]
    assert {(o.kind, o.name) for o in schema.objects} == {
        ("view", "v"),
        ("trigger", "r"),
        (TableKind.VIRTUAL.value, "f"),
        *((TableKind.SHADOW.value, f"f_{part}") for part in ("data", "idx", "docsize", "config")),
    }
    reasons = {o.name: o.reason for o in schema.objects}
    assert "without content" in reasons["f"]
    assert reasons["f_data"] == "internal storage of the virtual table f"


def test_a_missing_module_costs_only_its_own_tables(build):
    path = build(
        "CREATE TABLE t(a); CREATE TABLE docs(a); CREATE TABLE docs_chunks(a); CREATE TABLE docs_notes(a);"
    )
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET rootpage = 0, sql = 'CREATE VIRTUAL TABLE docs USING vec0(a)' WHERE name = 'docs'"
        )
        connection.commit()
    schema = read_schema(path)
    assert [table.name for table in schema.tables] == ["t", "docs_notes"]
    reasons = {(o.kind, o.name): o.reason for o in schema.objects}
    assert set(reasons) == {("virtual", "docs"), ("shadow", "docs_chunks")}
    assert "stays behind in docs_chunks" in reasons["virtual", "docs"]


def test_a_column_that_only_the_application_can_compute_is_listed(build):
    path = build()
    with closing(sqlite3.connect(path)) as connection:
        connection.create_function("secret", 1, lambda x: x, deterministic=True)
        connection.execute("CREATE TABLE t(a, v AS (secret(a)), s AS (secret(a)) STORED)")
    schema = read_schema(path)
    assert [column.name for column in schema.tables[0].columns] == ["a", "s"]
    (lost,) = schema.objects
    assert (lost.kind, lost.name, lost.sql) == ("column", "t.v", "secret(a)")
    assert "secret" in lost.reason


@pytest.mark.parametrize(
    "name", ["", "two words", 'say "hi"', "größe", "🚚", "a'b", "select", "[x]", "%", "a;b"]
)
def test_any_name_is_read(build, name):
    quoted = '"' + name.replace('"', '""') + '"'
    path = build(
        f"CREATE TABLE {quoted}({quoted} INT PRIMARY KEY, other REFERENCES {quoted});"
        f"CREATE INDEX ix ON {quoted}(other)"
    )
    (table,) = read_schema(path).tables
    assert table.name == table.columns[0].name == table.foreign_keys[0].parent_table == name
    assert table.primary_key == (name,)
    assert len(table.indexes) == 2


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_the_encoding_is_told(build, encoding):
    schema = read_schema(build(f"PRAGMA encoding = '{encoding}'; CREATE TABLE größe(ä TEXT DEFAULT 'ö')"))
    assert schema.encoding == encoding
    assert (schema.tables[0].name, schema.tables[0].columns[0].default_sql) == ("größe", "'ö'")


def test_a_name_that_is_not_utf8_costs_only_itself(build):
    path = build("CREATE TABLE good(a); CREATE TABLE bad(a);")
    path.write_bytes(path.read_bytes().replace(b"bad", b"b\xffd"))
    schema = read_schema(path)
    assert [table.name for table in schema.tables] == ["good"]
    assert [(o.kind, o.reason) for o in schema.objects] == [("table", "the name is not valid UTF-8")]


def test_an_empty_file_declares_nothing(tmp_path):
    path = tmp_path / "empty.sqlite"
    path.touch()
    schema = read_schema(path)
    assert (schema.tables, schema.objects) == ((), ())


@pytest.mark.parametrize(
    "script",
    [
        (
            "CREATE TABLE t(a); INSERT INTO t VALUES ('{\"x\":1}'), ('no JSON');"
            "ALTER TABLE t ADD COLUMN v AS (json_extract(a, '$.x'))"
        ),
        # The message of the error holds the byte.
        (
            "CREATE TABLE t(a); INSERT INTO t VALUES (CAST(x'ff' AS TEXT));"
            "ALTER TABLE t ADD COLUMN v AS (json_extract('[]', '$[' || a || ']'))"
        ),
    ],
)
def test_a_generated_column_that_fails_for_one_row_is_left_out_and_told(build, script):
    schema = read_schema(build(script))
    assert [column.name for column in schema.tables[0].columns] == ["a"]
    (left_out,) = schema.objects
    assert (left_out.kind, left_out.name) == ("column", "t.v")
    assert "for every row" in left_out.reason


def test_a_generated_column_of_a_strict_table_is_left_out_where_its_types_are_checked_at_each_reading(build):
    schema = read_schema(
        build("CREATE TABLE t(a TEXT, v BLOB AS (a || 'x')) STRICT; INSERT INTO t VALUES ('a')")
    )
    with adbc_driver_sqlite.dbapi.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()")
        versions = (sqlite3.sqlite_version, cursor.fetchone()[0])
    newest = max(tuple(map(int, version.split("."))) for version in versions)
    is_checked = newest >= CHECKS_STRICT_TABLES_AT_EACH_READING
    assert [column.name for column in schema.tables[0].columns] == (["a"] if is_checked else ["a", "v"])
    assert [(found.name, "for every row" in found.reason) for found in schema.objects] == (
        [("t.v", True)] if is_checked else []
    )
