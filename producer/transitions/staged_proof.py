"""What was proved is what is put in place: staged tables are looked at once more before a cutover.

Between the proof and the cutover may lie days (`--hold`, a cutover window, a blocker), and staged tables can be
written to by whoever may. So triggers keep writers out, from before the first row is read for the proof: where they
stand as they were made, the rows are those that were proved. Where they could not be made, or somebody has touched
them, one pass over the rows tells, which reads no value: PostgreSQL keeps with each row which transaction wrote it, and
those of the copying are known by a snapshot. What is proved of a name is bound to what the name stood for, table and
column, from the end of the copying on: names that were exchanged touch no row. A cutover's own commands may be answered
by the database's event triggers, so what these have done is asked afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, text, update

from migration.cutover_errors import StagingChangedError
from migration.ledger.ledger_tables import runs
from migration.ledger.ledger_tables import tables as ledger_tables
from migration.ledger.record_sets import update_set
from migration.ledger.table_records import TableRecord, planned
from migration.model import Finding, FindingKind
from migration.steps.run_schema_names import staging_schema, target_schemas
from migration.target.cutover.lock_acquisition import lock_refusals_told
from migration.target.cutover.relation_move import translated
from migration.target.cutover.row_horizon import read_ages_by_snapshot
from migration.target.loading.staging_guard import drop_guards, has_event_triggers, make_guards
from migration.target.pg_catalog.catalog_identity import (
    changed_identity,
    fallen_back,
    names_of_values,
    of_the_table_alone,
    read_identities,
    read_positions,
)
from migration.target.pg_catalog.guard_triggers import read_marks
from migration.target.pg_catalog.schema_relations import relations_in, relations_named, relations_with
from migration.target.pg_catalog.table_settings import CLUSTERED, read_settings
from migration.target.pg_catalog.table_signature import changed_lines, read_signatures
from migration.target.sql_statements import quoted, run_sql

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord

_SNAPSHOT: Final = text("SELECT pg_catalog.pg_current_snapshot()::text")
_WRITTEN_HERE: Final = text(
    "SELECT oid, pg_catalog.pg_stat_get_xact_tuples_inserted(oid::oid)"
    " + pg_catalog.pg_stat_get_xact_tuples_updated(oid::oid)"
    " + pg_catalog.pg_stat_get_xact_tuples_deleted(oid::oid) AS rows FROM unnest(CAST(:oids AS bigint[])) oid"
)
_LINES_SHOWN: Final = 5
_BESIDE_TABLES: Final = ("table", "partitioned table", "view", "materialized view", "foreign table")
"""What else may stand in a staging schema, and goes in place with it."""


def guard_staged(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> None:
    """Keep writers out of the tables from the end of the caller's transaction to the cutover, where that can be.

    The steps that read them back come with the same transaction, so no read is older than the guard, and none older
    than the note on what the names stand for.
    A load of rows writes into its staged tables itself, and of a run without a proof nothing has to be kept.
    """
    if run.options.skip_validation:
        return
    oids = _staged_oids(connection, run, tables)
    if not run.options.data_only:
        marks = make_guards(connection, run.id, _places(run, tables, oids))
        _note(connection, "guard", {id_: marks[oid] for id_, oid in oids.items() if oid in marks})
    bound = read_identities(connection, list(oids.values()))
    _note(
        connection,
        "signature",
        {id_: {"identity": names_of_values(bound.get(oid, []))} for id_, oid in oids.items()},
    )


def let_writers_in(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> None:
    """Take the guard away, in the transaction of the cutover, in which the tables are locked."""
    with translated(run=run.id):
        drop_guards(connection, _places(run, tables, _staged_oids(connection, run, tables)))


def note_copied(connection: Connection, run: RunRecord) -> None:
    """Note which transactions have copied: all rows of the staged tables are theirs from here on."""
    snapshot = connection.execute(_SNAPSHOT).scalar_one()
    connection.execute(update(runs).where(runs.c.id == run.id).values(copied_in=snapshot))


def note_signatures(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> None:
    """Note what the staged tables are like that were proved, and what stands beside them.

    Raises:
        StagingChangedError: a name stands for another table or column than it did when the rows were copied.
    """
    oids = _staged_oids(connection, run, tables)
    copied = {
        row.id: _noted(row.signature).get("identity")
        for row in connection.execute(
            select(ledger_tables.c.id, ledger_tables.c.signature).where(ledger_tables.c.run_id == run.id)
        )
    }
    lines = read_signatures(connection, list(oids.values()))
    bound = read_identities(connection, list(oids.values()))
    settings = read_settings(connection, list(oids.values()))
    positions = read_positions(connection, list(oids.values()))
    proved: dict[int, dict[str, Any]] = {}
    for table in tables:
        if table.id not in oids:
            continue
        oid = oids[table.id]
        then, now = copied.get(table.id), bound.get(oid, [])
        found = changed_identity(then, names_of_values(now)) if then is not None else []
        if found:
            raise _changed(run, table, "while it was proved", found)
        proved[table.id] = {
            "lines": lines.get(oid, []),
            "identity": now,
            "settings": settings.get(oid, []),
            "positions": positions.get(oid, {}),
        }
    for schema in target_schemas([planned(table) for table in tables]):
        first = next(
            table for table in tables if planned(table).target_schema == schema
        )  # one keeps it for all
        if first.id in proved:
            proved[first.id]["beside"] = _beside(connection, run, schema, oids.values())
    _note(connection, "signature", proved)


def check_staged(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> None:
    """Keep writers out of the staged tables until the transaction ends, and make sure that none has been there.

    A run without a proof (`--skip-validation`) has nothing that could be kept.

    Raises:
        CutoverBlockedError: somebody is writing to them now.
        StagingChangedError: rows or tables are not those that were proved.
    """
    proved = {
        row.id: row
        for row in connection.execute(
            select(
                ledger_tables.c.id,
                ledger_tables.c.guard,
                ledger_tables.c.signature,
                ledger_tables.c.rows_target,
            ).where(ledger_tables.c.run_id == run.id, ledger_tables.c.equal.is_(True))
        )
    }
    snapshot = connection.execute(select(runs.c.copied_in).where(runs.c.id == run.id)).scalar_one()
    staged = _staged_oids(connection, run, tables)
    checked = [table for table in tables if table.id in proved and table.id in staged]
    if snapshot is None or not checked:
        return
    with lock_refusals_told(run.id):
        run_sql(connection, f"SET LOCAL lock_timeout = '{run.options.cutover_lock_timeout_seconds:g}s'")
        locked = [_staged_sql(run, table) for table in checked] + _views_sql(connection, run, tables)
        run_sql(connection, f"LOCK TABLE {', '.join(locked)} IN SHARE MODE")
    # Another schema may have taken the name of the staging schema before the locks.
    staged = _staged_oids(connection, run, tables)
    oids = list(staged.values())
    marks, signatures = read_marks(connection, oids), read_signatures(connection, oids)
    bound, positions = read_identities(connection, oids), read_positions(connection, oids)
    settings = read_settings(connection, oids)
    for table in checked:
        noted, oid = proved[table.id], staged.get(table.id, 0)
        then = _noted(noted.signature)
        named = changed_identity(then["identity"], bound.get(oid, [])) if "identity" in then else []
        made = changed_lines(then["lines"], signatures.get(oid, [])) if "lines" in then else []
        now = [line for line in settings.get(oid, []) if not line.startswith(CLUSTERED)]
        made += changed_lines(then["settings"], now) if "settings" in then else []
        if named:  # rows of another table tell nothing of this one
            raise _changed(run, table, "since its proof", [*made, *named])
        is_kept = noted.guard is not None and noted.guard == marks.get(oid)
        found = (
            [] if is_kept else _rows_changed(connection, _staged_sql(run, table), snapshot, noted.rows_target)
        )
        found += made
        found += fallen_back(then.get("positions", {}), positions.get(oid, {}))
        if "beside" in then:
            found += changed_identity(
                then["beside"], _beside(connection, run, planned(table).target_schema, oids)
            )
        if found:
            raise _changed(run, table, "since its proof", found)


def _rows_changed(connection: Connection, table_sql: str, snapshot: str, rows: int) -> list[str]:
    ages = read_ages_by_snapshot(connection, f"ONLY {table_sql}", snapshot)
    missing = max(rows - ages.older, 0)
    found = [f"{ages.younger:,} rows written"] if ages.younger else []
    return found + ([f"{missing:,} rows gone"] if missing else [])


class PlacementWatch:
    """Tells what event triggers do to the staged tables of one schema while they are put in place."""

    def __init__(
        self, connection: Connection, run: RunRecord, schema: str, tables: Sequence[TableRecord]
    ) -> None:
        self._run = run
        self._tables = {table.id: table for table in tables}
        self._oids = _staged_oids(connection, run, tables)
        self._written_before = self._written(connection)
        self._is_watched = has_event_triggers(connection)
        self._names_before = read_identities(connection, list(self._oids.values()))
        self._before: dict[int, list[str]] = {}
        self._replaced: dict[str, list[str]] = {}
        if self._is_watched:
            names = {one.name: one.oid for one in relations_named(connection, schema, self._names())}
            self._before = read_signatures(connection, list(self._oids.values()))
            replaced = read_signatures(connection, list(names.values()))
            self._replaced = {name: replaced.get(oid, []) for name, oid in names.items()}

    def findings(self, connection: Connection) -> list[Finding]:
        """Return what has become of the tables that neither the plan nor the replaced tables have.

        Raises:
            StagingChangedError: rows were written, or names stand for something else.
        """
        self._check_names(connection)
        written = self._written(connection)
        for table_id, oid in self._oids.items():
            rows = written.get(oid, 0) - self._written_before.get(oid, 0)
            if rows:
                raise _changed(
                    self._run,
                    self._tables[table_id],
                    "by an event trigger of the database while it was put in place",
                    [f"{rows:,} rows written"],
                )
        if not self._is_watched:
            return []
        after = read_signatures(connection, list(self._oids.values()))
        return [
            Finding(
                FindingKind.CHANGED_AT_CUTOVER,
                table.name,
                f"An event trigger of the database has changed it while it was put in place: {_some(lines)}",
                is_error=False,
            ).of(planned(table).source_label)
            for table_id, oid in self._oids.items()
            for table in [self._tables[table_id]]
            if (lines := self._unexpected(table, self._before.get(oid, []), after.get(oid, [])))
        ]

    def _written(self, connection: Connection) -> dict[int, int]:
        """Return the rows written by this session and not yet reported, which earlier transactions may have done."""
        rows = connection.execute(_WRITTEN_HERE, {"oids": list(self._oids.values())})
        return {row.oid: row.rows for row in rows}

    def _check_names(self, connection: Connection) -> None:
        """Make sure that each table stands where it belongs, with the columns that it had."""
        oids = list(self._oids.values())
        standing, after = relations_with(connection, oids), read_identities(connection, oids)
        for table_id, oid in self._oids.items():
            table, one = self._tables[table_id], standing.get(oid)
            place = (planned(table).target_schema, planned(table).target_name)
            found = changed_identity(
                names_of_values(self._names_before.get(oid, [])), names_of_values(after.get(oid, []))
            )
            if one is None or (one.schema, one.name) != place:
                found.append("another table has its name")
            if found:
                raise _changed(self._run, table, "by others while it was put in place", found)

    def _names(self) -> list[str]:
        return [planned(table).target_name for table in self._tables.values()]

    def _unexpected(self, table: TableRecord, before: list[str], after: list[str]) -> list[str]:
        """Return the lines that are new and that no replaced table had: what others own goes over."""
        theirs = self._replaced.get(planned(table).target_name, [])
        lines = changed_lines(before, [line for line in after if line in before or line not in theirs])
        # The table's own line, of owner and row level security, is told by what it is now.
        return [line for line in lines if not (line.startswith("table ") and line.endswith(" gone"))]


def _note(connection: Connection, column: str, noted: Mapping[int, str | dict[str, Any]]) -> None:
    """Write one column of the ledger's tables, by their ids there."""
    records = [{"id": table_id, column: value} for table_id, value in noted.items()]
    update_set(connection, ledger_tables, records)


