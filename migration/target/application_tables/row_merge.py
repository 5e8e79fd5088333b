"""--if-exists merge: staged rows among those that stand in an application's table, told apart by its key.

A row whose key stands already and that is equal stays; others go in; of those that differ, somebody has said what
becomes. All of it happens in the cutover's transaction, under a lock against writers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.application_errors import MergeConflictError
from migration.errors import ApplicationTableError, RowsChangedError
from migration.mapping_file_model import OnConflict
from migration.target.application_tables.computed_columns import canonical
from migration.target.application_tables.merge_count import NAMED_ROWS, MergeCount
from migration.target.application_tables.overwritten_rows import (
    columns_to_write,
    refuse_referred_changes,
    write_over,
)
from migration.target.application_tables.row_transfer import stored_columns, triggers_at_rest
from migration.target.application_tables.whole_row_merge import take_equal_rows
from migration.target.loading.server_checksum import Fingerprint, fingerprint
from migration.target.pg_catalog.application_table_facts import holds_rows
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.model import ObjectResult, TablePlan
    from migration.target.application_tables.row_transfer import RowTransfer

# Whole, immediate unique indexes over columns that cannot be NULL; the primary key first, then the narrowest.
_KEYS: Final = text("""
SELECT i.indrelid::bigint AS oid,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(n, p)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
             WHERE k.p <= i.indnkeyatts ORDER BY k.p) AS columns
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = ANY(CAST(:oids AS oid[])) AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL
  AND NOT EXISTS (SELECT FROM unnest(i.indkey) WITH ORDINALITY k(n, p)
                  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n
                  WHERE k.p <= i.indnkeyatts AND NOT a.attnotnull)
