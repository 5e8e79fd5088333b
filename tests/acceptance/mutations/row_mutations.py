"""Every type with every difference of its values and rows, and every shape of a key with what happens to rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.acceptance.mutations.mutation import Mutation, as_name
from tests.acceptance.mutations.value_types import GIVEN, MIGRATED, ValueType

_MOST_IN_A_TABLE = 12
"""Of each table `validate` names only the first twenty rows of a kind."""
_ROWS_EACH = 10
_Plant = Callable[["_Shape", int], tuple[str, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A table with a column `v`, and how its row number n is written, found and told.

    `other`: what is set to give a row another key, and how that is told.
    """

    name: str
    definition: str
    keys: Callable[[int], str]
    where: Callable[[int], str]
    told: Callable[[int], str]
    other: Callable[[int], tuple[str, str]]
    prepared: str = ""


@dataclass(frozen=True, slots=True)
class _Difference:
    """What is done to the rows n + 1 to n + 5, which hold `values`; returns the SQL and the keys to be named."""

    name: str
    values: tuple[str, str, str, str, str]
    plant: _Plant


def row_mutations(*, alone: bool) -> tuple[Mutation, ...]:
    """Return all of them: of types that Convoy makes, of types of an application, and of shapes of keys.

    Args:
        alone: each gets a table for itself, which takes long; otherwise those of a type share tables, and what happens
            to tables without a key is done to one type.
    """
    found: list[Mutation] = []
    for kind in (*MIGRATED, *GIVEN):
        found += _planted(_typed(kind), list(_of_type(kind)), alone=alone)
        if alone:
            found.append(_doubled_without_key(kind))
    for shape in _SHAPES:
        found += _planted(shape, list(_of_keys()), alone=alone)
    return (*found, *(() if alone else (_doubled_without_key(MIGRATED[0]),)))


def _planted(shape: _Shape, differences: list[_Difference], *, alone: bool) -> Iterator[Mutation]:
    for number, difference in enumerate(differences):
        first = 0 if alone else number % _MOST_IN_A_TABLE * _ROWS_EACH
        shared = "" if alone else as_name(f"{shape.name} {number // _MOST_IN_A_TABLE}")
        rows = ", ".join(
            f"({shape.keys(first + position)}, {value})"
            for position, value in enumerate(difference.values, start=1)
        )
        planted, keys = difference.plant(shape, first)
        yield Mutation(
            shape.name,
            difference.name,
            f"INSERT INTO {{t}} VALUES {rows};",
            planted,
            keys,
            prepared=shape.prepared,
            create=f"CREATE TABLE {{t}} {shape.definition};",
            shared_table=shared,
        )


def _typed(kind: ValueType) -> _Shape:
    return _Shape(
        f"{kind.name} (given)" if kind.given else kind.name,
        f"(id INTEGER PRIMARY KEY, v {kind.declared})",
        keys=str,
        where=lambda n: f"id = {n}",
        told=lambda n: f"id = {n}",
        other=lambda n: (f"id = {n + 1000}", f"id = {n + 1000}"),
        prepared=f"CREATE TABLE {{t}} (id integer PRIMARY KEY, v {kind.name});" if kind.given else "",
    )


def _of_type(kind: ValueType) -> Iterator[_Difference]:
    """Rows: two values, one that slips, NULL, and a value once more."""
    one, other = kind.one, kind.other
    for slip in kind.slips:
        yield _Difference(slip.name, (one, other, slip.source, "NULL", other), _set(slip.planted, 3))
    for name, plant in (
        ("row lost", _lose),
        ("row doubled under another key", _double),
        ("values of two rows exchanged", _exchange),
        ("NULL for a value", _set("NULL", 2)),
        ("a value for NULL", _copy(1, 4)),
    ):
        yield _Difference(name, (one, other, one, "NULL", other), plant)


def _doubled_without_key(kind: ValueType) -> Mutation:
    shape = _typed(kind)
    return Mutation(
        shape.name,
        "row doubled without a key",
        f"INSERT INTO {{t}} VALUES (1, {kind.one}), (2, {kind.other});",
        "INSERT INTO {t} SELECT id, v FROM {t} WHERE id = 2",
        ("id = 2",),
        prepared=f"CREATE TABLE {{t}} (id integer, v {kind.name});" if kind.given else "",
        create=f"CREATE TABLE {{t}} (id INTEGER, v {kind.declared});",
    )


