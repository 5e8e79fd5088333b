"""Counts what was written to the tables of a run since its cutover.

From what costs least to what tells most: the ages of the rows, the digest that the ledger has, each row against the
snapshot. A table whose rows are all older than the cutover, and as many as then, is as it was.

A digest by another version of Convoy or DuckDB is compared with nothing. The snapshot gives one by this version, though
perhaps not of the same rows: where it is equal the table is as it was, and where it is not, nobody can tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, text

from migration.convoy_error import ConvoyError
from migration.ledger.chunk_records import read_orphans
from migration.ledger.run_acts import Act, read_acts
from migration.ledger.run_records import RunRecord
from migration.model import Digest
from migration.source.snapshots.snapshot_access import SnapshotAccess
from migration.steps.converted_source import converted_rows
from migration.steps.rollback.later_writes import LaterWrites
from migration.steps.rollback.watched_table import WatchedTable
from migration.steps.step_context import PlannedTable, read_planned_table
from migration.target.application_tables.data_only_cutover import recorded
from migration.target.application_tables.row_transfer import stored_columns
from migration.target.cutover.row_horizon import (
    RowAges,
    RowHorizon,
    read_ages,
    read_ages_by_snapshot,
    read_horizon,
)
from migration.target.loading.server_checksum import fingerprint
from migration.target.loading.uncommitted_readback import read_uncommitted
from migration.target.pg_catalog.catalog_identity import (
    changed_identity,
    of_the_table_alone,
    read_identities,
)
from migration.target.pg_catalog.table_parts import COLUMN, read_parts
from migration.target.pg_catalog.table_settings import read_settings
from migration.target.pg_catalog.table_signature import changed_lines, read_signatures
from migration.target.sql_statements import driver_connection, quoted, run_sql
from migration.validation.row_comparison import count_rows_apart
from migration.validation.row_digest import DigestSum
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_size import batch_rows

if TYPE_CHECKING:
    import pyarrow as pa

_GONE: Final = " gone"


_IS_HIDING: Final = text("SELECT pg_catalog.row_security_active(CAST(:oid AS bigint)::oid)")
_BRIEF: Final = "SET LOCAL lock_timeout = '2s'"


@dataclass(frozen=True, slots=True)
class TableLook:
    """What one look at a table has found. Nothing that is younger than `before` was seen by it for sure."""

    before: RowHorizon
    rows: int
    writes: LaterWrites | None
    of_source: Digest | None = None
    """By this version, of the rows that the snapshot gives, where the ledger's is by another one."""