ORDER BY i.indisprimary DESC, i.indnkeyatts, c.relname
""")


def _keys(connection: Connection, oids: Sequence[int]) -> dict[int, list[tuple[str, ...]]]:
    found: dict[int, list[tuple[str, ...]]] = {}
    for row in connection.execute(_KEYS, {"oids": list(oids)}).all():
        found.setdefault(row.oid, []).append(tuple(row.columns))
    return found


@dataclass(frozen=True, slots=True)
class MergedRows:
    """What became of the rows of a table whose key stood already. They wait no longer among those to insert."""

    plan: TablePlan
    arrival: RowTransfer
    aside: str
    """The quoted table of the staged rows that differ from what stands under their key."""
    count: MergeCount
    before: Fingerprint
    """Of the table, by the columns that travel."""

    @classmethod
    def find(cls, connection: Connection, plan: TablePlan, arrival: RowTransfer, aside: str) -> MergedRows:
        """Take the staged rows whose key stands already out of those that wait to go in.

        Args:
            connection: in the cutover's transaction, which keeps writers out of the table.
            plan: the table.
            arrival: its staged rows.
            aside: a quoted name that is free.

        Raises:
            ApplicationTableError: no key of the table is among the columns that travel.
        """
        before = fingerprint(connection, arrival.table.own_rows, _standing_row(arrival))
        return cls(plan, arrival, aside, take_out(connection, plan, arrival, aside), before)

    def take_over(self, connection: Connection) -> Fingerprint:
        """Give the standing rows that differ the source's values; return the sum of what these rows held.

        Raises:
            MergeConflictError: other rows refer to what would be written over, or a constraint refuses it.
        """
        on = _on(self.arrival, self.count.key)
        old = fingerprint(
            connection,
            f"(SELECT t.* FROM {self.arrival.table.own_rows} t JOIN {self.aside} w ON {on})",
            _standing_row(self.arrival),
        )
        columns = columns_to_write(connection, self.arrival, self.aside, on)
        refuse_referred_changes(connection, self.arrival, self.aside, on, columns)
        write_over(connection, self.arrival, self.aside, on, columns)
        return old

    def prove(self, connection: Connection, old: Fingerprint | None) -> None:
        """Make sure that the table holds what stood there, less what was taken over, and what came; no more, no less.

        Args:
            connection: in the cutover's transaction.
            old: what `take_over` returned, where the source's rows have won.

        Raises:
            RowsChangedError: it does not.
        """
        came = fingerprint(connection, self.arrival.origin, _waiting_row(self.arrival))
        rows, checksum = self.before.rows + came.rows, self.before.checksum + came.checksum
        if old is not None:
            new = fingerprint(connection, self.aside, _waiting_row(self.arrival))
            rows, checksum = rows + new.rows - old.rows, checksum + new.checksum - old.checksum
        if fingerprint(connection, self.arrival.table.own_rows, _standing_row(self.arrival)) != Fingerprint(
            rows, checksum
        ):
            raise RowsChangedError(
                "The rows in the table are not those that stood there and those that were put into it;"
                " a trigger, rule or policy changed them",
                table=self.arrival.table.name,
                remedy="Connect as the table's owner, whose right it is to put its triggers to rest",
            )


def take_out(connection: Connection, plan: TablePlan, arrival: RowTransfer, aside: str) -> MergeCount:
    """Take the waiting rows whose key stands already out of those that wait; those that differ go `aside`.

    Args:
        connection: in a transaction that the caller ends.
        plan: the table.
        arrival: its waiting rows.
        aside: a quoted name that is free.

    Raises:
        ApplicationTableError: none of the table's keys travels, and rows wait that do not stand there as a whole.
        MergeConflictError: rows of the source have keys that the target takes for one.
    """
    columns = set(arrival.columns)
    keys = _keys(connection, [arrival.table.oid]).get(arrival.table.oid, [])
    key = next((names for names in keys if columns.issuperset(names)), ())
    if not key:
        if keys and holds_rows(connection, arrival.table):
            raise _key_left_out(arrival, keys[0])
        return take_equal_rows(connection, plan, arrival)
    on = _on(arrival, key)
    standing = f"{arrival.table.own_rows} t"
    run_sql(
        connection,
        f"CREATE TABLE {aside} AS SELECT w.* FROM {arrival.origin} w JOIN {standing} ON {on}"
        f" WHERE NOT ({_same(plan, arrival)})",
    )
    matched = run_sql(
        connection,
        f"SELECT count(*) FROM {standing} WHERE EXISTS (SELECT FROM {arrival.origin} w WHERE {on})",
    ).scalar_one()
    gone = run_sql(
        connection,
        f"WITH gone AS (DELETE FROM {arrival.origin} w USING {standing} WHERE {on} RETURNING 1)"
        " SELECT count(*) FROM gone",
    ).scalar_one()
    if gone > matched:
        raise _one_key(arrival, key, int(gone) - int(matched))
    differing = run_sql(connection, f"SELECT count(*) FROM {aside}").scalar_one()
    values = ", ".join(f"{quoted(name)}::text" for name in key)
    rows = run_sql(connection, f"SELECT {values} FROM {aside} ORDER BY {values} LIMIT {NAMED_ROWS}").all()
    named = tuple(
        ", ".join(f"{name} = {value}" for name, value in zip(key, row, strict=True)) for row in rows
    )
    return MergeCount(key, int(gone) - int(differing), int(differing), named)


def _key_left_out(arrival: RowTransfer, key: Sequence[str]) -> ApplicationTableError:
    return ApplicationTableError(
        f"Rows cannot be merged without their key, and {', '.join(key)} of {arrival.table.name} is not loaded",
        schema=arrival.table.schema,
        table=arrival.table.name,
        remedy="Load it, too. Where the source's numbers are taken already, a mapping file can move them beyond the"
        f' target\'s: {key[0]} = {{ expression = "{key[0]} + 1000000" }}, and likewise in the columns that refer to it',
    )


def check_overwriting(connection: Connection, arrival: RowTransfer, aside: str, key: Sequence[str]) -> None:
    """Make sure that nobody refers to what the rows that wait `aside` would write over.

    Raises:
        MergeConflictError: rows do.
    """
    on = _on(arrival, key)
    refuse_referred_changes(connection, arrival, aside, on, columns_to_write(connection, arrival, aside, on))


def _one_key(arrival: RowTransfer, key: Sequence[str], too_many: int) -> MergeConflictError:
    return MergeConflictError(
        f"{arrival.table.name} takes the keys of {too_many:,} rows of the source for those of others:"
        f" {', '.join(key)} are compared by their type or collation, and not letter by letter",
        schema=arrival.table.schema,
        table=arrival.table.name,
        remedy="Nothing was changed. Make these keys differ in the source, or let the column tell them apart",
    )


def take_standing(
    connection: Connection, plans: Sequence[TablePlan], loads: Sequence[RowTransfer], staging_schema: str
) -> list[MergedRows]:
    """Take the rows whose keys stand already out of those that wait to go in."""
    return [
        MergedRows.find(connection, plan, load, quoted(staging_schema, f"convoy_differing_{number}"))
        for number, (plan, load) in enumerate(zip(plans, loads, strict=True))
    ]


def settle(
    connection: Connection, merged: Sequence[MergedRows], on_conflict: OnConflict, *, may_fire: bool
) -> list[ObjectResult]:
    """Let the rows count that are to, and prove each table; the others have gone in. Returns lines for the report.

    Raises:
        MergeConflictError: rows cannot be written over those that stand there.
        RowsChangedError: a table does not hold what it has to.
    """
    old: dict[int, Fingerprint] = {}
    differing = [one for one in merged if one.count.differing]
    if on_conflict is OnConflict.SOURCE and differing:
        tables = [one.arrival.table for one in differing]
        with triggers_at_rest(connection, tables, may_fire=may_fire, updates=True):
            for one in differing:
                run_sql(connection, "SET CONSTRAINTS ALL DEFERRED")
                old[one.arrival.table.oid] = one.take_over(connection)
    results = []
    for one in merged:
        one.prove(connection, old.get(one.arrival.table.oid))
        inserted = run_sql(connection, f"SELECT count(*) FROM {one.arrival.origin}").scalar_one()
        results.append(one.count.result(one.plan.name, one.plan.source_label, int(inserted), on_conflict))
    return results


def _on(arrival: RowTransfer, key: Sequence[str]) -> str:
    return " AND ".join(f"t.{quoted(name)} = {arrival.value(name, 'w')}" for name in key)


def _same(plan: TablePlan, arrival: RowTransfer) -> str:
    """Return the condition under which a waiting row `w` and a standing one `t` hold equal values."""
    return " AND ".join(
        f"({canonical(column, arrival.value(column.target_name, 'w'))}) IS NOT DISTINCT FROM"
        f" ({canonical(column, f't.{quoted(column.target_name)}')})"
        for column in stored_columns(plan)
    )


def _waiting_row(arrival: RowTransfer) -> str:
    return f"ROW({', '.join(arrival.value(name) for name in arrival.columns)})::text"


def _standing_row(arrival: RowTransfer) -> str:
    return f"ROW({', '.join(quoted(name) for name in arrival.columns)})::text"
