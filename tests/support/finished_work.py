"""What must never change again: work that is done. And what is always so: rows in a target are those of done chunks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, text

from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.table_records import TableRecord, read_tables
from migration.model import Mode, Phase
from migration.steps.run_schema_names import staging_schema
from migration.target.sql_statements import quoted, run_sql

_SHOWN = {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}
_STAGED = {Phase.COPYING, Phase.INDEXING, Phase.VALIDATING, Phase.CUTTING_OVER}
_DONE = {
    "step": text(
        "SELECT id, finished_at, attempts, worker, result::text FROM convoy.steps"
        " WHERE run_id = :run AND state = 'done'"
    ),
    "chunk": text(
        "SELECT id, finished_at, attempts, worker, rows_loaded, rows_quarantined, digest FROM convoy.chunks"
        " WHERE run_id = :run AND state = 'done'"
    ),
}
_LOADED = text(
    "SELECT coalesce(sum(rows_loaded), 0)::bigint AS rows_loaded,"
    " coalesce(sum(rows_quarantined), 0)::bigint AS rows_quarantined"
    " FROM convoy.chunks WHERE table_id = :table AND state = 'done'"
)
_HELD = text(
    'SELECT count(*) AS values, count(DISTINCT (key, "column")) AS different, count(DISTINCT key) AS rows'
    " FROM convoy.quarantine WHERE table_id = :table"
)


class FinishedWork:
    """Remembers every step and chunk that was done, and complains where one of them has changed or has gone."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], dict[int, tuple[Any, ...]]] = {}

    def complaints(self, ledger: Engine, run_id: str) -> list[str]:
        """Return what has changed of a run since the last call, and remember how it is now."""
        told = []
        with ledger.begin() as connection:
            for kind, statement in _DONE.items():
                now = {row[0]: tuple(row) for row in connection.execute(statement, {"run": run_id})}
                before = self._seen.get((run_id, kind), {})
                told += [
                    f"{kind} {number} was done as {facts}, and is {now.get(number, 'not done')} now"
                    for number, facts in before.items()
                    if now.get(number) != facts
                ]
                self._seen[run_id, kind] = now
        return told

    def forget(self, run_id: str) -> None:
        """Forget a run whose rows were loaded anew on purpose: those of its quarantine."""
        for kind in _DONE:
            self._seen.pop((run_id, kind), None)


def row_complaints(ledger: Engine, run_id: str, key: str = "id") -> list[str]:
    """Return where the rows of a migration's tables, staged or shown, are not those of the chunks that are done.

    Args:
        ledger: of the run.
        run_id: of a run into schemas of its own, each of whose tables has a key of one column.
        key: the name of that column.
    """
    run = find_run(ledger, run_id)
    if run.options.mode is not Mode.MIGRATE:
        return []
    with ledger.begin() as connection:
        return [
            complaint
            for table in read_tables(connection, run_id)
            for complaint in _of_a_table(connection, run, table, key)
        ]


def _of_a_table(connection: Connection, run: RunRecord, table: TableRecord, key: str) -> list[str]:
    done = connection.execute(_LOADED, {"table": table.id}).one()
    held = connection.execute(_HELD, {"table": table.id}).one()
    told = []
    if (held.rows, held.values) != (done.rows_quarantined, held.different):
        told.append(
            f"{table.name}: {done.rows_quarantined} rows quarantined, and there are {held.rows} with {held.values}"
            f" values, {held.different} of them different"
        )
    where = _schema_of(run, table)
    if where is not None and table.plan is not None:
        name = quoted(where, table.plan.target_name)
        there, keys = run_sql(connection, f"SELECT count(*), count(DISTINCT {quoted(key)}) FROM {name}").one()
        if not there == keys == done.rows_loaded:
            told.append(f"{table.name}: {done.rows_loaded} rows loaded, {there} there, {keys} different keys")
    return told


def _schema_of(run: RunRecord, table: TableRecord) -> str | None:
    """Return the schema in which the rows of a table are now; None where they are nowhere."""
    if table.plan is None or run.given_up_at is not None:
        return None
    if run.phase in _SHOWN:
        return table.plan.target_schema
    reached = run.resume_phase if run.phase is Phase.FAILED else run.phase
    return staging_schema(run, table.plan.target_schema) if reached in _STAGED else None
