"""The foreign keys of an application's tables, and which parents stand there: what a dry-run foresees of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.model import ValueKind
from migration.target.application_tables.constraint_violation_queries import (
    FOREIGN_KEYS,
    refused_by_foreign_key,
)
from migration.target.pg_catalog.application_table_facts import (
    application_tables_with,
    read_application_tables,
)
from migration.target.sql_statements import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from migration.model import ColumnPlan

_WIDE_TYPES: Final = {
    ValueKind.INT16: "bigint",
    ValueKind.INT32: "bigint",
    ValueKind.INT64: "bigint",
    ValueKind.FLOAT32: "double precision",
    ValueKind.FLOAT64: "double precision",
    ValueKind.NUMERIC: "numeric",
    ValueKind.TEXT: "text",
}
"""Types that hold every value of a column: narrower ones would refuse some, or cut them."""


@dataclass(frozen=True, slots=True)
class StandingKey:
    """A foreign key of the application. All names are those of the target; `parent_rows` is SQL."""

    name: str
    child: tuple[str, str]
    columns: tuple[str, ...]
    parent: tuple[str, str]
    parent_columns: tuple[str, ...]
    parent_rows: str

    @property
    def reason(self) -> str:
        """What the server says of a row whose parent is missing."""
        return refused_by_foreign_key(self.child[1], self.name)


def standing_keys(connection: Connection, tables: Iterable[tuple[str, str]]) -> list[StandingKey]:
    """Return the foreign keys of these tables, by schema and name, that PostgreSQL enforces.

    One that is NOT VALID is among them: it has the word about every row that comes in.
    """
    by_schema: dict[str, list[str]] = {}
    for schema, name in tables:
        by_schema.setdefault(schema, []).append(name)
    ours = {
        table.oid: table
        for schema, names in by_schema.items()
        for table in read_application_tables(connection, schema, names).values()
    }
    rows = connection.execute(text(FOREIGN_KEYS), {"oids": list(ours)}).all()
    theirs = application_tables_with(connection, sorted({row.parent for row in rows}))
    return [
        StandingKey(
            row.name,
            (ours[row.child].schema, ours[row.child].name),
            tuple(row.columns),
            (theirs[row.parent].schema, theirs[row.parent].name),
            tuple(row.parent_columns),
            row.parent_sql,
        )
        for row in rows
        if row.parent in theirs
    ]


def standing_parents(
    connection: Connection,
    key: StandingKey,
    columns: Sequence[ColumnPlan],
    values: Sequence[tuple[str, ...]],
) -> list[int]:
    """Return the places of those values, as texts, that a row of the key's parent has.

    Args:
        connection: in a transaction.
        key: the foreign key.
        columns: what the values are compared with, in the key's order.
        values: one text for each column.

    Where the role may not look, or the server does not compare them so, all count as there: nothing is foretold then.
    """
    names = [f"v{part}" for part in range(len(columns))]
    arrays = ", ".join(f"CAST(:{name} AS text[])" for name in names)
    same = " AND ".join(
        f"p.{quoted(theirs)} = CAST(w.{name} AS {plan.cast_to or _WIDE_TYPES.get(plan.kind, plan.target_type)})"
        for name, theirs, plan in zip(names, key.parent_columns, columns, strict=True)
    )
    statement = (
        f"SELECT w.place FROM unnest({arrays}) WITH ORDINALITY AS w({', '.join(names)}, place)"
        f" WHERE EXISTS (SELECT FROM {_literally(key.parent_rows)} p WHERE {_literally(same)})"
    )
    given = {name: [row[part] for row in values] for part, name in enumerate(names)}
    try:
        with connection.begin_nested():
            return [int(place) - 1 for place in connection.execute(text(statement), given).scalars()]
    except DBAPIError:
        return list(range(len(values)))


def _literally(sql: str) -> str:
    """Return SQL in which a colon means itself, as in a quoted name."""
    return sql.replace(":", "\\:")
