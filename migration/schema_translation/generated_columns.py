"""Generated columns that PostgreSQL can compute with the same result.

PostgreSQL checks such an expression when the table is created, so only what surely has the right types is passed on:
arithmetic of one kind, and texts put together. Everything else becomes a plain column that is copied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migration.model import ColumnPlan, ValueKind
from migration.schema_translation.expression_nodes import Untranslatable
from migration.schema_translation.expression_translation import (
    parse_expression,
    print_postgres,
    resolve_columns,
)
from migration.source_schema import GeneratedKind
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.source_schema import SourceTable

_ARITHMETIC: Final = (exp.Add, exp.Sub, exp.Mul)
_INTEGERS: Final = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_INTEGER, _DOUBLE, _TEXT = "integers", "doubles", "text"
_UNCHANGED: Final = frozenset(
    {"integer_to_int16", "integer_to_int32", "integer_to_int64", "real_to_float64", "text_to_text"}
)
_EXACT_DIGITS = 15


def translate_generated(table: SourceTable, column: ColumnPlan, columns: Mapping[str, ColumnPlan]) -> str:
    """Return the expression of a generated column for ``GENERATED ALWAYS AS (...) STORED``.

    Args:
        table: the table that the column belongs to.
        column: the generated column.
        columns: all plans of the table by lower-case source name.

    Raises:
        Untranslatable: PostgreSQL may compute something else, or nothing; says why.
    """
    declared = {folded(c.name): c for c in table.columns}
    root = exp.Paren(this=parse_expression(declared[folded(column.name)].generated_sql or ""))
    usable = {name: plan for name, plan in columns.items() if declared[name].generated is GeneratedKind.NO}
    kind = _kind_of(root.this, usable)
    if kind != _kind_of_column(column):
        raise Untranslatable(f"it computes {kind}, and the column is {column.target_type}")
    _widen_operands(root, usable)
    return print_postgres(resolve_columns(root.this, usable))


def _kind_of(node: exp.Expression, columns: Mapping[str, ColumnPlan]) -> str:
    """Return what kind of value an expression surely has on both sides."""
    if isinstance(node, exp.Paren):
        return _kind_of(node.this, columns)
    if isinstance(node, exp.Column):
        plan = columns.get(folded(node.name))
        if plan is None:
            raise Untranslatable(f"it uses {node.name}, which is no plain column of the table")
        return _kind_of_column(plan)
    if isinstance(node, exp.Literal):
        return _literal_kind(node)
    if isinstance(node, (*_ARITHMETIC, exp.DPipe)):
        kinds = {_kind_of(node.this, columns), _kind_of(node.expression, columns)}
        if isinstance(node, exp.DPipe) and kinds == {_TEXT}:
            return _TEXT
        if isinstance(node, _ARITHMETIC) and _TEXT not in kinds:
            return _DOUBLE if _DOUBLE in kinds else _INTEGER
    raise Untranslatable(f"PostgreSQL may compute {node.sql(dialect='sqlite')} in another way")


def _kind_of_column(plan: ColumnPlan) -> str:
    """Return what a column computes with; raises Untranslatable where its values are no longer SQLite's."""
    if set(plan.rules.values()) <= _UNCHANGED:
        if plan.kind in _INTEGERS:
            return _INTEGER
        if plan.kind is ValueKind.FLOAT64:
            return _DOUBLE
        if plan.kind is ValueKind.TEXT:
            return _TEXT
    raise Untranslatable(f"{plan.target_type} is not what SQLite computes with")


def _literal_kind(node: exp.Literal) -> str:
    if node.is_string:
        return _TEXT
    if node.name.isdecimal():
        return _INTEGER
    if sum(character.isdigit() for character in node.name) <= _EXACT_DIGITS:
        return _DOUBLE
    raise Untranslatable(f"{node.name} has more digits than a double")


def _widen_operands(root: exp.Expression, columns: Mapping[str, ColumnPlan]) -> None:
    """Cast, in place, what PostgreSQL would take for 32-bit integers or decimal numbers."""
    for node in list(root.find_all(exp.Column, exp.Literal)):
        kind = _kind_of(node, columns)
        if kind == _INTEGER:
            node.replace(exp.cast(node.copy(), "BIGINT"))
        elif kind == _DOUBLE and isinstance(node, exp.Literal):
            node.replace(exp.cast(node.copy(), "DOUBLE"))
