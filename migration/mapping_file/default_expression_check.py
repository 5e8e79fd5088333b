"""Tells whether a text is one expression of PostgreSQL, which can stand after DEFAULT and do nothing else there."""

from __future__ import annotations


def is_expression(sql: str) -> bool:
    """Tell whether a text is a single expression without comments; whether its names exist, PostgreSQL will say.

    >>> is_expression("now()"), is_expression("1); DROP TABLE t; --")
    (True, False)
    """
    import sqlglot  # a tenth of all imports of a worker, for what few mapping files say
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import SqlglotError

    try:
        tokens = sqlglot.tokenize(sql, read="postgres")
        trees = sqlglot.parse(f"SELECT {sql}", read="postgres", error_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError):
        return False
    tree = trees[0]
    if any(token.comments for token in tokens) or len(trees) != 1 or not isinstance(tree, exp.Select):
        return False
    used = {name for name, value in tree.args.items() if value}
    return (
        used == {"expressions"}
        and len(tree.expressions) == 1
        and not isinstance(tree.expressions[0], exp.Alias | exp.Star)
    )