def _of_keys() -> Iterator[_Difference]:
    values = ("'p'", "'q'", "'r'", "'s'", "'t'")
    yield _Difference("row lost", values, _lose)
    yield _Difference("value changed", values, _set("'changed'", 3))
    yield _Difference("value NULL", values, _set("NULL", 3))
    yield _Difference("values of two rows exchanged", values, _exchange)
    yield _Difference("key changed", values, _change_key)


def _set(value: str, row: int) -> _Plant:
    return lambda shape, n: (
        f"UPDATE {{t}} SET v = {value} WHERE {shape.where(n + row)}",
        (shape.told(n + row),),
    )


def _copy(row: int, into: int) -> _Plant:
    return lambda shape, n: (
        f"UPDATE {{t}} SET v = (SELECT v FROM {{t}} WHERE {shape.where(n + row)}) WHERE {shape.where(n + into)}",
        (shape.told(n + into),),
    )


def _lose(shape: _Shape, n: int) -> tuple[str, tuple[str, ...]]:
    return f"DELETE FROM {{t}} WHERE {shape.where(n + 3)}", (shape.told(n + 3),)


def _double(shape: _Shape, n: int) -> tuple[str, tuple[str, ...]]:
    # A key below all others: the sequence stands behind no row that is there.
    new = -(n + 9)
    return f"INSERT INTO {{t}} SELECT {new}, v FROM {{t}} WHERE {shape.where(n + 2)}", (shape.told(new),)


def _exchange(shape: _Shape, n: int) -> tuple[str, tuple[str, ...]]:
    one, other = shape.where(n + 1), shape.where(n + 2)
    statement = (
        f"UPDATE {{t}} SET v = CASE WHEN {one} THEN (SELECT v FROM {{t}} WHERE {other})"
        f" ELSE (SELECT v FROM {{t}} WHERE {one}) END WHERE ({one}) OR ({other})"
    )
    return statement, (shape.told(n + 1), shape.told(n + 2))


def _change_key(shape: _Shape, n: int) -> tuple[str, tuple[str, ...]]:
    change, told = shape.other(n + 3)
    return f"UPDATE {{t}} SET {change} WHERE {shape.where(n + 3)}", (shape.told(n + 3), told)


def _texts(name: str, definition: str, column: str = "k", shown: str = "k") -> _Shape:
    """The key is a text."""
    return _Shape(
        name,
        definition,
        keys=lambda n: f"'Ä {n}'",
        where=lambda n: f"{column} = 'Ä {n}'",
        told=lambda n: f"{shown} = 'Ä {n}'",
        other=lambda n: (f"{column} = 'other {n}'", f"{shown} = 'other {n}'"),
    )


_LARGE = 9_007_199_254_740_993
_SHAPES = (
    _texts("text key", "(k TEXT PRIMARY KEY, v TEXT)"),
    _texts("no key", "(k TEXT, v TEXT)"),
    _texts("quoted key", '("the ""key"" %" TEXT PRIMARY KEY, v TEXT)', '"the ""key"" %"', 'the "key" %'),
    _Shape(
        "key of two columns",
        "(a INTEGER, b TEXT, v TEXT, PRIMARY KEY (a, b))",
        keys=lambda n: f"{n // 2}, 'p{n % 2}'",
        where=lambda n: f"(a, b) = ({n // 2}, 'p{n % 2}')",
        told=lambda n: f"a = {n // 2}, b = 'p{n % 2}'",
        other=lambda n: ("b = 'other'", f"a = {n // 2}, b = 'other'"),
    ),
    _Shape(
        "key without rowid",
        "(k TEXT, n INTEGER, v TEXT, PRIMARY KEY (n, k)) WITHOUT ROWID",
        keys=lambda n: f"'k', {n}",
        where=lambda n: f"n = {n}",
        told=lambda n: f"n = {n}, k = 'k'",
        other=lambda n: ("k = 'other'", f"n = {n}, k = 'other'"),
    ),
    _Shape(
        "key of bytes",
        "(k BLOB PRIMARY KEY, v TEXT)",
        keys=lambda n: f"x'ff{n:02x}'",
        where=lambda n: f"k = '\\xff{n:02x}'",
        told=lambda n: f"k = \\xff{n:02x}",
        other=lambda n: (f"k = '\\xfe{n:02x}'", f"k = \\xfe{n:02x}"),
    ),
    _Shape(
        "large key",
        "(k BIGINT PRIMARY KEY, v TEXT)",
        keys=lambda n: str(_LARGE + 2 * n),
        where=lambda n: f"k = {_LARGE + 2 * n}",
        told=lambda n: f"k = {_LARGE + 2 * n}",
        other=lambda n: (f"k = {_LARGE + 2 * n - 1}", f"k = {_LARGE + 2 * n - 1}"),
    ),
)