@contextmanager
def _every_row_seen(connection: Connection, table: WatchedTable) -> Iterator[None]:
    """Put policies aside that hold for the owner, too (FORCE), and back again; others wait meanwhile."""
    if not connection.execute(_IS_HIDING, {"oid": table.relation.oid}).scalar_one():
        yield
        return
    name = quoted(table.relation.schema, table.relation.name)
    attempt = connection.begin_nested()
    try:
        run_sql(connection, _BRIEF)
        run_sql(connection, f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY")
        yield
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()


class LaterWriteCount:
    """Looks at tables in the caller's transaction.

    Args:
        connection: to the target; sees what is committed.
        run: the run, at its end.
        snapshots: with them rows are told apart by key; None: they are not, which is faster.
    """

    def __init__(self, connection: Connection, run: RunRecord, snapshots: SnapshotAccess | None) -> None:
        self._connection = connection
        self._run = run
        self._snapshots = snapshots
        self._of_source: dict[int, Digest | None] = {}
        self._has_retried = any(act.act is Act.RETRIED for act in read_acts(connection, run.id))

    def look_at(
        self, tables: list[WatchedTable], earlier: Mapping[int, TableLook] | None = None
    ) -> dict[int, TableLook]:
        """Return what was found for each table, by its oid.

        Args:
            tables: those to look at.
            earlier: what a look without locks has found; a table that nobody has written to since is not read again.
        """
        oids = [table.relation.oid for table in tables]
        parts, signatures = read_parts(self._connection, oids), read_signatures(self._connection, oids)
        identities, settings = read_identities(self._connection, oids), read_settings(self._connection, oids)
        looks = {}
        for table in tables:
            oid = table.relation.oid
            shape = _difference(
                table,
                parts.get(oid, []),
                signatures.get(oid, []),
                settings.get(oid, []),
                identities.get(oid, []),
            )
            with _every_row_seen(self._connection, table):
                looks[oid] = self._look(table, shape, (earlier or {}).get(oid))
        return looks

    def _look(self, table: WatchedTable, shape: tuple[str, ...], earlier: TableLook | None) -> TableLook:
        before = read_horizon(self._connection)
        if earlier is not None and earlier.of_source is not None:
            self._of_source[table.id] = earlier.of_source
        if (
            earlier is not None
            and shape == (earlier.writes.shape if earlier.writes else ())
            # As many rows as were read then, and none of them younger than that reading: they are the same.
            and read_ages(self._connection, table.own_rows, earlier.before) == RowAges(earlier.rows, 0)
        ):
            return earlier
        ages = read_ages(self._connection, table.own_rows, table.horizon or before)
        rows = ages.older + ages.younger
        writes: LaterWrites | None = None
        if self._is_written(table, ages, shape):
            writes = self._count(table, ages, shape)
        elif shape:
            writes = LaterWrites(*_names(table), table.rows_then, rows, shape=shape)
        return TableLook(before, rows, writes, self._of_source.get(table.id))

    def _is_written(self, table: WatchedTable, ages: RowAges, shape: tuple[str, ...]) -> bool:
        if table.horizon is not None and ages == RowAges(table.rows_then, 0):
            return False
        if ages.older + ages.younger != table.rows_then:
            return True
        if table.is_data_only:
            now = recorded(fingerprint(self._connection, table.own_rows))
            return now != {name: table.entry[name] for name in now}
        if not table.has_known_digest and not self._since_copied(table):
            return False
        if not _can_be_read(shape):
            return True
        then = table.loaded if table.has_known_digest else self._digest_of_source(table)
        return then is None or self._digest(self._target(table), table) != then

    def _since_copied(self, table: WatchedTable) -> int:
        """Return how many rows are not surely those that were copied.

        A horizon does not tell them from those of transactions that were running then; the note on the copying does.
        """
        if self._run.copied_in is None:
            return table.rows_then
        return read_ages_by_snapshot(self._connection, table.own_rows, self._run.copied_in).younger

    def _digest_of_source(self, table: WatchedTable) -> Digest | None:
        """Return the digest of what the snapshot gives; None where that is gone, or other rows were loaded."""
        if table.id not in self._of_source:
            self._of_source[table.id] = self._read_source(table)
        return self._of_source[table.id]

    def _read_source(self, table: WatchedTable) -> Digest | None:
        if self._snapshots is None or table.entry.get("merged") or _is_cast(table):
            return None
        try:
            found = self._digest(self._source(table, self._snapshots), table)
        except ConvoyError:
            return None
        return found if found.rows == table.loaded.rows else None

    def _count(self, table: WatchedTable, ages: RowAges, shape: tuple[str, ...]) -> LaterWrites:
        then, now = table.rows_then, ages.older + ages.younger
        found = LaterWrites(*_names(table), then, now, shape=shape)
        if not now:
            return replace(found, added=0, changed=0, deleted=then)
        if not then:
            return replace(found, added=now, changed=0, deleted=0)
        by_key = self._by_key(table, found) if _can_be_read(shape) else None
        if by_key is not None:
            return by_key
        is_sharp = table.horizon is not None and table.horizon.is_sharp
        is_told = table.is_data_only or table.has_known_digest
        if is_sharp and (is_told or not self._has_retried):
            return replace(found, written=ages.younger, gone=then - ages.older)
        if not is_told and now == then:
            # Rows of the run's own that came later are among them, and an equal digest cannot acquit them.
            return replace(found, uncertain=ages.younger if is_sharp else self._since_copied(table))
        return found

    def _by_key(self, table: WatchedTable, found: LaterWrites) -> LaterWrites | None:
        """Compare a table with the snapshot; None where that is gone, or holds other rows than the run has loaded."""
        if self._snapshots is None or _is_cast(table):
            return None
        if not table.has_known_digest or table.loaded.rows != found.rows_then or table.entry.get("merged"):
            return None
        snapshots = self._snapshots
        try:
            # Rows that were retried since, or that an application's table has refused, make the two differ.
            if self._digest(self._source(table, snapshots), table) != table.loaded:
                return None
        except ConvoyError:
            return None
        stored = replace(
            table.plan, columns=stored_columns(table.plan)
        )  # nobody writes what a table computes
        apart = count_rows_apart(lambda: self._source(table, snapshots), lambda: self._target(table), stored)
        return replace(
            found,
            added=apart.extra,
            changed=apart.differing,
            deleted=apart.missing,
            is_least=not apart.is_complete,
        )

    def _source(self, table: WatchedTable, snapshots: SnapshotAccess) -> Iterator[pa.RecordBatch]:
        orphans = read_orphans(self._connection, table.id)
        asked = ServerOpinion(self._connection.engine)
        return converted_rows(self._planned(table), orphans, snapshots, asked)

    def _digest(self, batches: Iterator[pa.RecordBatch], table: WatchedTable) -> Digest:
        total = DigestSum()
        for batch in batches:
            total.add(batch, table.plan.copied_columns)
        return total.digest()

    def _target(self, table: WatchedTable) -> Iterator[pa.RecordBatch]:
        plan = replace(table.plan, target_name=table.relation.name)
        size = batch_rows(self._run.options.batch_rows, self._planned(table).profile.values())
        return read_uncommitted(driver_connection(self._connection), table.relation.schema, plan, size)

    def _planned(self, table: WatchedTable) -> PlannedTable:
        return read_planned_table(self._connection, self._run.id, table.id)


def _names(table: WatchedTable) -> tuple[str, str]:
    return table.relation.schema, table.relation.name


def _is_cast(table: WatchedTable) -> bool:
    """Whether the server has made the values of a column; the snapshot does not give them."""
    return any(column.cast_to for column in table.plan.copied_columns)


def _difference(
    table: WatchedTable, shape: list[str], signature: list[str], settings: list[str], identity: list[str]
) -> tuple[str, ...]:
    """Return what belongs to a table now and did not at the cutover, and what did and does not.

    Where the same things belong to it, what has become of these: NOT NULL, rights, policies, row level security ...
    Where these are the same, too, whether the names still stand for the same columns: two may have exchanged theirs.
    """
    then = table.entry.get("shape")
    if then is None or table.is_data_only:
        return ()  # what an application's own table is made of stays
    lines = (
        changed_lines(then, shape)
        or changed_lines(table.entry.get("signature", signature), signature)
        or changed_lines(table.entry.get("settings", settings), settings)
        or changed_identity(
            of_the_table_alone(table.entry.get("identity", identity)), of_the_table_alone(identity)
        )
    )
    return tuple(lines)


def _can_be_read(shape: tuple[str, ...]) -> bool:
    """Whether all columns of the run are still there, and of their types."""
    return not any(line.startswith(COLUMN) and line.endswith(_GONE) for line in shape)
