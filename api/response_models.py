"""What the API answers with. Sizes are bytes, durations seconds, times ISO 8601 with offset."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from migration.ledger.run_progress import RunProgress
from migration.ledger.run_records import RunRecord
from migration.ledger.table_progress import TableProgress, TableScope
from migration.model import FindingKind, Mode, Phase, StepState
from migration.ways_on import WayOn

PREFIX = "/api/v1/migration"


class Problem(BaseModel):
    """RFC 9457. `errors` names each wrong field of a request by a JSON pointer into its body.

    `code` is one of docs/errors.md; further members (`source`, `table` ...) say where; `next_steps` are the commands
    that `detail` names.
    """

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    next_steps: list[dict[str, str]]
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
    schema_per_source: bool
    """Each source has a schema of its own, by its label; `target_schema` counts for none then."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    links: Links
    target: str | None = None
    """Name of the target; only where targets have names."""

    @classmethod
    def of(cls, run: RunRecord, target: str | None) -> Run:
        """Return the line for a run of the ledger of a target; None: targets have no names."""
        named = {} if target is None else {"target": target}
        return cls(
            **named,
            run_id=run.id,
            mode=Mode(run.mode),
            status=run.phase,
            sources=[source.label for source in run.options.sources],
            target_schema=run.options.target_schema,
            schema_per_source=run.options.schema_per_source,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=run.error,
            links=links(run.id),
        )


class RunList(BaseModel):
    """The newest runs first. `next` is the path of those before; null on the last page."""

    runs: list[Run]
    next: str | None
    note: str | None = None
    """Which targets' ledgers do not answer, so that runs may be missing; only then."""

    @classmethod
    def of(cls, runs: list[Run], following: str | None, note: str | None) -> RunList:
        """Return a page; what is not to be said stays unset."""
        return cls(runs=runs, next=following, **({} if note is None else {"note": note}))


class Amount(BaseModel):
    """How much of something is done; of bytes, how much was read. The pace is that of the whole copy."""

    total: int
    done: int
    per_second: float


class RowAmount(Amount):
    """`done` were loaded (a dry-run: would be), as many `per_second`; `quarantined` were read, too, and kept apart."""

    quarantined: int


class QueueSizes(TypedDict):
    """Messages that nobody has taken yet: to producers, and to workers."""

    control: int
    copy: int


class TableStatus(BaseModel):
    """One table of a run; `percent` is by bytes, or by rows where it holds none. `rows_done` were loaded.

    Once both sides were compared, `rows_target` were read in the target, and `equal` is what came of it; null before.
    A table of a run that does nothing but compare is `done` then.
    """

    source: str
    name: str
    state: str
    percent: float
    rows_total: int
    rows_done: int
    rows_quarantined: int
    bytes_total: int
    bytes_done: int
    rows_target: int | None
    equal: bool | None


class Status(BaseModel):
    """A run at this moment.

    `percent` is of the whole run; `phase_percent` and `phase_eta_seconds` (`eta_seconds` is the same) are of the
    present phase, and null while nothing can be said: also where nobody is there to work. `rows` and `bytes` are of the
    copy. `workers` are the living ones that work on the run now; `producers_alive` and `workers_alive` count who is
    there for any run, `queue` the messages that nobody has taken, null where the broker is silent. `waits` are
    sentences on what takes longer than it should: who holds a chunk or a lock, and that nobody is there.
    """

    run_id: str
    mode: Mode
    sources: list[str]
    """Labels of what the run was asked to migrate, known before anything of it was read."""
    status: Phase
    phase: Phase
    resume_phase: Phase | None
    """Where a failed run stopped, and where `resume` goes on."""
    stopped_in: Phase | None
    """The phase that a failed or cancelled run was stopped in; null for others."""
    way_on: WayOn | None
    """What helps a run that has failed: `resume`, once the cause is repaired; `either` that or a new run; `start_over`,
    a new run like this one, because this one would fail again; `ask_anew`, a new run that is asked for otherwise."""
    given_up_at: datetime | None
    """When a failed run was cancelled: it keeps its end, and cannot be resumed."""
    finished: bool
    """Nothing more happens by itself: the run has ended, or it is held and waits for a cutover (`ready`)."""
    percent: float
    eta_seconds: float | None
    phase_percent: float | None
    phase_eta_seconds: float | None
    last_progress_at: datetime | None
    """When a step was last done, or a phase entered."""
    rows: RowAmount
    bytes: Amount
    chunks_total: int
    chunks_done: int
    workers: list[str]
    producers_alive: int
    workers_alive: int
    queue: QueueSizes | None
    waits: list[str]
    tables: list[TableStatus]
    tables_total: int
    tables_scope: TableScope
    """Which of them `tables` holds: all, those that have changed since the version that was asked for, or none."""
    version: str
    """For `?since=`, which asks for the tables that have changed after this answer."""
    findings: int
    quarantined: int
    error: str | None
    created_at: datetime
    started_at: datetime | None
    paused_at: datetime | None
    """When somebody paused it; null where it moves."""
    finished_at: datetime | None
    links: Links
    target: str | None = None
    """Name of the target; only where targets have names."""


