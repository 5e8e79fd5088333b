"""Checks by which SQLite says that a text is JSON, `CHECK (json_valid(data))`, in PostgreSQL's words.

Django writes one for every JSONField, and whoever wants JSON in a STRICT table has to. PostgreSQL has `IS JSON` since
16 only; a cast to `json` reads the same documents, but fails on others where SQLite says 0. Both refuse the row, as
long as nothing else in the check could still let it in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from migration.identifiers import quote_identifier
from migration.model import ValueKind
from migration.schema_translation.expression_translation import parse_expression, translate_expression
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from migration.model import ColumnPlan

_TEXTS = frozenset({ValueKind.TEXT, ValueKind.JSON})


def translate_check(sql: str, columns: Mapping[str, ColumnPlan]) -> str:
    """Translate the condition of a CHECK over one table's columns.

    Args:
        sql: as it stands in the source.
        columns: plans by lower-case source name.

    Raises:
        Untranslatable: there is no equal condition; says why.
    """
    terms = [(term, _document(term, columns)) for term in _terms(parse_expression(sql))]
    if not any(document for _, document in terms):
        return translate_expression(sql, columns)
    return " AND ".join(
        _is_json(document) if document else f"({translate_expression(term.sql(dialect='sqlite'), columns)})"
        for term, document in terms
    )


def _terms(tree: exp.Expression) -> Iterator[exp.Expression]:
    """Yield what has to hold all together."""
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.And):
        yield from _terms(tree.this)
        yield from _terms(tree.expression)
    else:
        yield tree


def _document(term: exp.Expression, columns: Mapping[str, ColumnPlan]) -> ColumnPlan | None:
    """Return the column of which a term says that it is JSON or NULL; None where it says something else."""
    if isinstance(term, exp.Or):
        # json_valid(NULL) is NULL, which a CHECK lets pass: the other half says nothing new.
        sides = (term.this.unnest(), term.expression.unnest())
        for valid, null in (sides, sides[::-1]):
            plan = _document(valid, columns)
            if plan is not None and _is_null(null, columns) is plan:
                return plan
        return None
    if isinstance(term, exp.EQ):
        wanted = term.expression
        is_one = isinstance(wanted, exp.Literal) and not wanted.is_string and wanted.name == "1"
        return _document(term.this.unnest(), columns) if is_one else None
    if isinstance(term, exp.Anonymous) and folded(term.name) == "json_valid" and len(term.expressions) == 1:
        plan = _column(term.expressions[0], columns)
        return plan if plan is not None and plan.kind in _TEXTS else None
    return None


def _is_null(term: exp.Expression, columns: Mapping[str, ColumnPlan]) -> ColumnPlan | None:
    is_null = isinstance(term, exp.Is) and isinstance(term.expression, exp.Null)
    return _column(term.this, columns) if is_null else None


def _column(node: exp.Expression, columns: Mapping[str, ColumnPlan]) -> ColumnPlan | None:
    return columns.get(folded(node.name)) if isinstance(node, exp.Column) else None


def _is_json(plan: ColumnPlan) -> str:
    """Return a condition that is NULL for NULL, true for JSON, and fails on what is none."""
    return f"CASE WHEN {quote_identifier(plan.target_name)}::json IS NULL THEN NULL ELSE true END"
