"""What a comment in SQLite's DDL is about: the rules of docs/mapping.md as a table of cases."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.source.schema_reading.ddl_comments import TableComments, read_comments, read_table_comments
from migration.source.schema_reading.schema_introspection import read_schema


@pytest.mark.parametrize(
    ("body", "table", "columns"),
    [
        ("a INT -- one\n, b INT -- two\n", "", {"a": "one", "b": "two"}),
        ("a INT, -- one\n b INT /* two */", "", {"a": "one", "b": "two"}),
        ("a INT, /* one */\n b INT", "", {"a": "one"}),
        ("a INT, /* two */ b INT", "", {"b": "two"}),
        ("/* one */ a INT, b INT", "", {"a": "one"}),
        ("\n /* one */ a INT, b INT", "", {"a": "one"}),
        ("a INT /* one */ /* and more */, b", "", {"a": "one\nand more"}),
        ("a /* inside */ INT, b CHECK (b > 0 -- positive\n)", "", {"a": "inside", "b": "positive"}),
        ("a,\n -- two\n -- and more\n b", "", {"b": "two\nand more"}),
        ("a\n -- two\n , b", "", {"b": "two"}),
        ("\n a, -- one\n    -- goes on\n b", "", {"a": "one\ngoes on"}),
        ("a, -- one\n -- two\n b", "", {"a": "one", "b": "two"}),
        (" -- all\n a, b", "all", {}),
        ("\n -- all\n a, b", "all", {}),
        ("\n -- all\n a, -- one\n b", "all", {"a": "one"}),
        ("\n -- one\n a,\n -- two\n b", "", {"a": "one", "b": "two"}),
        ("\n -- all\n\n -- one\n a,\n -- two\n b", "all", {"a": "one", "b": "two"}),
        ("a, b\n -- the end\n", "the end", {}),
        (
            "a, b,\n -- each once\n UNIQUE (a), -- of one\n CHECK (b /* fine */)",
            "each once\nof one\nfine",
            {},
        ),
        ("\n -- all\n a, b,\n -- each once\n UNIQUE (a)", "all\neach once", {}),
        ("\n -- ------\n -- all\n /******/ a, b", "all", {}),
        ("a --one\r\n, b ---- two ----\r\n", "", {"a": "one", "b": "two ----"}),
        ("a /**\n * First.\n *  - second\n **/, b", "", {"a": "First.\n - second"}),
        ("a /* First.\n       Second.\n         Third. */, b", "", {"a": "First.\nSecond.\n  Third."}),
        ("a DEFAULT '-- no /* no */', b DEFAULT \"/* no */\"", "", {}),
        ('"a -- no" INT, [/* no */] INT -- yes\n', "", {"/* no */": "yes"}),
        ("A -- one\n, b", "", {"a": "one"}),
        ("a -- größe 🚚 it's {schema}\n, b", "", {"a": "größe 🚚 it's {schema}"}),
        ("a --\n, b /* */, c /**/", "", {}),
    ],
)
def test_comments_belong_to_what_people_write_them_for(body, table, columns):
    sql = f"CREATE TABLE t({body})"
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(sql)  # each case is SQL that SQLite takes
    assert read_table_comments(sql) == TableComments(table, columns)


@pytest.mark.parametrize(
    ("sql", "table"),
    [
        ("CREATE TABLE t -- before\n (a) /* behind */ WITHOUT ROWID", "before\nbehind"),
        ("CREATE TABLE t(a)", ""),
        ("CREATE TABLE t -- cut off", ""),
        ("CREATE TABLE t(a, -- cut off", "cut off"),
        ("", ""),
    ],
)
def test_comments_around_the_columns_are_the_tables(sql, table):
    assert read_table_comments(sql).table == table


def test_all_comments_of_a_view_or_an_index_are_its_own():
    assert read_comments("CREATE VIEW v AS -- first\nSELECT '-- no' /* second */") == "first\nsecond"
    assert read_comments("CREATE INDEX i ON t (a)") == ""


@given(st.text(alphabet="a ,()'\"[]`-/*\n\\x", max_size=60))
def test_no_text_breaks_the_reading(text):
    read_table_comments(f"CREATE TABLE t({text}")
    read_comments(text)


def test_schema_has_the_comments_also_after_columns_were_added_and_dropped(build):
    path = build(
        "CREATE TABLE t ( -- all\n a INT, -- one\n gone INT, -- gone\n b INT -- two\n);"
        "ALTER TABLE t ADD COLUMN c INT /* three */;"
        "ALTER TABLE t DROP COLUMN gone;"
        "CREATE INDEX i ON t (a) /* fast */ WHERE a > 0;"
        "CREATE VIEW v AS SELECT a /* seen */ FROM t;"
    )
    schema = read_schema(path)
    (table,) = schema.tables
    assert (table.comment, [c.comment for c in table.columns]) == ("all", ["one", "two", "three"])
    assert [index.comment for index in table.indexes] == ["fast"]
    assert [item.comment for item in schema.objects] == ["seen"]


def test_columns_of_a_virtual_table_have_their_comments(build):
    sql = "CREATE VIRTUAL TABLE box USING rtree( -- areas\n id, -- key\n minx, maxx -- east and west\n)"
    (table,) = read_schema(build(sql)).tables
    assert (table.comment, [c.comment for c in table.columns]) == ("areas", ["key", "", "east and west"])


def test_text_behind_a_nul_and_bytes_that_are_no_utf8_do_not_hurt(build):
    path = build("CREATE TABLE t (a INT -- one#\n)")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = CAST(replace(CAST(sql AS BLOB), '#', x'ff') || x'002d2d' AS TEXT)"
        )
        connection.commit()
    (table,) = read_schema(path).tables
    assert table.columns[0].comment == "one\ufffd"
    assert "\0" not in (table.sql or "")
