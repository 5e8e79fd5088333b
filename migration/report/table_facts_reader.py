"""The tables of a run, with what their chunks, steps and columns add up to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from migration.ledger.json_encoding import from_json
from migration.ledger.ledger_tables import chunks, columns, steps, transforms
from migration.ledger.ledger_tables import tables as ledger_tables
from migration.model import ColumnProfile, Phase, StepState, TablePlan
from migration.report.run_facts import TableFacts
from migration.source_schema import SourceTable


def read_tables(
    connection: Connection, run_id: str, source_rows: Sequence[Row[Any]]
) -> tuple[TableFacts, ...]:
    """Return the run's tables in the order of the ledger; `source_rows` are those of convoy.sources."""
    declared: dict[tuple[int, str], SourceTable] = {}
    labels: dict[int, str] = {}
    for source in source_rows:
        labels[source.id] = source.label
        for table in source.schema.get("tables", ()):
            decoded = from_json(SourceTable, table)
            declared[source.id, decoded.name] = decoded
    in_chunks = {
        row.table_id: row
        for row in connection.execute(
            select(
                chunks.c.table_id,
                func.count().label("chunks"),
                func.count().filter(chunks.c.state == StepState.DONE.value).label("done"),
                func.coalesce(func.sum(chunks.c.rows_loaded), 0).label("loaded"),
                func.coalesce(func.sum(chunks.c.rows_quarantined), 0).label("quarantined"),
                func.coalesce(func.sum(chunks.c.bytes), 0).label("bytes"),
                func.coalesce(func.sum(chunks.c.seconds), 0.0).label("seconds"),
            )
            .where(chunks.c.run_id == run_id)
            .group_by(chunks.c.table_id)
        )
    }
    spans = _read_table_seconds(connection, run_id)
    profiles, changed = _read_columns(connection, run_id)
    result = []
    for row in connection.execute(
        select(ledger_tables).where(ledger_tables.c.run_id == run_id).order_by(ledger_tables.c.id)
    ):
        chunk = in_chunks.get(row.id)
        result.append(
            TableFacts(
                id=row.id,
                source=labels[row.source_id],
                name=row.name,
                rows=row.rows,
                bytes=row.bytes or int(chunk.bytes if chunk else 0),
                plan=from_json(TablePlan, row.plan) if row.plan else None,
                rows_target=row.rows_target,
                digest_source=row.digest_source,
                digest_target=row.digest_target,
                equal=row.equal,
                schema_checked=row.schema_checked,
                declared=declared.get((row.source_id, row.name)),
                rows_loaded=int(chunk.loaded) if chunk else 0,
                rows_quarantined=int(chunk.quarantined) if chunk else 0,
                chunks=chunk.chunks if chunk else 0,
                chunks_done=chunk.done if chunk else 0,
                worker_seconds=float(chunk.seconds) if chunk else 0.0,
                seconds=spans.get(row.id, float(chunk.seconds) if chunk else 0.0),
                profiles=profiles.get(row.id, {}),
                transforms=changed.get(row.id, {}),
            )
        )
    return tuple(result)


def _read_table_seconds(connection: Connection, run_id: str) -> dict[int, float]:
    """Return, by table, the wall-clock time of its copy; of its validation where it was not copied."""
    table_id = func.coalesce(steps.c.table_id, chunks.c.table_id)
    statement = (
        select(
            table_id,
            func.extract("epoch", func.max(steps.c.finished_at) - func.min(steps.c.claimed_at)),
        )
        .select_from(steps.outerjoin(chunks, chunks.c.id == steps.c.chunk_id))
        .where(
            steps.c.run_id == run_id,
            steps.c.phase.in_([Phase.COPYING.value, Phase.VALIDATING.value]),
            steps.c.finished_at.is_not(None),
            table_id.is_not(None),
        )
        .group_by(table_id, steps.c.phase)
        .order_by(steps.c.phase == Phase.COPYING.value)  # the copy comes last, and so stays
    )
    return {table: float(seconds) for table, seconds in connection.execute(statement) if seconds is not None}


def _read_columns(
    connection: Connection, run_id: str
) -> tuple[dict[int, dict[str, ColumnProfile]], dict[int, dict[str, dict[str, int]]]]:
    profiles: dict[int, dict[str, ColumnProfile]] = {}
    for row in connection.execute(
        select(columns.c.table_id, columns.c.name, columns.c.profile)
        .join(ledger_tables, ledger_tables.c.id == columns.c.table_id)
        .where(ledger_tables.c.run_id == run_id)
    ):
        profiles.setdefault(row.table_id, {})[row.name] = from_json(ColumnProfile, row.profile)
    changed: dict[int, dict[str, dict[str, int]]] = {}
    for table_id, column, transform, values in connection.execute(
        select(
            chunks.c.table_id, transforms.c.column, transforms.c.transform, func.sum(transforms.c["values"])
        )
        .join(chunks, chunks.c.id == transforms.c.chunk_id)
        .where(chunks.c.run_id == run_id)
        .group_by(chunks.c.table_id, transforms.c.column, transforms.c.transform)
        .order_by(transforms.c.transform)
    ):
        changed.setdefault(table_id, {}).setdefault(column, {})[transform] = int(values)
    return profiles, changed
