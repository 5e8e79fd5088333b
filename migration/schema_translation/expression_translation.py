"""SQL expressions of SQLite in PostgreSQL's words: checks, partial and expression indexes.

Only what means the same on both sides is translated. The rest is refused with the reason, never guessed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import ErrorLevel, SqlglotError

from migration.identifiers import PLACEHOLDER
from migration.model import ColumnPlan, ValueKind
from migration.schema_translation.expression_nodes import (
    Untranslatable,
    in_place_of,
    kind_of_column,
    remember_kind,
)
from migration.schema_translation.operator_meanings import align_operators
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

_KNOWN_FUNCTIONS: Final = (
    exp.Abs,
    exp.And,
    exp.Case,
    exp.Coalesce,
    exp.If,
    exp.Length,
    exp.Lower,
    exp.Nullif,
    exp.Or,
    exp.Replace,
    exp.StrPosition,
    exp.Trim,
    exp.Upper,
)
_REFUSED: Final = (
    exp.Query,
    exp.Star,
    exp.Collate,
    exp.Glob,
    exp.RegexpLike,
    exp.Match,
    exp.Placeholder,
    exp.Parameter,
    exp.Command,
    exp.JSONExtract,
    exp.JSONExtractScalar,
    exp.Bracket,
    exp.Cast,
)
_COMPARISONS: Final = (exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.NullSafeNEQ, exp.In, exp.Is)
_TEXT_AFFINITY: Final = ("CHAR", "CLOB", "TEXT")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,17}")


def parse_expression(sql: str) -> exp.Expression:
    """Parse an expression of SQLite.

    Raises:
        Untranslatable: sqlglot does not understand it.
    """
    tree = parse_statement(f"SELECT {sql}")
    if (
        not isinstance(tree, exp.Select)
        or len(tree.expressions) != 1
        or set(_used_arguments(tree)) != {"expressions"}
    ):
        raise Untranslatable("the expression is not understood")
    expression: exp.Expression = tree.expressions[0]
    if isinstance(expression, exp.Alias):
        raise Untranslatable("the expression is not understood")
    return expression


def _used_arguments(tree: exp.Expression) -> list[str]:
    return [name for name, value in tree.args.items() if value]


def parse_statement(sql: str) -> exp.Expression:
    """Parse a statement of SQLite; raises Untranslatable where sqlglot does not understand it."""
    try:
        tree = sqlglot.parse_one(sql, read="sqlite", error_level=ErrorLevel.RAISE)
    except (SqlglotError, RecursionError) as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Untranslatable(f"the SQL is not understood: {first_line}") from None
    if not isinstance(tree, exp.Expression):
        raise Untranslatable("the SQL is not understood")
    return tree


def print_postgres(tree: exp.Expression) -> str:
    """Print a tree as PostgreSQL's SQL with every identifier quoted.

    Raises:
        Untranslatable: it uses what sqlglot cannot say there, or it would be mistaken for a placeholder.
    """
    try:
        sql: str = tree.sql(
            dialect="postgres", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE
        )
    except (SqlglotError, RecursionError, ValueError) as error:
        raise Untranslatable(f"PostgreSQL has no equal for it: {error}") from None
    if PLACEHOLDER in sql:
        raise Untranslatable(f"it contains the text {PLACEHOLDER}")
    return sql


def compared_as(plan: ColumnPlan) -> ValueKind | None:
    """Return the kind to `remember_kind`; None for texts in a column that SQLite does not compare as text.

    Only beside a column of TEXT affinity does SQLite take a number for its digits:
    https://sqlite.org/datatype3.html#type_conversions_prior_to_comparison
    """
    declared = plan.declared_type.upper()
    is_text = "INT" not in declared and any(word in declared for word in _TEXT_AFFINITY)
    return plan.kind if plan.kind is not ValueKind.TEXT or is_text else None


def align_literals(tree: exp.Expression) -> None:
    """Change, in place, what must be said differently about columns whose type is another one now.

    SQLite compares booleans with 0 and 1, texts with whole numbers, and its LIKE does not tell upper from lower case.
    """
    for node in list(tree.walk()):
        if isinstance(node, _COMPARISONS):
            operands = [node.this, node.args.get("expression"), *node.args.get("expressions", [])]
            kinds = {kind_of_column(o) for o in operands if isinstance(o, exp.Column)}
            for operand in operands:
                if ValueKind.BOOL in kinds:
                    _to_boolean(operand)
                elif kinds == {ValueKind.TEXT}:
                    _to_text(operand)
        elif isinstance(node, exp.Like) and not isinstance(node, exp.ILike):
            pattern = node.args.get("expression")
            if not isinstance(node.parent, exp.Escape) and "\\" in (getattr(pattern, "name", "") or ""):
                raise Untranslatable("LIKE has a backslash, which means itself in SQLite only")
            node.replace(in_place_of(node, exp.ILike))


def _to_boolean(operand: exp.Expression | None) -> None:
    if isinstance(operand, exp.Literal) and not operand.is_string and operand.name in {"0", "1"}:
        operand.replace(exp.Boolean(this=operand.name == "1"))


def _to_text(operand: exp.Expression | None) -> None:
    number = operand.this if isinstance(operand, exp.Neg) else operand
    if isinstance(number, exp.Literal) and not number.is_string and _WHOLE.fullmatch(number.name):
        sign = "-" if number is not operand and number.name != "0" else ""
        operand.replace(exp.Literal.string(sign + number.name))  # type: ignore[union-attr]


def resolve_columns(tree: exp.Expression, columns: Mapping[str, ColumnPlan]) -> exp.Expression:
    """Replace the columns of one table by their target names; return the tree.

    Args:
        tree: the expression; changed in place.
        columns: plans by lower-case source name.

    Raises:
        Untranslatable: a name is no column of the table.
    """
    root = exp.Paren(this=tree)
    for node in list(root.find_all(exp.Column)):
        plan = columns.get(folded(node.name))
        if plan is not None:
            column = exp.column(exp.to_identifier(plan.target_name, quoted=True))
            kind = compared_as(plan)
            if kind is not None:
                remember_kind(column, kind)
            node.replace(column)
        elif isinstance(node.this, exp.Identifier) and node.this.quoted and not node.table:
            # SQLite takes a double-quoted name that is no column for a text: https://sqlite.org/quirks.html
            node.replace(exp.Literal.string(node.name))
        else:
            raise Untranslatable(f"it names {node.name}, which is no column of the table")
    resolved: exp.Expression = root.this
    resolved.parent = None
    return resolved


def check_words(tree: exp.Expression) -> None:
    """Refuse what SQLite and PostgreSQL do not agree about.

    Raises:
        Untranslatable: names the function or operator.
    """
    for node in tree.walk():
        if isinstance(node, exp.Anonymous):
            name = folded(node.name)
            raise Untranslatable(f"it uses the function {name}, which is SQLite's or the application's own")
        if isinstance(node, _REFUSED) or (
            isinstance(node, exp.Func) and not isinstance(node, _KNOWN_FUNCTIONS)
        ):
            raise Untranslatable(
                f"it uses {node.sql(dialect='sqlite')}, which means something else in PostgreSQL"
            )


def translate_expression(sql: str, columns: Mapping[str, ColumnPlan]) -> str:
    """Translate an expression over one table's columns.

    Args:
        sql: as it stands in the source.
        columns: plans by lower-case source name.

    Raises:
        Untranslatable: there is no equal expression; says why.
    """
    tree = parse_expression(sql)
    check_words(tree)
    root = exp.Paren(this=resolve_columns(tree, columns))
    align_literals(root)
    align_operators(root)
    return print_postgres(root.this)
