"""Drafts of what cannot come along: SQLite's spellings in, something to edit out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migration.model import ColumnPlan, TablePlan, TargetObject, ValueKind
from migration.report.sql_drafts import (
    DraftNames,
    bare,
    draft_of_planned,
    draft_of_trigger,
    draft_of_view,
    draft_of_virtual,
)

PLAN = TablePlan("app", "Book", "s", "book", (), "")
WHERE = DraftNames("s", {"book": PLAN})


@pytest.mark.parametrize(
    ("written", "name"),
    [('"a""b"', 'a"b'), ("[a b]", "a b"), ("`a``b`", "a`b"), ("plain", "plain"), ("", "")],
)
def test_quotes_of_sqlite_come_off(written: str, name: str) -> None:
    assert bare(written) == name


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        (
            "CREATE TRIGGER t AFTER DELETE ON book BEGIN DELETE FROM x WHERE id = OLD.id; END",
            ['AFTER DELETE ON "s"."book"', "RETURN OLD;", "    DELETE FROM x WHERE id = OLD.id;"],
        ),
        (
            "create trigger t instead  of update of a, b on [BOOK] for each row when new.a > 1 begin select 1; end",
            ['INSTEAD OF UPDATE OF a, b ON "s"."book"', "WHEN (new.a > 1)", "RETURN NEW;"],
        ),
        ('CREATE TRIGGER t INSERT ON "else where" BEGIN SELECT 1; END', ['AFTER INSERT ON "s"."else where"']),
        ("not a trigger", []),
    ],
    ids=["delete", "instead of", "no time, unknown table", "not understood"],
)
def test_trigger_becomes_a_function_and_a_trigger(sql: str, parts: list[str]) -> None:
    draft = draft_of_trigger("t", sql, WHERE)
    assert all(part in draft for part in parts), draft
    assert bool(draft) is bool(parts)


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        (
            "CREATE VIRTUAL TABLE f USING fts5(title, 'body', tokenize = porter)",
            ["to_tsvector", '"title"', "USING gin"],
        ),
        ("CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1)", ['box(point("x0", "y0")', "USING gist"]),
        ("CREATE VIRTUAL TABLE g USING [geo thing](a)", ["First, in SQLite"]),
        ("CREATE VIRTUAL TABLE f USING fts5(a, content='')", ["stands for the table that has the texts"]),
        ("not a table", []),
    ],
    ids=["fts", "rtree", "other module", "contentless", "not understood"],
)
def test_virtual_table_says_what_does_its_work(sql: str, parts: list[str]) -> None:
    draft = draft_of_virtual("f", sql, WHERE)
    assert all(part in draft for part in parts), draft
    assert bool(draft) is bool(parts)


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        (
            "CREATE VIRTUAL TABLE Book USING fts5(Title, pages, note UNINDEXED, tokenize='porter ascii')",
            [
                """to_tsvector('english', coalesce("title", '') || ' ' || coalesce("pages"::text, ''))""",
                'ON "s"."book" USING gin (search)',
            ],
        ),
        ("CREATE VIRTUAL TABLE i USING fts4(content=BOOK, title)", ['ON "s"."book" USING gin', "'simple'"]),
        ("CREATE VIRTUAL TABLE book USING fts5(title, search)", ["USING gin (search_words)"]),
        ("CREATE VIRTUAL TABLE book USING rtree(title, pages, note)", ['ON "s"."book" ("pages", "note")']),
    ],
    ids=["own rows", "rows of another table", "name is taken", "one dimension"],
)
def test_index_of_a_virtual_table_goes_on_the_table_with_its_rows(sql: str, parts: list[str]) -> None:
    columns = [("Title", "title", ValueKind.TEXT), ("pages", "pages", ValueKind.INT32)]
    columns.append(("note", "note", ValueKind.TEXT))
    plans = tuple(ColumnPlan(name, target, "", "", kind, {}, "") for name, target, kind in columns)
    where = DraftNames("s", {"book": replace(PLAN, columns=plans)})
    draft = draft_of_virtual("Book", sql, where)
    assert all(part in draft for part in parts), draft
    assert "First" not in draft


@pytest.mark.parametrize(
    "head", ["CREATE VIEW v", "create temp view if not exists main . [v]", 'CREATE VIEW "v" (a, b)']
)
def test_view_keeps_its_query(head: str) -> None:
    draft = draft_of_view("v", f"{head} AS SELECT 1 AS x;", WHERE)
    assert draft.startswith('CREATE VIEW "s"."v"')
    assert draft.endswith("AS SELECT 1 AS x;")


@pytest.mark.parametrize(
    ("item", "draft"),
    [
        (
            TargetObject(
                "index", "i", "book", 1, "", source_sql="CREATE UNIQUE INDEX i ON Book (a GLOB 'x')"
            ),
            """CREATE UNIQUE INDEX "i" ON "s"."book" (a GLOB 'x');""",
        ),
        (
            TargetObject("index", "i", "book", 1, "", source_sql="UNIQUE (a)"),
            'CREATE UNIQUE INDEX "i" ON "s"."book" (a);',
        ),
        (
            TargetObject("check", "c", "book", 1, "", source_sql="CHECK (typeof(a) = 'text')"),
            """ALTER TABLE "s"."book" ADD CONSTRAINT "c" CHECK (typeof(a) = 'text');""",
        ),
        (
            TargetObject("check", "c", "book", 1, "ALTER TABLE {schema}.x", source_sql="?"),
            'ALTER TABLE "s".x;',
        ),
    ],
    ids=["index", "constraint as index", "check", "refused by the server"],
)
def test_planned_object_becomes_a_statement(item: TargetObject, draft: str) -> None:
    assert draft_of_planned(item, PLAN) == draft