def status_of(
    run: RunRecord, progress: RunProgress, queue: QueueSizes | None, target: str | None
) -> dict[str, Any]:
    """Return the status of a run, as JSON has it: thousands of tables are too many for models of pydantic."""
    status = Status(
        run_id=run.id,
        mode=Mode(run.mode),
        sources=[source.label for source in run.options.sources],
        status=progress.phase,
        phase=progress.phase,
        resume_phase=run.resume_phase,
        stopped_in=progress.stopped_in,
        way_on=progress.way_on,
        given_up_at=run.given_up_at,
        finished=progress.phase.is_end,
        percent=progress.percent,
        eta_seconds=progress.eta_seconds,
        phase_percent=progress.phase_percent,
        phase_eta_seconds=progress.eta_seconds,
        last_progress_at=progress.last_progress_at,
        rows=RowAmount(
            total=progress.rows_total,
            done=progress.rows_done,
            quarantined=progress.quarantined,
            per_second=progress.rows_per_s,
        ),
        bytes=Amount(total=progress.bytes_total, done=progress.bytes_done, per_second=progress.bytes_per_s),
        chunks_total=progress.chunks_total,
        chunks_done=progress.chunks_done,
        workers=list(progress.workers),
        producers_alive=progress.producers_alive,
        workers_alive=progress.workers_alive,
        queue=queue,
        waits=list(progress.waits),
        tables=[],
        tables_total=progress.tables_total,
        tables_scope=progress.tables_scope,
        version=progress.version,
        findings=progress.findings,
        quarantined=progress.quarantined,
        error=progress.error,
        created_at=run.created_at,
        started_at=run.started_at,
        paused_at=progress.paused_at,
        finished_at=run.finished_at,
        links=links(run.id),
    )
    if target is not None:
        status.target = target
    return status.model_dump(mode="json", exclude_unset=True) | {
        "tables": [_table(table) for table in progress.tables]
    }


def _table(table: TableProgress) -> dict[str, Any]:
    """Return a table as `TableStatus` describes it."""
    read = table.rows_done + table.rows_quarantined
    percent = _percent(table.bytes_done, table.bytes_total, read, table.rows_total)
    return {
        "source": table.source,
        "name": table.name,
        "state": table.state,
        "percent": 100.0 if table.state == StepState.DONE else percent,
        "rows_total": table.rows_total,
        "rows_done": table.rows_done,
        "rows_quarantined": table.rows_quarantined,
        "bytes_total": table.bytes_total,
        "bytes_done": table.bytes_done,
        "rows_target": table.rows_target,
        "equal": table.equal,
    }


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
    uncertain: int | None
    """Rows that may have been changed or not: the ledger's digest is by another version of Convoy or DuckDB."""
    shape: list[str]
    """Columns, indexes and the like that were added to the table or taken from it."""


class RolledBackObject(BaseModel):
    """A table, index or schema that the rollback touched."""

    kind: str
    name: str
    state: str
    reason: str
    owner: str = ""
    """The target schema, where each source has one of its own."""


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
    source: str
    """Label of the source that it is about; empty where it is of none, or of all."""


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
