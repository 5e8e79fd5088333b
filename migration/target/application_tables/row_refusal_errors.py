"""Rows that a server refuses: which errors speak of a row, which row it is, and which columns are at fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Unpack

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import Place
from migration.target.postgres_errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sqlalchemy import Connection

# What speaks of a row: data exception, integrity constraint, program limit (a value too long for an index).
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_ROW_IS_REFUSED: Final = ("22", "23", "54")
_SYNTAX_OR_NAME: Final = "42"
_CONSTRAINED: Final = """
SELECT a.attname FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY(k.conkey)
WHERE k.conrelid = CAST(:oid AS oid) AND k.conname = :name
UNION
SELECT a.attname FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
WHERE i.indrelid = CAST(:oid AS oid) AND c.relname = :name
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row is refused, in the server's words. `columns` are at fault, by their names in the target, if known.

    `constraint` is the server's name of it, empty where the refusal has none.
    """

    reason: str
    constraint: str = ""
    columns: tuple[str, ...] = ()


def refusal_of(error: DBAPIError, **place: Unpack[Place]) -> Refusal:
    """Return what an error says of a row.

    Raises:
        ConvoyError: the error does not speak of a row.
    """
    if not speaks_of_a_row(error):
        raise translate(error, **place) from error
    diagnostics = getattr(error.orig, "diag", None)
    column = getattr(diagnostics, "column_name", None)
    return Refusal(
        str(error.orig).splitlines()[0].strip(),
        getattr(diagnostics, "constraint_name", None) or "",
        (column,) if column else (),
    )


def refusal_of_value(error: DBAPIError, fails_without: Callable[[], bool], **place: Unpack[Place]) -> Refusal:
    """Return what an error says of a value that was cast to a type whose input may use any error of class 42.

    `jsonpath` and `tsvector` call it a syntax error, `regclass` an undefined table.

    Args:
        error: of the statement with the value.
        fails_without: whether the same statement fails without any value; then it is not the value's fault.
        place: where, for the error that is raised.

    Raises:
        ConvoyError: the error does not speak of a value.
    """
    state = getattr(error.orig, "sqlstate", None) or ""
    if not state.startswith(_SYNTAX_OR_NAME) or fails_without():
        return refusal_of(error, **place)
    return Refusal(str(error.orig).splitlines()[0].strip())


def speaks_of_a_row(error: DBAPIError) -> bool:
    """Tell whether an error means that the server does not take a row, and not that something else is wrong."""
    return (getattr(error.orig, "sqlstate", None) or "").startswith(_ROW_IS_REFUSED)


def halve(
    spans: Iterable[tuple[int, int]],
    attempt: Callable[[int, int], Refusal | None],
    *,
    first_only: bool = False,
) -> dict[int, Refusal]:
    """Find the rows that are refused by trying all together, then halves.

    Args:
        spans: numbers of the rows, both ends included; there may be gaps inside.
        attempt: tries the rows of a span; what it does lasts only where it returns None.
        first_only: stop at the first row that is refused.

    Returns:
        Number → refusal.

    >>> halve([(1, 8)], lambda first, last: Refusal("six") if first <= 6 <= last else None)
    {6: Refusal(reason='six', constraint='', columns=())}
    """
    refused: dict[int, Refusal] = {}
    waiting = list(reversed(list(spans)))
    while waiting and not (first_only and refused):
        first, last = waiting.pop()
        refusal = attempt(first, last)
        if refusal is None:
            continue
        if first == last:
            refused[first] = refusal
            continue
        middle = (first + last) // 2
        waiting += [(middle + 1, last), (first, middle)]
    return refused


def at_fault(connection: Connection, oid: int, refusal: Refusal, known: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table that a refusal speaks of, of those that are `known`; all of these if none."""
    names = set(refusal.columns)
    if not names and refusal.constraint:
        found = connection.execute(text(_CONSTRAINED), {"oid": oid, "name": refusal.constraint})
        names = set(found.scalars())
    return tuple(name for name in known if name in names) or tuple(known)
