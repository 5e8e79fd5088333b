"""Nodes of a parsed expression: what is noted on them, and how one takes the place of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlglot import exp

if TYPE_CHECKING:
    from migration.model import ValueKind

_KIND: Final = "convoy_kind"


class Untranslatable(Exception):  # noqa: N818 - not an error of the run: an object that is reported
    """An expression that PostgreSQL has no equal for; the message says why."""


def remember_kind(node: exp.Expr, kind: ValueKind) -> None:
    """Note on a column what kind its values are, for whoever has to know what an operator makes of them."""
    node.meta[_KIND] = kind


def kind_of_column(node: exp.Expr) -> ValueKind | None:
    """Return the kind that was noted on a column; None where it is not known."""
    kind: ValueKind | None = node.meta.get(_KIND)
    return kind


def in_place_of(node: exp.Expr, kind: type[exp.Expression], **changed: object) -> exp.Expression:
    """Return another kind of node that says all that this one does, but for what is `changed`.

    A node that is made anew forgets what its maker does not think of, such as the NOT of a NOT LIKE.

    Raises:
        Untranslatable: the node says more than the other kind can.
    """
    said = {**node.args, **changed}
    if any(value and name not in kind.arg_types for name, value in said.items()):
        raise Untranslatable(f"it uses {node.sql(dialect='sqlite')}, which has no equal in PostgreSQL")
    return kind(**said)
