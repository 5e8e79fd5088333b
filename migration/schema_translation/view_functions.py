"""Which words of a view's query mean the same in PostgreSQL.

sqlglot translates by form: `substr(x, -2)`, `round(2.5)`, `CAST(1.5 AS INTEGER)`, `max(a, NULL)` and
`strftime('%s', x)` all give SQL that PostgreSQL takes and answers in another way. So only what is listed here passes.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase
from typing import Final

from sqlglot import exp

from migration.schema_translation.expression_nodes import Untranslatable, in_place_of
from migration.sqlite_names import folded

_SAME: Final = (
    # of one row
    exp.Abs,
    exp.And,
    exp.Case,
    exp.Ceil,
    exp.Chr,
    exp.Coalesce,
    exp.Exists,
    exp.Floor,
    exp.If,
    exp.Length,
    exp.Like,
    exp.Lower,
    exp.Nullif,
    exp.Or,
    exp.Replace,
    exp.Sign,
    exp.StrPosition,
    exp.Trim,
    exp.Upper,
    # of many rows
    exp.Avg,
    exp.Count,
    exp.GroupConcat,
    exp.Max,
    exp.Min,
    exp.Sum,
    # of a window
    exp.CumeDist,
    exp.DenseRank,
    exp.FirstValue,
    exp.Lag,
    exp.LastValue,
    exp.Lead,
    exp.NthValue,
    exp.Ntile,
    exp.PercentRank,
    exp.Rank,
    exp.RowNumber,
)


def check_view_words(query: exp.Expression) -> None:
    """Refuse what SQLite and PostgreSQL do not agree about.

    Raises:
        Untranslatable: names the function.
    """
    for node in query.walk():
        if isinstance(node, exp.Glob):
            raise Untranslatable("it uses GLOB, which PostgreSQL does not have")
        if isinstance(node, exp.Anonymous):
            name = folded(node.name)
            raise Untranslatable(f"it uses the function {name}, which is SQLite's or the application's own")
        if not isinstance(node, exp.Func) or isinstance(node, _SAME):
            continue
        if not (isinstance(node, exp.Substring) and _is_from_left(node)):
            raise Untranslatable(
                f"it uses {node.sql(dialect='sqlite')}, which means something else in PostgreSQL"
            )


def fold_ascii(query: exp.Expression) -> None:
    """Let, in place, upper(), lower() and LIKE know capitals of ASCII letters only, as SQLite does.

    What PostgreSQL's own make of other letters depends on the database: https://sqlite.org/lang_corefunc.html#upper.

    Raises:
        Untranslatable: LIKE has a letter for its ESCAPE.
    """
    for node in reversed(list(query.find_all(exp.Upper, exp.Lower, exp.ILike))):  # what is inside goes first
        if isinstance(node, exp.Upper):
            node.replace(_translated(node.this, ascii_lowercase, ascii_uppercase))
        elif isinstance(node, exp.Lower):
            node.replace(_translated(node.this, ascii_uppercase, ascii_lowercase))
        else:
            if isinstance(node.parent, exp.Escape) and node.parent.expression.name.isalpha():
                raise Untranslatable("LIKE has a letter for its ESCAPE")
            text, pattern = (
                _translated(part, ascii_uppercase, ascii_lowercase) for part in (node.this, node.expression)
            )
            node.replace(in_place_of(node, exp.Like, this=text, expression=pattern))


def _translated(text: exp.Expr, letters: str, by: str) -> exp.Expr:
    if isinstance(text, exp.Literal) and text.is_string:
        return exp.Literal.string(text.name.translate(str.maketrans(letters, by)))
    return exp.Anonymous(
        this="translate", expressions=[text.copy(), exp.Literal.string(letters), exp.Literal.string(by)]
    )


def _is_from_left(node: exp.Substring) -> bool:
    """Whether the start is a number from 1 on: others count from the end in SQLite, or take one letter less."""
    numbers = [part for part in (node.args.get("start"), node.args.get("length")) if part is not None]
    plain = all(isinstance(part, exp.Literal) and part.name.isdecimal() for part in numbers)
    return plain and numbers[0].name != "0"
