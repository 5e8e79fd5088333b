"""What the API answers with. Sizes are bytes, durations seconds, times ISO 8601 with offset."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from migration.ledger.run_progress import RunProgress
from migration.ledger.run_records import RunRecord
from migration.model import FindingKind, Mode, Phase

PREFIX = "/api/v1/migration"


class Problem(BaseModel):
    """RFC 9457. `errors` names each wrong field of a request by a JSON pointer into its body.

    `code` is one of docs/errors.md, and further members (`source`, `table` ...) say where; `next_steps` are the
    commands that `detail` names.
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str | None = None
    next_steps: list[dict[str, str]] = []
    """Each has `purpose` and `command`."""


class Links(BaseModel):
    """Where to go on with a run."""

    status: str
    summary: str
    events: str
    findings: str
    quarantine: str
    cutover: str
    rollback: str
    cancel: str
    pause: str
    resume: str


def links(run_id: str) -> Links:
    """Return the paths of a run."""
    return Links(**{name: f"{PREFIX}/{run_id}/{name}" for name in Links.model_fields})


class Accepted(BaseModel):
    """A run is in the ledger. `note` says what was passed over in a folder, or that the queue could not be told."""

    run_id: str
    status: Phase
    links: Links
    note: str | None = None


class Run(BaseModel):
    """A line of the list of runs."""

    run_id: str
    mode: Mode
    status: Phase
    sources: list[str]
    target_schema: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    links: Links

    @classmethod
    def of(cls, run: RunRecord) -> Run:
        """Return the line for a run of the ledger."""
        return cls(
            run_id=run.id,
            mode=Mode(run.mode),
            status=run.phase,
            sources=[source.label for source in run.options.sources],
            target_schema=run.options.target_schema,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=run.error,
            links=links(run.id),
        )


class RunList(BaseModel):
    """The newest runs first."""

    runs: list[Run]


class Amount(BaseModel):
    """How much of something is copied."""

    total: int
    done: int
    per_second: float


class TableStatus(BaseModel):
    """One table of a run; `percent` is by bytes, or by rows where it holds none."""

    source: str
    name: str
    state: str
    percent: float
    rows_total: int
    rows_done: int
    bytes_total: int
    bytes_done: int


class Status(BaseModel):
    """A run at this moment.

    `percent` is of the whole run, `eta_seconds` of the present phase, and null while nothing can be said.
    `rows` and `bytes` are of the copy. `workers` are those that work on the run now, `waits` are sentences on what
    takes longer than it should: who holds a chunk, or a lock.
    """

    run_id: str
    mode: Mode
    status: Phase
    phase: Phase
    resume_phase: Phase | None
    """Where a failed run stopped, and where `resume` goes on."""
    finished: bool
    percent: float
    eta_seconds: float | None
    rows: Amount
    bytes: Amount
    chunks_total: int
    chunks_done: int
    workers: list[str]
    waits: list[str]
    tables: list[TableStatus]
    findings: int
    quarantined: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    paused_at: datetime | None
    """When somebody paused it; null where it moves."""
    finished_at: datetime | None
    links: Links


def status_of(run: RunRecord, progress: RunProgress) -> Status:
    """Return the status of a run."""
    return Status(
        run_id=run.id,
        mode=Mode(run.mode),
        status=progress.phase,
        phase=progress.phase,
        resume_phase=run.resume_phase,
        finished=progress.phase.is_end,
        percent=progress.percent,
        eta_seconds=progress.eta_seconds,
        rows=Amount(total=progress.rows_total, done=progress.rows_done, per_second=progress.rows_per_s),
        bytes=Amount(total=progress.bytes_total, done=progress.bytes_done, per_second=progress.bytes_per_s),
        chunks_total=progress.chunks_total,
        chunks_done=progress.chunks_done,
        workers=list(progress.workers),
        waits=list(progress.waits),
        tables=[
            TableStatus(
                source=table.source,
                name=table.name,
                state=table.state,
                percent=_percent(table.bytes_done, table.bytes_total, table.rows_done, table.rows_total)
                if table.state != "done"
                else 100.0,
                rows_total=table.rows_total,
                rows_done=table.rows_done,
                bytes_total=table.bytes_total,
                bytes_done=table.bytes_done,
            )
            for table in progress.tables
        ],
        findings=progress.findings,
        quarantined=progress.quarantined,
        error=progress.error,
        created_at=run.created_at,
        started_at=run.started_at,
        paused_at=progress.paused_at,
        finished_at=run.finished_at,
        links=links(run.id),
    )


def _percent(bytes_done: int, bytes_total: int, rows_done: int, rows_total: int) -> float:
    done, total = (bytes_done, bytes_total) if bytes_total else (rows_done, rows_total)
    return round(100 * done / total, 1) if total else 0.0


class RolledBack(BaseModel):
    """What a rollback put back or removed."""

    run_id: str
    status: Phase
    objects: list[RolledBackObject]
    written_since: list[WrittenTable]
    """What was written to the run's tables between the cutover and the rollback."""
    kept_schemas: list[str]
    """Schemas that keep the run's tables, where something was."""


class WrittenTable(BaseModel):
    """What was written to one table since the cutover; null stands for what nobody can tell.

    `added`, `changed` and `deleted` are exact, by key. Where the snapshot is gone, `written` counts rows that were
    inserted or changed, and `gone` those of the run that were changed or deleted.
    """

    table_schema: str
    table: str
    rows_then: int
    rows_now: int
    added: int | None
    changed: int | None
    deleted: int | None
    written: int | None
    gone: int | None
    is_least: bool
    shape: list[str]
    """Columns, indexes and the like that were added to the table or taken from it."""


class RolledBackObject(BaseModel):
    """A table, index or schema that the rollback touched."""

    kind: str
    name: str
    state: str
    reason: str


class FindingLine(BaseModel):
    """One typed result of validation."""

    id: int
    kind: FindingKind
    table: str
    column: str | None
    key: str | None
    message: str
    is_error: bool
    loss: str
    """What `accept` may sign for; empty where nothing may."""
    accepted_by: str | None
    """Who has signed for it: such a finding costs no status. Null: nobody."""


class FindingPage(BaseModel):
    """`next` is the path of the following page; null on the last one."""

    total: int
    findings: list[FindingLine]
    next: str | None


class QuarantineLine(BaseModel):
    """A value that kept its row out. `original_base64` holds its first bytes where it is `truncated`."""

    id: int
    source: str
    table: str
    key: list[Any]
    column: str
    storage_class: str
    reason: str
    original_base64: str
    original_bytes: int
    truncated: bool


class QuarantinePage(BaseModel):
    """`next` is the path of the following page; null on the last one."""

    total: int
    values: list[QuarantineLine]
    next: str | None
