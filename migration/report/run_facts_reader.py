"""Reads what the ledger and PostgreSQL's catalog know about a run, in one snapshot of the database."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, case, func, select, text

from migration.ledger.event_names import EventName
from migration.ledger.json_encoding import from_json
from migration.ledger.ledger_tables import chunks, events, findings, objects, quarantine, sources, steps
from migration.ledger.ledger_tables import tables as ledger_tables
from migration.ledger.run_acts import read_acts
from migration.ledger.run_records import RunRecord, read_run
from migration.model import Phase, StepState
from migration.report.run_facts import Facts, ForeignKeyFacts
from migration.report.run_timeline import PhaseChange, Work
from migration.report.table_facts_reader import read_tables
from migration.source_schema import SourceSchema

FINDINGS_LIMIT = 1_000
REASONS_LIMIT = 100
SAMPLES_LIMIT = 60
SAMPLES_PER_REASON = 3
"""For each table, column and reason: a report shows kinds of trouble, the ledger holds all of it."""
ORIGINAL_LIMIT_BYTES = 1_024
FAILED_STEPS_LIMIT = 50
_STEPS_WITH_TABLES = (
    steps.outerjoin(chunks, chunks.c.id == steps.c.chunk_id)
    .outerjoin(ledger_tables, ledger_tables.c.id == func.coalesce(steps.c.table_id, chunks.c.table_id))
    .outerjoin(sources, sources.c.id == ledger_tables.c.source_id)
)


def read_facts(engine: Engine, run_id: str) -> Facts:
    """Read everything about a run; `run_id` is its full id.

    Raises:
        UsageError: the ledger does not know the run.
    """
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        run = read_run(connection, run_id)
        source_rows = connection.execute(
            select(sources).where(sources.c.run_id == run_id).order_by(sources.c.id)
        ).all()
        changes, failure, estimate = _read_events(connection, run_id)
        now = connection.execute(select(func.now())).scalar_one()
        finding_rows = (
            select(findings)
            .where(findings.c.run_id == run_id)
            .order_by(findings.c.is_error.desc(), findings.c.id)
        )
        reasons = (
            select(quarantine.c.reason, func.count())
            .where(quarantine.c.run_id == run_id)
            .group_by(quarantine.c.reason)
            .order_by(func.count().desc(), quarantine.c.reason)
            .limit(REASONS_LIMIT)
        )
        return Facts(
            run=run,
            now=now,
            server_version=str(connection.execute(text("SHOW server_version")).scalar_one()),
            sources=tuple(source_rows),
            tables=read_tables(connection, run_id, source_rows),
            objects=tuple(
                connection.execute(select(objects).where(objects.c.run_id == run_id).order_by(objects.c.id))
            ),
            findings=tuple(
                connection.execute(finding_rows.where(findings.c.accepted_by.is_(None)).limit(FINDINGS_LIMIT))
            ),
            accepted=tuple(
                connection.execute(
                    finding_rows.where(findings.c.accepted_by.is_not(None)).limit(FINDINGS_LIMIT)
                )
            ),
            findings_total=connection.execute(
                select(func.count())
                .select_from(findings)
                .where(findings.c.run_id == run_id, findings.c.accepted_by.is_(None))
            ).scalar_one(),
            finding_counts=dict(
                connection.execute(
                    select(findings.c.kind, func.count())
                    .where(findings.c.run_id == run_id, findings.c.accepted_by.is_(None))
                    .group_by(findings.c.kind)
                ).all()
            ),
            quarantined_values=connection.execute(
                select(func.count()).select_from(quarantine).where(quarantine.c.run_id == run_id)
            ).scalar_one(),
            quarantine_reasons=dict(connection.execute(reasons).all()),
            quarantine_sample=_read_sample(connection, run_id),
            phase_changes=changes,
            works=_read_works(connection, run_id, run.finished_at or now),
            failed_steps=_read_failed_steps(connection, run_id),
            retries=int(
                connection.execute(
                    select(func.coalesce(func.sum(func.greatest(steps.c.attempts - 1, 0)), 0)).where(
                        steps.c.run_id == run_id
                    )
                ).scalar_one()
            ),
            failure=failure,
            estimate=estimate,
            unvalidated=_read_unvalidated(connection, run_id),
            previous=_read_previous(connection, run),
            schemas={row.label: from_json(SourceSchema, row.schema) for row in source_rows},
            acts=tuple(read_acts(connection, run_id)),
            system_identifier=_read_system_identifier(connection),
            database=str(connection.execute(text("SELECT current_database()")).scalar_one()),
        )


def _read_system_identifier(connection: Connection) -> str | None:
    """Return what tells this server from every other one; None where the role may not know."""
    may = text("SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")
    if not connection.execute(may).scalar_one():
        return None
    statement = text("SELECT system_identifier::text FROM pg_catalog.pg_control_system()")
    return str(connection.execute(statement).scalar_one())


def _read_events(
    connection: Connection, run_id: str
) -> tuple[tuple[PhaseChange, ...], dict[str, Any], dict[str, Any]]:
    """Return the changes of phase, the data of the last failure, and the dry-run's own estimate."""
    kinds = [name.value for name in (EventName.PHASE, EventName.FAILED, EventName.DRY_RUN)]
    statement = (
        select(events.c.at, events.c.kind, events.c.data)
        .where(events.c.run_id == run_id, events.c.kind.in_(kinds))
        .order_by(events.c.id)
    )
    changes: list[PhaseChange] = []
    failure: dict[str, Any] = {}
    estimate: dict[str, Any] = {}
    for at, kind, data in connection.execute(statement):
        if kind == EventName.PHASE:
            changes.append(PhaseChange(at, Phase(data["phase"])))
        elif kind == EventName.FAILED:
            failure = data
        else:
            estimate = data
    return tuple(changes), failure, estimate


