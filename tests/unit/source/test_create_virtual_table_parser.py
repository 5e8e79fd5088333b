"""What the text of CREATE VIRTUAL TABLE says, module by module."""

import pytest

from migration.source.create_virtual_table_parser import read_create_virtual


@pytest.mark.parametrize(
    ("sql", "module"),
    [
        ("CREATE VIRTUAL TABLE x USING FTS5(a, tokenize='porter')", "fts5"),
        ('CREATE VIRTUAL TABLE "using" USING "Vec0"(a)', "vec0"),
        ("CREATE VIRTUAL TABLE x USING spatial", "spatial"),
        ("CREATE VIRTUAL TABLE x USING", ""),
        ("CREATE TABLE x(a)", ""),
    ],
)
def test_module_is_what_follows_using(sql, module):
    assert read_create_virtual(sql).module == module


@pytest.mark.parametrize(
    ("arguments", "columns", "unindexed", "options"),
    [
        ("fts5(a, 'b c' UNINDEXED, [d])", ["a", "b c", "d"], {"b c"}, {}),
        (
            "fts5(a, tokenize = 'porter ascii', prefix='2 3')",
            ["a"],
            set(),
            {"tokenize": "porter ascii", "prefix": "2 3"},
        ),
        (
            'fts5(a, cont="my ""t""", content_rowid=id)',
            ["a"],
            set(),
            {"content": 'my "t"', "content_rowid": "id"},
        ),
        (
            "fts5(a, content='', contentless_delete=1)",
            ["a"],
            set(),
            {"content": "", "contentless_delete": "1"},
        ),
        ('fts5("content" , a)', ["content", "a"], set(), {}),
        ("fts4(a TEXT NOT NULL, b)", ["a", "b"], set(), {}),
        ('fts4(a, b, notindexed=a, NOTINDEXED="b")', ["a", "b"], {"a", "b"}, {}),
        ("fts4(content=t, languageid='lid', a)", ["a"], set(), {"content": "t", "languageid": "lid"}),
        ("fts4(content=t)", [], set(), {"content": "t"}),
        ("fts4(a, tokenize=unicode61 'x=y')", ["a"], set(), {"tokenize": "unicode61 'x=y'"}),
        ("fts3(tokenize porter)", ["content"], set(), {"tokenize": "porter"}),
        ("fts3", ["content"], set(), {}),
        (
            "rtree(id, -- the key\n x0, x1, +name TEXT, +'odd one')",
            ["id", "x0", "x1", "name", "odd one"],
            set(),
            {},
        ),
        ("geopoly(a, b)", ["a", "b"], set(), {}),
        ("geopoly", [], set(), {}),
        ("csv(filename='x.csv')", [], set(), {}),
    ],
)
def test_arguments_are_columns_and_options(arguments, columns, unindexed, options):
    found = read_create_virtual(f"CREATE VIRTUAL TABLE x USING {arguments}")
    assert (found.columns, found.unindexed, found.options) == (columns, unindexed, options)
