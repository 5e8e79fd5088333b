"""Whole runs, as the report meets them: one that went well, and all the others."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from migration.error_record import error_record
from migration.full_disk_errors import DiskFullError
from migration.model import (
    Mode,
    ObjectState,
    Phase,
)
from migration.report.run_facts import Facts, ForeignKeyFacts
from migration.report.run_timeline import PhaseChange
from tests.unit.report.factories import (
    TABLE_ROWS,
    at,
    checksum,
    finding,
    options,
    phase_changes,
    run_record,
    sample,
    sources,
    table_facts,
    works,
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
                "lossy_value",
                "user_profiles",
                "3 values cannot be had back from the target (nul_stripped): the character NUL was taken out",
                "bio",
                loss="nul_stripped",
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


DISK_FULL = DiskFullError(
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
                source="school",
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
