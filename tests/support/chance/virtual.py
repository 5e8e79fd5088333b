"""Random virtual tables: full-text tables and R-Trees, with whatever SQLite takes into them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from tests.support.chance.names import quoted
from tests.support.chance.raw_text import RawText
from tests.support.chance.tables import Draw, one_in, unique_names
from tests.support.chance.values import FLAVOURS, Value, of_flavour

_OPTIONS = {
    "fts5": (
        "tokenize='porter ascii'",
        "columnsize=0",
        "detail=none",
        "prefix='2 3'",
        "content=''",
        "content=gone",
    ),
    "fts4": ("tokenize=porter", "order=desc", "languageid='lang'", "matchinfo=fts3", "content=''"),
    "fts3": ("tokenize simple",),
}


def draw_virtual(draw: Draw, name: str) -> list[tuple[str, tuple[object, ...]]]:
    """Draw a virtual table: statements with their parameters."""
    if one_in(draw, 3):
        return _r_tree(draw, name)
    module = draw(st.sampled_from(sorted(_OPTIONS)))
    # Convoy reads from a subquery, whose columns SQLite does not let be called so; it adds an underscore.
    columns = [c for c in unique_names(draw, draw(st.integers(1, 4))) if c.lower() not in {"true", "false"}]
    unindexed = " UNINDEXED" if module == "fts5" else " TEXT NOT NULL" if module == "fts4" else ""
    terms = [quoted(column) + (unindexed if one_in(draw, 3) else "") for column in columns]
    options = draw(st.lists(st.sampled_from(_OPTIONS[module]), max_size=2, unique=True))
    create = f"CREATE VIRTUAL TABLE {quoted(name)} USING {module}({', '.join([*terms, *options])})"
    flavours = [of_flavour(draw(st.sampled_from(sorted(FLAVOURS))), mixed=one_in(draw, 3)) for _ in columns]
    rowids = of_flavour("integers", mixed=False) if one_in(draw, 2) else st.none()
    rows = draw(st.lists(st.tuples(rowids, *flavours), max_size=8))
    listed = ", ".join(("rowid", *map(quoted, columns)))
    return [(create, ()), *(_insert(name, row, f" ({listed})") for row in rows)]


def _r_tree(draw: Draw, name: str) -> list[tuple[str, tuple[object, ...]]]:
    module = draw(st.sampled_from(["rtree", "rtree_i32"]))
    dimensions = draw(st.integers(1, 5))
    extras = draw(st.integers(0, 2))
    names = unique_names(draw, 1 + 2 * dimensions + extras)
    coordinates, more = names[: 1 + 2 * dimensions], names[1 + 2 * dimensions :]
    arguments = [*map(quoted, coordinates), *(f"+{quoted(extra)} TEXT" for extra in more)]
    number = st.floats(allow_nan=False) if module == "rtree" else st.integers(-(2**31), 2**31 - 1)
    span = st.tuples(number, number).map(sorted)
    ids = of_flavour("integers", mixed=False) if one_in(draw, 2) else st.none()
    aside = of_flavour(draw(st.sampled_from(sorted(FLAVOURS))), mixed=one_in(draw, 3))
    row = st.tuples(ids, st.lists(span, min_size=dimensions, max_size=dimensions), *[aside] * extras)
    rows = [
        (key, *(end for ends in spans for end in ends), *rest)
        for key, spans, *rest in draw(st.lists(row, max_size=8))
    ]
    create = f"CREATE VIRTUAL TABLE {quoted(name)} USING {module}({', '.join(arguments)})"
    return [(create, ()), *(_insert(name, values, "") for values in rows)]


def _insert(name: str, row: Sequence[Value], columns: str) -> tuple[str, tuple[object, ...]]:
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
    values = tuple(value.raw if isinstance(value, RawText) else value for value in row)
    return f"INSERT OR IGNORE INTO {quoted(name)}{columns} VALUES ({marks})", values
