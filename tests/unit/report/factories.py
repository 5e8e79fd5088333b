"""Runs as the ledger might know them, without a ledger: a school's database, in good and in bad times."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from migration.error_record import error_record
from migration.errors import DiskError
from migration.ledger.run_records import RunRecord
from migration.model import (
    ColumnPlan,
    ColumnProfile,
    Mode,
    ObjectState,
    Phase,
    RunOptions,
    Source,
    StorageClass,
    TablePlan,
    TargetObject,
    ValueKind,
)
from migration.report.run_facts import Facts, ForeignKeyFacts, TableFacts
from migration.report.run_timeline import PhaseChange, Work

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
        )
        for label in labels or ("school",)
    )


def school_facts(**changes: Any) -> Facts:
    """A run that went well: eleven tables, one of them empty."""
    tables = tuple(table_facts(name, rows, number=n) for n, (name, rows) in enumerate(TABLE_ROWS.items(), 1))
    facts = Facts(
        run=run_record(),
        now=at(60),
        server_version="18.0",
        sources=sources(),
        tables=tables,
        objects=tuple(
            SimpleNamespace(kind=kind, name=f"{table}_{suffix}", state="created", reason="", owner=table)
            for table in TABLE_ROWS
            for kind, suffix in (("primary key", "pkey"), ("index", "user_idx"), ("sequence", "id_seq"))
        ),
        findings=(),
        findings_total=0,
        quarantined_values=0,
        quarantine_reasons={},
        quarantine_sample=(),
        phase_changes=phase_changes(Phase.COMPLETED),
        works=works(),
        failed_steps=(),
        retries=0,
        failure={},
        estimate={},
        unvalidated=(),
        previous={},
    )
    return replace(facts, **changes)


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
) -> Any:
    return SimpleNamespace(
        kind=kind, table=table, message=message, column=column_name, key=key, is_error=error
    )


def troubled_facts(**changes: Any) -> Facts:
    """Done, with rows in quarantine, a lossy transform, orphans, a skipped view and tables replaced."""
    facts = school_facts()
    tables = tuple(
        replace(table, rows_loaded=table.rows - 5, rows_target=table.rows - 5, rows_quarantined=5)
        if table.name == "user_profiles"
        else replace(
            table, rows_loaded=table.rows - 1_204, rows_target=table.rows - 1_204, rows_quarantined=1_204
        )
        if table.name == "reading_result"
        else table
        for table in facts.tables
    )
    objects = (
        *facts.objects,
        SimpleNamespace(
            kind="foreign key",
            name="user_note_user_id_fkey",
            state=ObjectState.CHANGED.value,
            reason="rows without a parent: created NOT VALID",
            owner="user_note",
        ),
        SimpleNamespace(
            kind="view",
            name="weekly_progress",
            state="skipped",
            reason="strftime('%W') has no counterpart",
            owner="school",
        ),
        SimpleNamespace(
            kind="trigger",
            name="touch_updated_at",
            state="skipped",
            reason="triggers are not translated",
            owner="school",
        ),
    )
    facts = replace(
        facts,
        run=run_record(Phase.COMPLETED_WITH_FINDINGS),
        tables=tables,
        objects=objects,
        findings=(
            finding("orphan_rows", "user_note", "12 rows point at users that do not exist", "user_id"),
            finding(
                "lossy_transform",
                "user_profiles",
                "3 values lost something to the transform nul_stripped",
                "bio",
            ),
        ),
        findings_total=2,
        quarantined_values=1_210,
        quarantine_reasons={"there is no such date and time": 1_204, "text is not valid UTF-8": 6},
        quarantine_sample=(
            sample("reading_result", "finished_at", b"0000-00-00 00:00:00", "there is no such date and time"),
            sample(
                "reading_result",
                "finished_at",
                b"2023-02-30 10:00:00",
                "there is no such date and time",
                (904,),
            ),
            sample(
                "user_profiles", "bio", "Ana Mar\u00eda".encode("latin-1"), "text is not valid UTF-8", (33,)
            ),
            sample(
                "user_profiles", "bio", b"Zo\xeb <b>bold</b> & \x1b[31mred", "text is not valid UTF-8", (71,)
            ),
        ),
        phase_changes=phase_changes(Phase.COMPLETED_WITH_FINDINGS),
        unvalidated=(
            ForeignKeyFacts(
                "user_note_user_id_fkey", "public", "user_note", ("user_id",), "public", "users", ("id",)
            ),
        ),
        previous={"convoy_0195949a_previous": 11},
        retries=2,
    )
    return replace(facts, **changes)


def dry_run_facts(**changes: Any) -> Facts:
    facts = troubled_facts()
    given = options(mode=Mode.DRY_RUN)
    tables = tuple(
        replace(table, rows_target=None, digest_source=None, digest_target=None, equal=None)
        for table in facts.tables
    )
    facts = replace(
        facts,
        run=run_record(Phase.COMPLETED_WITH_FINDINGS, given, finished_at=at(6.4)),
        tables=tables,
        phase_changes=(
            *phase_changes(Phase.COPYING, until=Phase.COPYING),
            PhaseChange(at(6.4), Phase.COMPLETED_WITH_FINDINGS),
        ),
        works=tuple(work for work in facts.works if work.phase != Phase.VALIDATING.value),
        unvalidated=(),
        previous={},
        retries=0,
    )
    return replace(facts, **changes)


def validate_facts(**changes: Any) -> Facts:
    """A comparison that found one table to differ."""
    facts = school_facts()
    tables = tuple(
        replace(
            table,
            rows_loaded=0,
            chunks_done=0,
            rows_target=table.rows - (table.name == "users"),
            equal=table.name != "users",
            digest_target=checksum("other") if table.name == "users" else table.digest_target,
        )
        for table in facts.tables
    )
    facts = replace(
        facts,
        run=run_record(Phase.COMPLETED_WITH_FINDINGS, options(mode=Mode.VALIDATE)),
        tables=tables,
        objects=(),
        findings=(
            finding("missing_row", "users", "the row is not in the target", key="id = 17", error=True),
        ),
        findings_total=1,
        phase_changes=(
            *phase_changes(Phase.PROFILING, until=Phase.PROFILING),
            PhaseChange(at(2.6), Phase.VALIDATING),
            PhaseChange(at(9.8), Phase.COMPLETED_WITH_FINDINGS),
        ),
    )
    return replace(facts, **changes)


DISK_FULL = DiskError(
    "The disk of the server is full",
    table="question_history",
    chunk=3,
    remedy="Free space in its data folder, then resume",
)


def failed_facts(**changes: Any) -> Facts:
    """The server went away in the middle of the copy."""
    facts = school_facts()
    error = str(DISK_FULL)
    tables = tuple(
        replace(
            table,
            rows_target=None,
            digest_source=None,
            digest_target=None,
            equal=None,
            rows_loaded=table.rows if table.name != "question_history" else 75_000,
            chunks_done=table.chunks if table.name != "question_history" else 3,
        )
        for table in facts.tables
    )
    facts = replace(
        facts,
        run=run_record(Phase.FAILED, error=error, resume_phase=Phase.COPYING, finished_at=at(6.0)),
        tables=tables,
        objects=(),
        phase_changes=(
            *phase_changes(Phase.COPYING, until=Phase.COPYING),
            PhaseChange(at(6.0), Phase.FAILED),
        ),
        works=tuple(work for work in facts.works if work.phase != Phase.VALIDATING.value),
        failed_steps=(
            SimpleNamespace(
                phase="copying",
                table="question_history",
                position=3,
                attempts=5,
                worker="copy@node2",
                error=error,
            ),
        ),
        retries=4,
        failure={"exit_status": 3, "error_details": error_record(DISK_FULL)},
    )
    return replace(facts, **changes)


def empty_facts(**changes: Any) -> Facts:
    """A database without tables."""
    facts = replace(school_facts(), tables=(), objects=(), works=())
    return replace(facts, **changes)


def cancelled_facts(**changes: Any) -> Facts:
    facts = failed_facts(
        run=run_record(Phase.CANCELLED, finished_at=at(6.0)),
        failed_steps=(),
        failure={},
        phase_changes=(
            *phase_changes(Phase.COPYING, until=Phase.COPYING),
            PhaseChange(at(6.0), Phase.CANCELLED),
        ),
    )
    return replace(facts, **changes)


def many_facts(tables: int = 500) -> Facts:
    """More tables than anybody reads."""
    facts = school_facts()
    return replace(
        facts,
        tables=tuple(
            table_facts(f"table_{number:03}", (number * 7_919) % 90_000, number=number)
            for number in range(1, tables + 1)
        ),
        objects=(),
    )
