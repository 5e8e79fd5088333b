"""Operators that SQLite and PostgreSQL write alike and answer otherwise, by the types of their operands.

PostgreSQL takes `n << 40` of an `integer` modulo 32, `flag || 'x'` for `truex`, `price / 2` of a numeric for a
fraction, and refuses a remainder of zero or a LIMIT below it, where SQLite computes with 64 bits, with 0 and 1, with
whole numbers where they are stored as such, gives NULL, and has no limit. https://sqlite.org/lang_expr.html#operators
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlglot import exp

from migration.model import ValueKind
from migration.schema_translation.expression_nodes import Untranslatable, kind_of_column

_NARROW: Final = frozenset({ValueKind.INT16, ValueKind.INT32})
_INTEGERS: Final = _NARROW | {ValueKind.INT64}
_NUMBERS: Final = _INTEGERS | {ValueKind.FLOAT32, ValueKind.FLOAT64, ValueKind.NUMERIC, None}
_TEMPORAL: Final = frozenset({ValueKind.DATE, ValueKind.TIME, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})
_COMPARISONS: Final = (
    exp.EQ,
    exp.NEQ,
    exp.NullSafeEQ,
    exp.NullSafeNEQ,
    exp.LT,
    exp.LTE,
    exp.GT,
    exp.GTE,
    exp.In,
    exp.Between,
)
_SAME_TEXT: Final = _INTEGERS | {ValueKind.TEXT, None}
"""Kinds whose values look the same as text on both sides; None: a text, or what only the server knows."""
_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg)
_SHIFTS: Final = (exp.BitwiseLeftShift, exp.BitwiseRightShift)
_GIVE_TEXT: Final = (
    exp.DPipe,
    exp.Upper,
    exp.Lower,
    exp.Trim,
    exp.Replace,
    exp.Substring,
    exp.GroupConcat,
    exp.Chr,
)
_GIVE_INTEGER: Final = (
    exp.Length,
    exp.Count,
    exp.StrPosition,
    exp.RowNumber,
    exp.Rank,
    exp.DenseRank,
    exp.Ntile,
)
_CHOOSE: Final = (
    exp.Paren,
    exp.Coalesce,
    exp.Nullif,
    exp.Min,
    exp.Max,
    exp.Abs,
    exp.FirstValue,
    exp.LastValue,
)
_LONGEST_SHIFT: Final = 62


def align_operators(tree: exp.Expression) -> None:
    """Change, in place, what the server would compute otherwise; columns know their kinds (`remember_kind`).

    Raises:
        Untranslatable: it cannot be made to give the same; says why.
    """
    for node in list(tree.walk()):
        for kinds, align in _ALIGNED:
            if isinstance(node, kinds):
                align(node)
    for node in list(tree.walk()):  # last: what is cast is no column any more
        if isinstance(node, _ARITHMETIC):
            for operand in (node.this, node.args.get("expression")):
                _align_number(operand)


def _check_texts(node: exp.Expr) -> None:
    for operand in (node.this, node.args["expression"]):
        if not _is_same_text(operand):
            raise Untranslatable(f"{_said(operand)} looks otherwise as text in PostgreSQL")


def _align_number(operand: exp.Expr | None) -> None:
    if isinstance(operand, exp.Literal) and operand.is_string:
        raise Untranslatable(f"it computes with the text {_said(operand)}")
    if isinstance(operand, exp.Column):
        kind = kind_of_column(operand)
        if kind not in _NUMBERS:
            raise Untranslatable(f"it computes with {_said(operand)}, which is no number in PostgreSQL")
        if kind in _NARROW:
            operand.replace(exp.cast(operand.copy(), "BIGINT"))


def _check_comparison(node: exp.Expr) -> None:
    """Refuse what SQLite compares as texts, or by storage class, and PostgreSQL by another type."""
    operands = [part for part in node.iter_expressions() if not isinstance(part, exp.Query)]
    kinds = {kind_of_column(part) for part in operands if isinstance(part, exp.Column)}
    if kinds & _TEMPORAL and len(kinds) > 1:
        raise Untranslatable(
            f"{_said(node)} compares texts of times, which are times of two kinds in PostgreSQL"
        )
    if kinds & {ValueKind.JSON, ValueKind.BYTES} and not all(
        isinstance(part, exp.Column) for part in operands
    ):
        raise Untranslatable(f"{_said(node)} compares what is of another type in PostgreSQL")
    if ValueKind.JSON in kinds:
        raise Untranslatable(
            f"{_said(node)} compares texts of documents, which PostgreSQL compares by their values"
        )


def _is_same_text(node: exp.Expr) -> bool:
    """Tell whether a value becomes the same text on both sides."""
    if isinstance(node, exp.Column):
        return kind_of_column(node) in _SAME_TEXT
    if isinstance(node, exp.Literal):
        return node.is_string or node.name.isdecimal()
    if isinstance(node, (*_CHOOSE, exp.Add, exp.Sub, exp.Mul, exp.Neg, exp.Sum)):
        return all(map(_is_same_text, node.iter_expressions()))
    if isinstance(node, exp.Case):
        results = [branch.args["true"] for branch in node.args["ifs"]] + [node.args.get("default")]
        return all(_is_same_text(result) for result in results if result is not None)
    return isinstance(node, (*_GIVE_TEXT, *_GIVE_INTEGER, exp.Null))


def _align_shift(node: exp.Expr) -> None:
    by = node.args["expression"]
    if not (isinstance(by, exp.Literal) and by.name.isdecimal() and int(by.name) <= _LONGEST_SHIFT):
        raise Untranslatable(f"{_said(node)} shifts by what is not known, which PostgreSQL takes modulo 64")
    if not (isinstance(node.this, exp.Column) and kind_of_column(node.this) in _INTEGERS):
        raise Untranslatable(f"{_said(node)} shifts what PostgreSQL may take for 32 bits")
    node.this.replace(exp.cast(node.this.copy(), "BIGINT"))


def _align_division(node: exp.Expr) -> None:
    for operand in (node.this, node.args["expression"]):
        kinds = {kind_of_column(column) for column in operand.find_all(exp.Column)}
        if ValueKind.NUMERIC in kinds:
            raise Untranslatable(
                f"{_said(node)} divides whole numbers without a fraction in SQLite, where they are stored as such"
            )
        if isinstance(node, exp.Mod) and kinds & {ValueKind.FLOAT32, ValueKind.FLOAT64}:
            raise Untranslatable(f"{_said(node)} cuts fractions off in SQLite")
        if isinstance(node, exp.Mod) and isinstance(operand, exp.Literal) and not operand.name.isdecimal():
            raise Untranslatable(f"{_said(node)} cuts fractions off in SQLite")
    divisor = node.args["expression"]
    if isinstance(divisor, exp.Literal) and not divisor.is_string and divisor.name.strip("0"):
        if not divisor.name.isdecimal():
            divisor.replace(exp.cast(divisor.copy(), "DOUBLE"))
    elif isinstance(node, exp.Mod):
        divisor.replace(exp.Nullif(this=divisor.copy(), expression=exp.Literal.number(0)))


def _align_limit(node: exp.Expr) -> None:
    number = node.args.get("expression")
    if isinstance(number, exp.Neg) and isinstance(number.this, exp.Literal):
        node.pop()  # no limit, and nothing that is left out
    elif not (isinstance(number, exp.Literal) and number.name.isdecimal()):
        raise Untranslatable(f"{_said(node).strip()} is computed, and PostgreSQL refuses one below zero")


def _said(node: exp.Expr | None) -> str:
    return node.sql(dialect="sqlite") if node is not None else ""


_ALIGNED: Final[Sequence[tuple[tuple[type[exp.Expr], ...], Callable[[exp.Expr], None]]]] = (
    ((exp.DPipe,), _check_texts),
    (_COMPARISONS, _check_comparison),
    (_SHIFTS, _align_shift),
    ((exp.Div, exp.Mod), _align_division),
    ((exp.Limit, exp.Offset), _align_limit),
)
