"""Columns with a collation in the queries of views: where SQLite compares by it, PostgreSQL would not.

NOCASE and RTRIM make texts equal that PostgreSQL tells apart, and so do collations of an application. A column keeps
its collation through parentheses, subqueries and views, and loses it in any function or operator
(https://sqlite.org/datatype3.html#assigning_collating_sequences_from_sql). What compares by it cannot come along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

from migration.schema_translation.expression_nodes import Untranslatable
from migration.sqlite_names import folded

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_TRANSPARENT: Final = (exp.Paren, exp.Cast)
_COMPARES_NOTHING: Final = (
    exp.Chr,
    exp.Coalesce,
    exp.Concat,
    exp.Count,
    exp.DPipe,
    exp.Exists,
    exp.FirstValue,
    exp.GroupConcat,
    exp.ILike,
    exp.Lag,
    exp.LastValue,
    exp.Lead,
    exp.Length,
    exp.Like,
    exp.Lower,
    exp.NthValue,
    exp.Replace,
    exp.StrPosition,
    exp.Substring,
    exp.Trim,
    exp.Unicode,
    exp.Upper,
)


class FoldingColumns:
    """The columns in a query that are compared by a collation.

    Args:
        query: as the source has it, before names are changed.
        sources: lower-case name or alias → lower-case names of such columns, for each table and view that it reads.
        unique: the same, of columns that are unique in their table: of these, equal values are the same.
    """

    def __init__(
        self,
        query: exp.Expression,
        sources: Mapping[str, Collection[str]],
        unique: Mapping[str, Collection[str]],
    ) -> None:
        self._query = query
        self._sources = sources
        self._unique = unique
        self._names = {name for names in sources.values() for name in names}
        """Of columns whose table is not plain, such as that of a subquery: by their names alone."""
        known = -1
        while known < len(self._names):
            known = len(self._names)
            for alias in query.find_all(exp.Alias):
                if self._is_bare(alias.this):
                    self._names.add(folded(alias.alias))

    def check(self) -> None:
        """Refuse a query that compares by a collation.

        Raises:
            Untranslatable: it does; names the column.
        """
        if not self._names:
            return
        for join in self._query.find_all(exp.Join):
            using = {folded(identifier.name) for identifier in join.args.get("using") or []}
            if using & self._names or join.method.upper() == "NATURAL":
                raise _untranslatable(min(using & self._names, default="columns of the same name"))
        for listed in self._query.find_all(exp.TableAlias):
            if listed.args.get("columns"):
                raise _untranslatable(min(self._names))
        for column in self._query.find_all(exp.Column):
            if (
                self._folds(column)
                and _compares(column)
                and not (_groups(column) and self._is_unique(column))
            ):
                raise _untranslatable(column.name)
        for select in self._query.find_all(exp.Select):
            if select.is_star and _tells_rows_apart(select):
                raise _untranslatable(min(self._names))

    def outputs(self, listed: Collection[str]) -> frozenset[str]:
        """Return the lower-case names of the columns of the query itself that have a collation.

        `listed` are those that a view gives them, if it gives any.
        """
        if not self._names:
            return frozenset()
        if any(select.is_star for select in self._query.find_all(exp.Select)) or listed:
            return frozenset(self._names | {folded(name) for name in listed})
        return frozenset(self._names)

    def _folds(self, column: exp.Column) -> bool:
        name = folded(column.name)
        known = self._sources.get(folded(column.table)) if column.table else None
        return name in (self._names if known is None else known)

    def _is_unique(self, column: exp.Column) -> bool:
        name = folded(column.name)
        if column.table:
            return name in self._unique.get(folded(column.table), ())
        owners = [source for source, names in self._sources.items() if name in names]
        return len(owners) == 1 and name in self._unique.get(owners[0], ())

    def _is_bare(self, node: exp.Expression) -> bool:
        while isinstance(node, _TRANSPARENT):
            node = node.this
        return isinstance(node, exp.Column) and self._folds(node)


def _untranslatable(name: str) -> Untranslatable:
    return Untranslatable(
        f"it compares {name} by the column's collation, and PostgreSQL tells texts apart that are equal to it"
    )


def _compares(column: exp.Column) -> bool:
    """Tell whether what stands around a column compares it with something."""
    node: exp.Expr = column
    while isinstance(node.parent, _TRANSPARENT):
        node = node.parent
    parent = node.parent
    if isinstance(parent, exp.Alias):
        node, parent = parent, parent.parent
    if isinstance(parent, exp.Select) and node.arg_key == "expressions":
        return _tells_rows_apart(parent)
    if isinstance(parent, exp.Is):
        return not isinstance(parent.expression, exp.Null)
    if isinstance(parent, exp.If):
        return node.arg_key == "this"
    if isinstance(parent, exp.Case):
        return node.arg_key != "default"
    if isinstance(parent, exp.Ordered):
        return _decides_by_order(parent)
    return not isinstance(parent, _COMPARES_NOTHING)


def _groups(column: exp.Column) -> bool:
    """Tell whether a column is compared with itself alone, in the rows of one table."""
    return isinstance(column.parent, exp.Group | exp.Distinct) or (
        isinstance(column.parent, exp.Window) and column.arg_key == "partition_by"
    )


def _tells_rows_apart(select: exp.Select) -> bool:
    """Tell whether the rows of a SELECT are compared with each other, or with a value."""
    if select.args.get("distinct"):
        return True
    node: exp.Expr = select
    while node.parent is not None:
        node, inner = node.parent, node
        if isinstance(node, exp.SetOperation):
            if node.args.get("distinct") is not False or not isinstance(node, exp.Union):
                return True
        elif isinstance(node, exp.Exists | exp.From | exp.Join | exp.CTE | exp.Create):
            return False
        elif not (
            isinstance(node, exp.Subquery) or (isinstance(node, exp.Select) and inner.arg_key == "with_")
        ):
            return True  # a value, or the right side of IN
    return False


def _decides_by_order(ordered: exp.Ordered) -> bool:
    """Tell whether an order has a say in which rows or values there are."""
    order = ordered.parent
    query = order.parent if order is not None else None
    if not isinstance(query, exp.Query):
        return True  # of a window, or of an aggregate
    return bool(query.args.get("limit") or query.args.get("offset"))
