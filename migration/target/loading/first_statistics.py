"""The statistics that a loaded table begins with: ANALYZE, of very wide tables in a smaller sample.

ANALYZE takes 300 rows for each unit of `default_statistics_target`, and sorts every column of them: 30,000 rows of 200
columns take as long as all else of a run. So the columns of such a table that no index has are looked at in fewer
rows. PostgreSQL counts changes of a table from the last ANALYZE that named no columns, so autovacuum finds all of them
due, and looks again at the server's own target.
https://www.postgresql.org/docs/current/sql-analyze.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from sqlalchemy import Connection

MOST_VALUES: Final = 1_000_000
"""Values of a sample that are looked at; half a second of one core."""
_ROWS_FOR_EACH_UNIT: Final = 300
_SMALLEST_TARGET: Final = 5
_ALWAYS_WHOLE: Final = 16
"""A table of no more columns is not asked about: the server's target would have to be twice its default."""
_ASKED: Final = text(
    """
    SELECT current_setting('default_statistics_target')::int AS target,
           EXISTS (SELECT FROM pg_catalog.pg_index i
                   WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL) AS has_expressions,
           (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
           (SELECT coalesce(array_agg(DISTINCT a.attname::text), '{}') FROM pg_catalog.pg_index i
            JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = c.oid) AS indexed
    FROM pg_catalog.pg_class c WHERE c.oid = to_regclass(:name)
    """
)


def gather_statistics(connection: Connection, schema: str, table: str, columns: int) -> None:
    """ANALYZE a table that was just loaded, in the caller's transaction.

    Args:
        connection: in a transaction, whose `default_statistics_target` is the same afterwards.
        schema: the schema that the table is in now, unquoted.
        table: its name, unquoted.
        columns: how many columns it has.
    """
    name = quoted(schema, table)
    found = connection.execute(_ASKED, {"name": name}).one_or_none() if columns > _ALWAYS_WHOLE else None
    # Only an ANALYZE of the whole table looks at the expressions of its indexes.
    if found is None or found.has_expressions or (target := smaller_target(columns, found.target)) is None:
        run_sql(connection, f"ANALYZE {name}")
        return
    indexed = set(found.indexed)
    for at, part in (
        (target, [column for column in found.columns if column not in indexed]),
        (found.target, [column for column in found.columns if column in indexed]),
    ):
        run_sql(connection, f"SET LOCAL default_statistics_target = {at}")
        if part:
            run_sql(connection, f"ANALYZE {name} ({', '.join(quoted(column) for column in part)})")
    run_sql(connection, f"SET LOCAL default_statistics_target = {found.target}")


def smaller_target(columns: int, target: int) -> int | None:
    """Return the statistics target at which a table's sample has few enough values; None: the server's own does.

    >>> smaller_target(10, 100), smaller_target(200, 100), smaller_target(1600, 100)
    (None, 16, 5)
    """
    most = max(_SMALLEST_TARGET, MOST_VALUES // (_ROWS_FOR_EACH_UNIT * max(columns, 1)))
    return most if most < target else None