def _noted(signature: dict[str, Any] | list[str] | None) -> dict[str, Any]:
    """Return what a ledger says of a staged table; an earlier version has noted its lines alone."""
    return {"lines": signature} if isinstance(signature, list) else signature or {}


def _views_sql(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> list[str]:
    """Return the names of the staged views, of those that their role may lock."""
    return [
        quoted(one.schema, one.name)
        for schema in target_schemas([planned(table) for table in tables])
        for one in relations_in(connection, staging_schema(run, schema), ("view",))
        if one.may_alter
    ]


def _beside(connection: Connection, run: RunRecord, schema: str, tables: Collection[int]) -> list[str]:
    """Return what stands in the staging schema besides its tables, views above all, as lines."""
    others = {
        one.oid: f"{one.kind} {one.name}"
        for one in relations_in(connection, staging_schema(run, schema), _BESIDE_TABLES)
        if one.oid not in tables
    }
    lines = read_signatures(connection, list(others))
    bound = read_identities(connection, list(others))
    return [
        f"{name}: {line}"
        for oid, name in others.items()
        for line in (*lines.get(oid, []), *of_the_table_alone(bound.get(oid, [])))
    ]


def _staged_sql(run: RunRecord, table: TableRecord) -> str:
    plan = planned(table)
    return quoted(staging_schema(run, plan.target_schema), plan.target_name)


def _places(
    run: RunRecord, tables: Sequence[TableRecord], oids: Mapping[int, int]
) -> dict[int, tuple[str, str]]:
    """Return oid → staging schema and name."""
    plans = {table.id: planned(table) for table in tables}
    return {
        oid: (staging_schema(run, plans[id_].target_schema), plans[id_].target_name)
        for id_, oid in oids.items()
    }


def _staged_oids(connection: Connection, run: RunRecord, tables: Sequence[TableRecord]) -> dict[int, int]:
    """Return the id in the ledger → oid of the staged table, of those that stand."""
    standing = {
        (schema, one.name): one.oid
        for schema in target_schemas([planned(table) for table in tables])
        for one in relations_in(connection, staging_schema(run, schema), ("table",))
    }
    places = {table.id: (planned(table).target_schema, planned(table).target_name) for table in tables}
    return {table_id: standing[place] for table_id, place in places.items() if place in standing}


def _changed(run: RunRecord, table: TableRecord, when: str, found: Sequence[str]) -> StagingChangedError:
    return StagingChangedError(
        f"The staged table was changed {when}: {_some(found)}",
        run=run.id,
        source=run.options.table_names.label(planned(table).source_label),
        table=table.name,
        schema=staging_schema(run, planned(table).target_schema),
        remedy="Nothing was put in place. Find out who writes there, cancel the run and migrate again",
    )


def _some(lines: Sequence[str]) -> str:
    more = f" and {len(lines) - _LINES_SHOWN} more" if len(lines) > _LINES_SHOWN else ""
    return "; ".join(lines[:_LINES_SHOWN]) + more
