"""Random tables: columns of every type, keys and constraints of every kind, and the rows that go into them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from tests.support.chance.names import names, quoted
from tests.support.chance.values import FLAVOURS, NATURAL, ODD_TYPES, Value, Values, of_flavour

Draw = Callable[[st.SearchStrategy], object]

STRICT_TYPES = ("INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY")
DEFAULTS = (
    *(
        "0",
        "1",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "''",
        "'x'",
        '"x"',
        "NULL",
        "TRUE",
        "false",
        "x'00ff'",
        "CURRENT_TIMESTAMP",
    ),
    *(
        "CURRENT_DATE",
        "CURRENT_TIME",
        "(1+1)",
        "(datetime('now'))",
        "(strftime('%s','now'))",
        "(random())",
        "'it''s'",
    ),
    *(
        "(lower(hex(randomblob(16))))",
        "('a' || 'b')",
        "(abs(-5))",
        "9223372036854775808",
        "'2024-01-01'",
        "'[]'",
        "0x10",
    ),
    *("(julianday('now'))", "(typeof(1))", "'line\nbreak'", "(NULL)", "'{}'", "unquoted"),
)
ACTIONS = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
_ROW_COUNTS = (0, 2, 6, 10, 10, 14)


@dataclass(frozen=True)
class Column:
    """A random column. `generated` columns take no values."""

    name: str
    declared: str
    clauses: tuple[str, ...]
    values: Values
    generated: bool = False


@dataclass(frozen=True)
class Table:
    """A random table and the statement that makes it."""

    name: str
    columns: tuple[Column, ...]
    sql: str
    rows: tuple[tuple[Value, ...], ...]

    @property
    def stored(self) -> tuple[Column, ...]:
        """The columns that take values."""
        return tuple(column for column in self.columns if not column.generated)


def one_in(draw: Draw, number: int) -> bool:
    """Return True once in so many draws."""
    return draw(st.integers(1, number)) == 1


def unique_names(draw: Draw, count: int) -> list[str]:
    """Return names that SQLite tells apart: it folds the letters of ASCII."""
    return draw(st.lists(names(), min_size=count, max_size=count, unique_by=_folded))  # type: ignore[return-value]


def _folded(name: str) -> str:
    return "".join(c.lower() if c.isascii() else c for c in name)


def draw_table(draw: Draw, name: str, earlier: Sequence[Table]) -> Table:
    """Draw a table, with foreign keys to tables drawn before it, to itself, or to none that there is."""
    strict = one_in(draw, 8)
    count = draw(st.integers(1, 6))
    columns = [_draw_column(draw, column, strict=strict) for column in unique_names(draw, count)]
    constraints: list[str] = []
    options = ["STRICT"] if strict else []
    key = draw(
        st.sampled_from(
            ["none", "none", "alias", "alias", "autoincrement", "one", "composite", "without", "desc"]
        )
    )
    if key in {"alias", "autoincrement", "desc"}:
        clause = {
            "alias": "PRIMARY KEY",
            "autoincrement": "PRIMARY KEY AUTOINCREMENT",
            "desc": "PRIMARY KEY DESC",
        }[key]
        ids = of_flavour(draw(st.sampled_from(["small integers", "integers"])), mixed=False)
        columns[0] = Column(columns[0].name, "INTEGER", (clause,), ids)
    elif key != "none":
        width = min(len(columns), 1 if key == "one" else draw(st.integers(1, 3)))
        keyed = [column for column in columns if not column.generated][:width]
        if keyed:
            terms = [
                quoted(column.name) + draw(st.sampled_from(["", "", " DESC", " COLLATE NOCASE"]))
                for column in keyed
            ]
            constraints.append(f"PRIMARY KEY ({', '.join(terms)})")
            if key == "without":
                options.append("WITHOUT ROWID")
    if one_in(draw, 3):
        chosen = draw(st.lists(st.sampled_from(columns), min_size=1, max_size=3, unique_by=lambda c: c.name))
        constraints.append(f"UNIQUE ({', '.join(quoted(column.name) for column in chosen)})")
    if one_in(draw, 3):
        constraints.append(_check(draw, columns))
    if one_in(draw, 2):
        constraints.append(_foreign_key(draw, name, columns, earlier))
    parts = [" ".join((quoted(c.name), c.declared, *c.clauses)) for c in columns]
    sql = f"CREATE TABLE {quoted(name)} ({', '.join(parts + constraints)}) {', '.join(options)}"
    stored = [column for column in columns if not column.generated]
    count = draw(st.sampled_from(_ROW_COUNTS))
    rows = draw(st.lists(st.tuples(*(column.values for column in stored)), min_size=count, max_size=count))
    return Table(name, tuple(columns), sql, tuple(rows))


def _draw_column(draw: Draw, name: str, *, strict: bool) -> Column:
    if strict:
        declared = draw(st.sampled_from(STRICT_TYPES))
    else:
        declared = draw(st.one_of(*[st.sampled_from(sorted(NATURAL))] * 4, st.sampled_from(ODD_TYPES)))
    natural = NATURAL.get(declared)
    if natural and not one_in(draw, 5):
        flavour = draw(st.sampled_from(natural))
    else:
        flavour = draw(st.sampled_from(sorted(FLAVOURS)))
    values = of_flavour(flavour, mixed=one_in(draw, 4))
    clauses = []
    if one_in(draw, 6):
        clauses.append("NOT NULL")
    if one_in(draw, 10):
        clauses.append("UNIQUE")
    if one_in(draw, 4):
        clauses.append(f"DEFAULT {draw(st.sampled_from(DEFAULTS))}")
    if one_in(draw, 6):
        clauses.append(f"COLLATE {draw(st.sampled_from(['NOCASE', 'RTRIM', 'BINARY', 'nocase']))}")
    return Column(name, declared, tuple(clauses), values)


def draw_generated(draw: Draw, name: str, table_columns: Sequence[Column]) -> Column:
    """Draw a generated column that reads others."""
    one, other = (quoted(draw(st.sampled_from(table_columns)).name) for _ in range(2))
    expression = draw(
        st.sampled_from(
            [
                f"{one} + {other}",
                f"{one} * 2",
                f"{one} || '-' || {other}",
                f"{one} || '-'",
                f"instr({one}, 'a')",
                f"upper({one})",
                f"coalesce({one}, 0)",
                f"{one} > {other}",
                f"{one} / 3",
                f"CASE WHEN {one} IS NULL THEN 'none' ELSE typeof({other}) END",
                f"substr({one}, 1, 2)",
                "1.5",
                f"{one} - 1.5",
            ]
        )
    )
    declared = draw(
        st.sampled_from(["INTEGER", "TEXT", "REAL", "", "NUMERIC", "BOOLEAN", "VARCHAR(10)", "BLOB"])
    )
    stored = draw(st.sampled_from(["STORED", "VIRTUAL", ""]))
    return Column(
        name, declared, (f"GENERATED ALWAYS AS ({expression}) {stored}",), st.none(), generated=True
    )


def _check(draw: Draw, columns: Sequence[Column]) -> str:
    column = quoted(draw(st.sampled_from(columns)).name)
    check = draw(
        st.sampled_from(
            [
                f"{column} IS NOT NULL OR 1",
                f"length({column}) < 1000",
                f"{column} >= 0",
                f"{column} IN (0, 1, 'a')",
                f"typeof({column}) <> 'blob'",
                f"{column} <> ''",
                f"{column} GLOB '*'",
                f"{column} LIKE '%'",
                f"{column} BETWEEN -9e99 AND 9e99",
                f'{column} = "no such column" OR {column} IS NOT 5',
            ]
        )
    )
    return draw(st.sampled_from(["", 'CONSTRAINT "odd name" '])) + f"CHECK ({check})"


def _foreign_key(draw: Draw, name: str, columns: Sequence[Column], earlier: Sequence[Table]) -> str:
    plain = [column for column in columns if not column.generated] or list(columns)
    parents = [
        *((table.name, table.columns) for table in earlier),
        (name, columns),
        ("no such table", columns),
    ]
    parent, parent_columns = draw(st.sampled_from(parents))
    width = min(len(plain), len(parent_columns), draw(st.sampled_from([1, 1, 1, 2])))
    own = ", ".join(quoted(column.name) for column in plain[-width:])
    other = ", ".join(quoted(column.name) for column in parent_columns[:width])
    reference = "" if one_in(draw, 2) else f" ({other})"
    clauses = "".join(
        f" {event} {draw(st.sampled_from(ACTIONS))}"
        for event in ("ON DELETE", "ON UPDATE")
        if one_in(draw, 3)
    )
    later = draw(
        st.sampled_from(["", "", " DEFERRABLE INITIALLY DEFERRED", " NOT DEFERRABLE", " MATCH FULL"])
    )
    return f"FOREIGN KEY ({own}) REFERENCES {quoted(parent)}{reference}{clauses}{later}"
