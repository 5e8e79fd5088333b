"""--on-conflict source: standing rows take the values of the source's, and no row of another table changes by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.application_errors import MergeConflictError
from migration.name_lists import some
from migration.target.application_tables.row_refusal_errors import refusal_of
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.target.application_tables.row_transfer import RowTransfer

_REFERENCES: Final = text("""
SELECT k.conname AS name, k.conrelid::regclass::text AS child,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY c(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.n ORDER BY c.p) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY c(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.n ORDER BY c.p) AS referred
FROM pg_catalog.pg_constraint k
WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = CAST(:oid AS oid) ORDER BY k.conname, k.conrelid
""")


def columns_to_write(connection: Connection, arrival: RowTransfer, aside: str, on: str) -> list[str]:
    """Return the columns in which a row that waits `aside` is written otherwise than the one that stands.

    Args:
        connection: in a transaction.
        arrival: the table.
        aside: the quoted table of the rows that differ.
        on: the condition under which a waiting row `w` and a standing one `t` have one key. Where a type takes two
            spellings for equal, as `citext` does, the key's columns may be among those to write.
    """
    differs = ", ".join(
        f"coalesce(bool_or({arrival.value(name, 'w')}::text IS DISTINCT FROM t.{quoted(name)}::text), false)"
        for name in arrival.columns
    )
    found = run_sql(
        connection, f"SELECT {differs} FROM {aside} w JOIN {arrival.table.own_rows} t ON {on}"
    ).one()
    return [name for name, written in zip(arrival.columns, found, strict=True) if written]


def refuse_referred_changes(
    connection: Connection, arrival: RowTransfer, aside: str, on: str, columns: Sequence[str]
) -> None:
    """Make sure that no row of any table refers to a value that is to be written over.

    Whatever the foreign key says of updates: it would change rows that are not the run's, or refuse.

    Raises:
        MergeConflictError: names the keys and how many rows refer.
    """
    found = []
    for key in connection.execute(_REFERENCES, {"oid": arrival.table.oid}).all():
        if set(columns).isdisjoint(key.referred):
            continue
        same = " AND ".join(
            f"c.{quoted(child)} = t.{quoted(parent)}"
            for child, parent in zip(key.columns, key.referred, strict=True)
        )
        changes = " OR ".join(
            f"{arrival.value(name, 'w')} IS DISTINCT FROM t.{quoted(name)}"
            for name in key.referred
            if name in columns
        )
        rows = run_sql(
            connection,
            f"SELECT count(*) FROM {key.child} c JOIN {arrival.table.own_rows} t ON {same}"
            f" JOIN {aside} w ON {on} WHERE {changes}",
        ).scalar_one()
        if rows:
            found.append(f"{key.child} ({', '.join(key.columns)}): {rows:,} rows, foreign key {key.name}")
    if found:
        raise MergeConflictError(
            f"Rows refer to values of {arrival.table.name} that the source's rows would write over: {some(found)}",
            schema=arrival.table.schema,
            table=arrival.table.name,
            remedy="Nothing was changed. Bring these rows in line with the source first, or keep the target's with"
            " --on-conflict target",
        )


def write_over(
    connection: Connection, arrival: RowTransfer, aside: str, on: str, columns: Sequence[str]
) -> None:
    """Give the standing rows the values of those that wait `aside`, in these columns.

    Raises:
        MergeConflictError: a constraint refuses the rows; says which.
        ConvoyError: as `translate` says.
    """
    if not columns:
        return
    values = ", ".join(f"{quoted(name)} = {arrival.value(name, 'w')}" for name in columns)
    try:
        run_sql(connection, f"UPDATE {arrival.table.own_rows} t SET {values} FROM {aside} w WHERE {on}")
        run_sql(connection, "SET CONSTRAINTS ALL IMMEDIATE")
    except DBAPIError as error:
        place = {"schema": arrival.table.schema, "table": arrival.table.name}
        refusal = refusal_of(error, **place)  # type: ignore[arg-type]
        detail = getattr(getattr(error.orig, "diag", None), "message_detail", None) or ""
        raise MergeConflictError(
            f"The source's rows cannot be written over those that stand in {arrival.table.name}: {refusal.reason}",
            remedy="Nothing was changed. Correct the row on either side, give up the constraint while the rows are"
            " written, or keep the target's rows with --on-conflict target",
            details=detail,
            **place,  # type: ignore[arg-type]
        ) from error
