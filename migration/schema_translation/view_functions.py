"""Which words of a view's query mean the same in PostgreSQL.

sqlglot translates by form: `substr(x, -2)`, `round(2.5)`, `CAST(1.5 AS INTEGER)`, `max(a, NULL)` and
`strftime('%s', x)` all give SQL that PostgreSQL takes and answers in another way. So only what is listed here passes.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

from migration.schema_translation.expression_translation import Untranslatable

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
    exp.Unicode,
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
            name = node.name.lower()
            raise Untranslatable(f"it uses the function {name}, which is SQLite's or the application's own")
        if not isinstance(node, exp.Func) or isinstance(node, _SAME):
            continue
        if not (isinstance(node, exp.Substring) and _is_from_left(node)):
            raise Untranslatable(
                f"it uses {node.sql(dialect='sqlite')}, which means something else in PostgreSQL"
            )


def _is_from_left(node: exp.Substring) -> bool:
    """Whether the start is a number from 1 on: others count from the end in SQLite, or take one letter less."""
    numbers = [part for part in (node.args.get("start"), node.args.get("length")) if part is not None]
    plain = all(isinstance(part, exp.Literal) and part.name.isdecimal() for part in numbers)
    return plain and numbers[0].name != "0"
