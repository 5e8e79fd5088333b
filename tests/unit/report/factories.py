"""Runs as the ledger might know them, without a ledger: a school's database, in good and in bad times."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from migration.ledger.run_records import RunRecord
from migration.model import (
    ColumnPlan,
    ColumnProfile,
    Phase,
    Source,
    StorageClass,
    TablePlan,
    TargetObject,
    ValueKind,
)
from migration.report.run_facts import TableFacts
from migration.report.run_timeline import PhaseChange, Work
from migration.run_options import RunOptions

START = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
RUN_ID = "0195949a-3f6b-7cc1-a2f4-6b1d2c3e4f50"
TARGET = "postgresql://teacher@db.school.example:5432/educational_apps"

TABLE_ROWS = {
    "users": 1_200,
    "user_profiles": 1_200,
    "user_xp": 1_180,
    "xp_log": 52_310,
    "achievement": 48,
    "user_achievement": 9_404,
    "math_problem": 8_000,
    "session_result": 31_025,
    "question_history": 184_310,
    "reading_result": 12_660,
    "user_note": 0,
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def checksum(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def column(
    name: str,
    declared: str,
    target_type: str,
    kind: ValueKind,
    reason: str = "",
    target_name: str | None = None,
) -> ColumnPlan:
    reason = reason or f"{declared} as declared"
    return ColumnPlan(name, target_name or name.lower(), declared, target_type, kind, {}, reason)


def table_plan(name: str, source: str = "school", schema: str = "public", **changes: Any) -> TablePlan:
    columns = (
        column("id", "INTEGER", "integer", ValueKind.INT32),
        column(
            "name", "VARCHAR(40)", "text", ValueKind.TEXT, "VARCHAR(40) holds 61 characters, widened to text"
        ),
        column("score", "REAL", "double precision", ValueKind.FLOAT64),
        column(
            "created_at",
            "DATETIME",
            "timestamptz",
            ValueKind.TIMESTAMPTZ,
            "DATETIME as declared; integers are milliseconds since 1970",
        ),
        column("settings", "JSON", "jsonb", ValueKind.JSON),
    )
    plan = TablePlan(
        source_label=source,
        name=name,
        target_schema=schema,
        target_name=name.lower(),
        columns=columns,
        create_sql=f'CREATE TABLE {{schema}}."{name.lower()}" ("id" integer NOT NULL, "name" text)',
        objects=(
            TargetObject(
                "primary key",
                f"{name}_pkey",
                name,
                1,
                f'ALTER TABLE {{schema}}."{name}" ADD PRIMARY KEY ("id")',
            ),
        ),
        key=("id",),
    )
    return replace(plan, **changes)


def table_facts(name: str = "users", rows: int = 1_200, *, number: int = 1, **changes: Any) -> TableFacts:
    """A table that was copied and compared, every row of it."""
    digest = checksum(f"{name} {rows}")
    facts = TableFacts(
        id=number,
        source="school",
        name=name,
        rows=rows,
        bytes=rows * 96,
        plan=table_plan(name),
        rows_target=rows,
        digest_source=digest,
        digest_target=digest,
        equal=True,
        declared=None,
        rows_loaded=rows,
        rows_quarantined=0,
        chunks=max(1, rows // 25_000),
        chunks_done=max(1, rows // 25_000),
        worker_seconds=rows / 90_000,
        seconds=rows / 160_000,
        profiles={
            "name": ColumnProfile({StorageClass.TEXT: rows, StorageClass.NULL: 3}),
            "created_at": ColumnProfile({StorageClass.INTEGER: rows}),
        },
        transforms={"created_at": {"epoch_ms_to_timestamptz": rows}} if rows else {},
    )
    return replace(facts, **changes)


def options(**changes: Any) -> RunOptions:
    given = RunOptions(
        sources=(Source("school", "/data/school.db"),), target=TARGET, workers=3, target_schema="public"
    )
    return replace(given, **changes)


def run_record(phase: Phase = Phase.COMPLETED, given: RunOptions | None = None, **changes: Any) -> RunRecord:
    given = given or options()
    record = RunRecord(
        id=RUN_ID,
        mode=given.mode.value,
        phase=phase,
        resume_phase=None,
        options=given,
        staging_schema="convoy_0195949a_staging",
        previous_schema="convoy_0195949a_previous",
        error=None,
        cutover=None,
        created_at=START,
        started_at=at(0.2),
        finished_at=at(9.8) if phase.is_end else None,
    )
    return replace(record, **changes)


_STARTS = {
    Phase.PENDING: 0.0,
    Phase.SNAPSHOTTING: 0.2,
    Phase.PROFILING: 0.9,
    Phase.COPYING: 2.6,
    Phase.INDEXING: 6.4,
    Phase.VALIDATING: 7.7,
    Phase.CUTTING_OVER: 9.5,
}


def phase_changes(end: Phase, until: Phase = Phase.CUTTING_OVER) -> tuple[PhaseChange, ...]:
    passed = []
    for phase, start in _STARTS.items():
        passed.append(PhaseChange(at(start), phase))
        if phase is until:
            break
    return (*passed, PhaseChange(at(9.8), end)) if end.is_end else tuple(passed)


def works(workers: int = 3) -> tuple[Work, ...]:
    """Steps of three phases, dealt out to the workers."""
    found = []
    for phase, until in ((Phase.PROFILING, 2.6), (Phase.COPYING, 6.4), (Phase.VALIDATING, 9.5)):
        for worker in range(workers):
            begin, place = _STARTS[phase] + 0.05 * worker, 0
            while begin < until - 0.2:
                table = list(TABLE_ROWS)[(place + worker) % len(TABLE_ROWS)]
                end = min(begin + 0.1 + 0.13 * ((3 * place + worker) % 5), until - 0.03 * worker)
                found.append(Work(f"copy@node{worker + 1}", phase.value, at(begin), at(end), table))
                begin, place = end + (0.02 if place % 3 else 0.07), place + 1
    found.append(Work("control@node1", Phase.SNAPSHOTTING.value, at(0.25), at(0.85)))
    return tuple(found)


def sources(*labels: str) -> tuple[Any, ...]:
    return tuple(
        SimpleNamespace(
            label=label,
            location=f"/data/{label}.db",
            sha256=hashlib.sha256(label.encode()).hexdigest(),
            bytes=48_300_032,
            given_sha256=None,
            given_bytes=None,
        )
        for label in labels or ("school",)
    )


def sample(
    table: str, column_name: str, original: bytes, reason: str, key: Any = (17,), storage_class: str = "text"
) -> Any:
    return SimpleNamespace(
        source="school",
        table=table,
        key=list(key),
        column=column_name,
        storage_class=storage_class,
        original=original,
        original_bytes=len(original),
        reason=reason,
    )


def finding(
    kind: str,
    table: str,
    message: str,
    column_name: str | None = None,
    key: str | None = None,
    *,
    error: bool = False,
    loss: str = "",
    accepted_by: str | None = None,
    source: str = "",
) -> Any:
    return SimpleNamespace(
        kind=kind,
        table=table,
        message=message,
        column=column_name,
        key=key,
        is_error=error,
        loss=loss,
        accepted_by=accepted_by,
        source=source,
    )