def _read_sample(connection: Connection, run_id: str) -> tuple[Row[Any], ...]:
    """Return a few quarantined values of each kind, so that one bad column does not hide the others."""
    numbered = (
        select(
            sources.c.label.label("source"),
            ledger_tables.c.name.label("table"),
            quarantine.c.id,
            quarantine.c.key,
            quarantine.c.column,
            quarantine.c.storage_class,
            func.substring(quarantine.c.original, 1, ORIGINAL_LIMIT_BYTES).label("original"),
            func.octet_length(quarantine.c.original).label("original_bytes"),
            quarantine.c.reason,
            func.row_number()
            .over(
                partition_by=(quarantine.c.table_id, quarantine.c.column, quarantine.c.reason),
                order_by=quarantine.c.id,
            )
            .label("number"),
        )
        .join(ledger_tables, ledger_tables.c.id == quarantine.c.table_id)
        .join(sources, sources.c.id == ledger_tables.c.source_id)
        .where(quarantine.c.run_id == run_id)
        .subquery()
    )
    statement = (
        select(numbered)
        .where(numbered.c.number <= SAMPLES_PER_REASON)
        .order_by(numbered.c.number, numbered.c.id)
        .limit(SAMPLES_LIMIT)
    )
    return tuple(connection.execute(statement))


def _read_works(connection: Connection, run_id: str, end: datetime) -> tuple[Work, ...]:
    statement = (
        select(
            steps.c.worker,
            steps.c.phase,
            steps.c.claimed_at,
            case(
                (steps.c.state == StepState.RUNNING.value, end),
                # A worker that was lost left no time of its end.
                else_=func.greatest(steps.c.finished_at, steps.c.claimed_at),
            ),
            func.coalesce(ledger_tables.c.name, ""),
            steps.c.state == StepState.FAILED.value,
            func.coalesce(sources.c.label, ""),
        )
        .select_from(_STEPS_WITH_TABLES)
        .where(steps.c.run_id == run_id, steps.c.claimed_at.is_not(None), steps.c.worker.is_not(None))
    )
    return tuple(Work(*row) for row in connection.execute(statement))


def _read_failed_steps(connection: Connection, run_id: str) -> tuple[Row[Any], ...]:
    statement = (
        select(
            steps.c.phase,
            func.coalesce(ledger_tables.c.name, "").label("table"),
            chunks.c.position,
            steps.c.attempts,
            func.coalesce(steps.c.worker, "").label("worker"),
            func.coalesce(steps.c.error, "").label("error"),
            func.coalesce(sources.c.label, "").label("source"),
        )
        .select_from(_STEPS_WITH_TABLES)
        .where(steps.c.run_id == run_id, steps.c.state == StepState.FAILED.value)
        .order_by(steps.c.id)
        .limit(FAILED_STEPS_LIMIT)
    )
    return tuple(connection.execute(statement))


def _read_previous(connection: Connection, run: RunRecord) -> dict[str, int]:
    """Return how many replaced tables are still kept, by the schema that keeps them."""
    schemas = {run.previous_schema, *(part["previous_schema"] for part in run.cutover or ())}
    statement = text(
        "SELECT schemaname::text, count(*) FROM pg_catalog.pg_tables WHERE schemaname = ANY(:schemas)"
        " GROUP BY schemaname ORDER BY schemaname"
    )
    return dict(connection.execute(statement, {"schemas": sorted(schemas)}).all())


def _read_unvalidated(connection: Connection, run_id: str) -> tuple[ForeignKeyFacts, ...]:
    """Return the foreign keys on the run's tables that PostgreSQL was told not to check (NOT VALID)."""
    statement = text(
        """
        SELECT con.conname, child_ns.nspname, child.relname,
               ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY AS k(number, place)
                     JOIN pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number ORDER BY k.place),
               parent_ns.nspname, parent.relname,
               ARRAY(SELECT a.attname::text FROM unnest(con.confkey) WITH ORDINALITY AS k(number, place)
                     JOIN pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number ORDER BY k.place)
        FROM pg_constraint con
        JOIN pg_class child ON child.oid = con.conrelid
        JOIN pg_namespace child_ns ON child_ns.oid = child.relnamespace
        JOIN pg_class parent ON parent.oid = con.confrelid
        JOIN pg_namespace parent_ns ON parent_ns.oid = parent.relnamespace
        WHERE con.contype = 'f' AND NOT con.convalidated
          AND (child_ns.nspname::text, child.relname::text) IN (
              SELECT plan ->> 'target_schema', plan ->> 'target_name' FROM convoy.tables WHERE run_id = :run_id)
        ORDER BY child_ns.nspname, child.relname, con.conname
        """
    )
    return tuple(
        ForeignKeyFacts(name, schema, table, tuple(cols), parent_schema, parent, tuple(parent_cols))
        for name, schema, table, cols, parent_schema, parent, parent_cols in connection.execute(
            statement, {"run_id": run_id}
        )
    )
