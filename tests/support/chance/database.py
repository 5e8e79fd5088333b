"""A random database as the statements that make it; what SQLite refuses is left out when it is built."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.support.chance.names import quoted
from tests.support.chance.raw_text import RawText
from tests.support.chance.tables import Column, Draw, Table, draw_generated, draw_table, one_in, unique_names
from tests.support.chance.values import Value
from tests.support.chance.virtual import draw_virtual

ENCODINGS = ("UTF-8", "UTF-8", "UTF-8", "UTF-8", "UTF-16le", "UTF-16be")
_TABLE_COUNTS = (1, 2, 3, 3, 4, 5)


@dataclass(frozen=True)
class Statement:
    """A statement with its parameters; texts given by their bytes are parameters of a CAST."""

    sql: str
    parameters: tuple[object, ...] = ()


@dataclass(frozen=True)
class RandomDatabase:
    """What makes a database. `repr()` of it is enough to make it again."""

    encoding: str
    statements: tuple[Statement, ...]

    def build(self, path: Path) -> Path:
        """Write the database to a new file, and return its path."""
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA encoding = '{self.encoding}'")
            connection.execute("PRAGMA foreign_keys = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            # No transaction around all: a full table (no rowid left) would roll everything back.
            connection.execute("PRAGMA journal_mode = MEMORY")
            for statement in self.statements:
                # SQLite's own limits and this database's constraints decide what comes in.
                with suppress(sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeDecodeError):
                    connection.execute(statement.sql, statement.parameters)
        return path


@st.composite
def databases(draw: Draw) -> RandomDatabase:
    """Return random databases: a few small tables each, and all that can hang on them."""
    tables: list[Table] = []
    statements: list[Statement] = []
    *names, virtual_name = unique_names(draw, draw(st.sampled_from(_TABLE_COUNTS)) + 1)
    for name in names:
        table = draw_table(draw, name, tables)
        tables.append(table)
        statements.append(Statement(table.sql))
        if one_in(draw, 3):
            generated = draw_generated(
                draw, draw(st.sampled_from(["generated", "xmax", "made up"])), table.columns
            )
            # Only a new table may have stored ones; ALTER TABLE adds virtual ones.
            clause = " ".join((quoted(generated.name), generated.declared, *generated.clauses))
            inline = table.sql.replace("(", f"({clause}, ", 1) if one_in(draw, 2) else None
            if inline and not table.name.count("("):
                statements[-1] = Statement(inline)
            else:
                statements.append(Statement(f"ALTER TABLE {quoted(name)} ADD COLUMN {clause}"))
        if one_in(draw, 8):
            statements.append(Statement("PRAGMA ignore_check_constraints = ON"))
        statements.extend(_insert(table, row) for row in table.rows)
        statements.append(Statement("PRAGMA ignore_check_constraints = OFF"))
        statements.extend(Statement(_index(draw, table)) for _ in range(draw(st.integers(0, 2))))
        if one_in(draw, 4):
            statements.append(Statement(f"DELETE FROM {quoted(name)} WHERE rowid % 3 = 0"))
    if one_in(draw, 3):
        statements.extend(Statement(*parts) for parts in draw_virtual(draw, virtual_name))
    statements.extend(Statement(sql) for sql in _extras(draw, tables))
    return RandomDatabase(draw(st.sampled_from(ENCODINGS)), tuple(statements))


def _insert(table: Table, row: Sequence[Value]) -> Statement:
    columns = ", ".join(quoted(column.name) for column in table.stored)
    marks = ", ".join("CAST(? AS TEXT)" if isinstance(value, RawText) else "?" for value in row)
    values = tuple(value.raw if isinstance(value, RawText) else value for value in row)
    return Statement(f"INSERT OR IGNORE INTO {quoted(table.name)} ({columns}) VALUES ({marks})", values)


def _index(draw: Draw, table: Table) -> str:
    column: Column = draw(st.sampled_from(table.columns))  # type: ignore[assignment]
    name = quoted(column.name)
    term = draw(
        st.sampled_from(
            [
                name,
                name,
                f"{name} DESC",
                f"{name} COLLATE NOCASE",
                f"{name} COLLATE RTRIM",
                f"lower({name})",
                f"{name} || 'x'",
                f"abs({name}) DESC",
                f"length({name})",
            ]
        )
    )
    where = draw(
        st.sampled_from(
            ["", "", "", f" WHERE {name} IS NOT NULL", f" WHERE {name} > 5", f" WHERE {name} = 'a'"]
        )
    )
    second = "" if one_in(draw, 2) else f", {quoted(draw(st.sampled_from(table.columns)).name)}"  # type: ignore[attr-defined]
    unique = draw(st.sampled_from(["", "UNIQUE "]))
    index = draw(st.sampled_from(["i1", "i2", "odd index", table.name + "_idx", "Größe", "x" * 70]))
    return f"CREATE {unique}INDEX {quoted(str(index))} ON {quoted(table.name)} ({term}{second}){where}"


def _extras(draw: Draw, tables: Sequence[Table]) -> list[str]:
    table: Table = draw(st.sampled_from(tables))  # type: ignore[assignment]
    other: Table = draw(st.sampled_from(tables))  # type: ignore[assignment]
    name, column = quoted(table.name), quoted(table.columns[0].name)
    extras = [
        f"CREATE VIEW view_all AS SELECT * FROM {name}",
        f'CREATE VIEW "a view" AS SELECT {column}, count(*) AS n FROM {name} GROUP BY {column}',
        f"CREATE VIEW joined AS SELECT a.{column} AS one FROM {name} AS a, {quoted(other.name)} AS b",
        f"CREATE VIEW dated AS SELECT strftime('%Y', {column}) AS y, ifnull({column}, 0) FROM {name}",
        f"CREATE VIEW some AS SELECT {column} FROM {name} WHERE {column} IS NOT NULL LIMIT 3",
        "CREATE VIEW on_a_view AS SELECT * FROM view_all",
        'CREATE VIEW broken AS SELECT * FROM "no such table"',
        f"CREATE TRIGGER changed AFTER UPDATE ON {name} BEGIN SELECT 1; END",
        f"CREATE VIRTUAL TABLE search USING fts5({column}, content={name})",
        f"CREATE TABLE copied AS SELECT * FROM {name}",
        "ANALYZE",
    ]
    chosen = draw(st.lists(st.sampled_from(extras), max_size=4, unique=True))
    return [sql for sql in extras if sql in chosen]
