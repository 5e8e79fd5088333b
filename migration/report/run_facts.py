"""What is known about a run, before anything is said about it (run_facts_reader.py fills it)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from migration.ledger.run_acts import ActRecord
from migration.ledger.run_records import RunRecord
from migration.model import ColumnProfile, TablePlan
from migration.report.run_timeline import PhaseChange, Work
from migration.source_schema import SourceSchema, SourceTable


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A row of convoy.tables with what its chunks, steps and columns add up to."""

    id: int
    source: str
    name: str
    rows: int
    bytes: int
    plan: TablePlan | None
    rows_target: int | None
    digest_source: str | None
    digest_target: str | None
    equal: bool | None
    declared: SourceTable | None
    rows_loaded: int = 0
    rows_quarantined: int = 0
    chunks: int = 0
    chunks_done: int = 0
    worker_seconds: float = 0.0
    seconds: float = 0.0
    schema_checked: int | None = None
    profiles: dict[str, ColumnProfile] = field(default_factory=dict)
    transforms: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ForeignKeyFacts:
    """A foreign key that PostgreSQL has not validated, from pg_constraint."""

    name: str
    schema: str
    table: str
    columns: tuple[str, ...]
    parent_schema: str
    parent: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a report is made from; rows are as the ledger holds them."""

    run: RunRecord
    now: datetime
    server_version: str
    sources: tuple[Row[Any], ...]
    tables: tuple[TableFacts, ...]
    objects: tuple[Row[Any], ...]
    findings: tuple[Row[Any], ...]
    findings_total: int
    """Of those that nobody has signed for."""
    quarantined_values: int
    quarantine_reasons: dict[str, int]
    quarantine_sample: tuple[Row[Any], ...]
    phase_changes: tuple[PhaseChange, ...]
    works: tuple[Work, ...]
    failed_steps: tuple[Row[Any], ...]
    retries: int
    failure: dict[str, Any]
    """Data of the last event `failed`; empty where there is none."""
    estimate: dict[str, Any]
    """Data of the event `dry_run`, where the run wrote one."""
    unvalidated: tuple[ForeignKeyFacts, ...]
    previous: dict[str, int]
    """Schema that keeps replaced tables → how many stand in it now; none where that is zero."""
    accepted: tuple[Row[Any], ...] = ()
    """Findings that somebody has signed for."""
    finding_counts: dict[str, int] = field(default_factory=dict)
    """Findings by kind, without those that are signed for; empty: those of `findings` are all."""
    schemas: dict[str, SourceSchema] = field(default_factory=dict)
    """What each source declares, by its label."""
    acts: tuple[ActRecord, ...] = ()
    system_identifier: str | None = None
    database: str = ""
