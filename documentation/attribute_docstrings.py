"""What the code says of the fields of a class: the text below each of them (PEP 258)."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap


def attribute_docstrings(kind: type) -> dict[str, str]:
    """Return field → text for a class and the bases that it has its fields from; fields without a text are left out."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base.__module__.partition(".")[0] in {"api", "migration", "producer", "worker"}:
            found |= _of_class(base)
    return found


def _of_class(kind: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, text in itertools.pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = " ".join(inspect.cleandoc(text.value.value).split())
    return found
