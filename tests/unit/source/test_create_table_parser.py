from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.source.create_table_parser import (
    collations_named,
    read_create_index,
    read_create_table,
)
from migration.source.sqlite_syntax import quote_name, tokenize
from migration.source_schema import SourceCheck


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("plain", "plain"),
        ('"two words"', "two words"),
        ("[brack]", "brack"),
        ("`tick``s`", "tick`s"),
        ('"say ""hi"""', 'say "hi"'),
        ("'apostrophe'", "apostrophe"),
        ('""', ""),
        ("größe$1", "größe$1"),
        ("🚚", "🚚"),
        ('"a,b)("', "a,b)("),
        ('"check"', "check"),
    ],
)
def test_names_are_read_under_any_quoting(written, name):
    text = read_create_table(f"CREATE TABLE t({written} INT COLLATE NOCASE, other)")
    assert [column.name for column in text.columns] == [name, "other"]
    assert text.columns[0].collation == "NOCASE"


@pytest.mark.parametrize(
    ("body", "checks"),
    [
        ("a INT CHECK (a > 0)", [SourceCheck("a > 0")]),
        ("a INT CONSTRAINT positive CHECK (a > 0), b", [SourceCheck("a > 0", "positive")]),
        (
            "a, CHECK (a IN ('x)', 'y''(')), CHECK(a <> ',')",
            [SourceCheck("a IN ('x)', 'y''(')"), SourceCheck("a <> ','")],
        ),
        ('a, CONSTRAINT "my check" CHECK (a > (1 + 2))', [SourceCheck("a > (1 + 2)", "my check")]),
        (
            "a, CONSTRAINT x CHECK (a) CONSTRAINT y CHECK (a + 1)",
            [SourceCheck("a", "x"), SourceCheck("a + 1", "y")],
        ),
        ("a DEFAULT 'CHECK (a)' -- CHECK (b)\n , b /* CHECK (c) */", []),
        ('"CHECK" INT, [REFERENCES] TEXT', []),
        ("a, PRIMARY KEY (a), check(a is not null)", [SourceCheck("a is not null")]),
    ],
)
def test_checks_are_found_where_they_are(body, checks):
    assert read_create_table(f"CREATE TABLE t({body})").checks == checks


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a INTEGER PRIMARY KEY AUTOINCREMENT", True),
        ("a integer primary key autoincrement not null", True),
        ("a INTEGER, PRIMARY KEY(a AUTOINCREMENT)", True),
        ("a INTEGER PRIMARY KEY /* AUTOINCREMENT */", False),
        ("a INTEGER PRIMARY KEY DEFAULT 'AUTOINCREMENT'", False),
        ('a INTEGER PRIMARY KEY, "AUTOINCREMENT" INT', False),
    ],
)
def test_autoincrement(body, expected):
    assert read_create_table(f"CREATE TABLE t({body})").autoincrement is expected


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        ("a, b AS (a || ')')", "a || ')'"),
        ("a, b TEXT GENERATED ALWAYS AS (upper(a)) STORED", "upper(a)"),
        ("a, b AS (CAST(a AS INT)) VIRTUAL NOT NULL", "CAST(a AS INT)"),
    ],
)
def test_generated_expressions(body, expression):
    assert read_create_table(f"CREATE TABLE t({body})").columns[1].generated_sql == expression


@pytest.mark.parametrize(
    ("clause", "deferrable"),
    [
        ("", False),
        ("DEFERRABLE", False),
        ("DEFERRABLE INITIALLY IMMEDIATE", False),
        ("DEFERRABLE INITIALLY DEFERRED", True),
        ("NOT DEFERRABLE INITIALLY DEFERRED", False),
        ("ON DELETE SET NULL MATCH FULL deferrable initially deferred", True),
    ],
)
def test_deferrable_is_what_sqlite_makes_of_it(clause, deferrable):
    text = read_create_table(
        f"CREATE TABLE t(a REFERENCES p(x) {clause}, b, FOREIGN KEY (b) REFERENCES q {clause})"
    )
    assert text.deferrable == [deferrable, deferrable]


@pytest.mark.parametrize(
    ("sql", "terms", "where_sql"),
    [
        ("CREATE INDEX i ON t(a)", ("a",), None),
        ("CREATE UNIQUE INDEX i ON t(lower(a) DESC, b COLLATE NOCASE ASC)", ("lower(a)", "b"), None),
        ("CREATE INDEX i ON t(a || ',' || b) WHERE c > 0 AND (d)", ("a || ',' || b",), "c > 0 AND (d)"),
        ('CREATE INDEX "i(" ON "t(" (x + 1 DESC NULLS LAST)', ("x + 1",), None),
        ("CREATE INDEX i ON t(a /* WHERE */) -- WHERE b\n", ("a",), None),
    ],
)
def test_index_terms_and_conditions(sql, terms, where_sql):
    text = read_create_index(sql)
    assert (text.terms, text.where_sql) == (terms, where_sql)


def test_collations():
    assert collations_named('CREATE TABLE t(a COLLATE "my own", b collate other)') == {"my own", "other"}


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_a_quoted_name_is_one_token_that_reads_back(name):
    (token,) = tokenize(quote_name(name))
    assert token.name == name


@given(st.text(st.sampled_from("abc \n\"'`[](),.;-/*0123456789é_$x")))
def test_no_text_breaks_the_readers(text):
    tokens = tokenize(text)
    assert all(text[token.start : token.end] == token.text for token in tokens)
    for sql in (text, f"CREATE TABLE t({text}", f"CREATE TABLE t({text})"):
        read_create_table(sql)
        read_create_index(sql)
