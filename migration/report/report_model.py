"""The report of a run, as it stands in report.json (docs/report.schema.json is made from these records).

Every text in a report is safe to print: no password, no control character. Sizes are bytes, durations seconds;
times are ISO 8601 with offset. `docs/report.schema.json` follows from this module (report_json_schema.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import UNSET, UnsetType

from migration.convoy_error import NextStep
from migration.finding_kinds import FindingWeight, VerdictPart
from migration.model import FindingKind, Mode, ObjectState, Phase, StorageClass
from migration.report.evidence_model import EvidenceReport
from migration.report.timeline_model import Timeline
from migration.report.verdict_model import Verdict
from migration.source_table_names import TableNames

REPORT_VERSION = 1
"""Grows when a field changes its meaning or goes away; new fields do not count."""


class Urgency(StrEnum):
    """How soon a recommendation matters."""

    MUST = "must"  # data or a promise is at stake
    SHOULD = "should"  # the target differs from the source until this is done
    MAY = "may"  # makes life better


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source of the run. `path` is as the user named it.

    The hash and size are of its snapshot; of the named file itself where that is a dump or compressed.
    """

    label: str
    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class TargetReport:
    """Where the rows went. `url` never holds a password; `name` is there where the target has one."""

    url: str
    schema: str
    server_version: str = ""
    name: str | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class TransformReport:
    """A named change of value, and how many loaded values it changed."""

    name: str
    values: int


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """The decision for one column, and why."""

    name: str
    declared: str
    target_type: str
    reason: str
    transforms: tuple[TransformReport, ...] = ()
    target: str = ""
    """The column's name in PostgreSQL."""
    widened: bool = False
    """The profile found values that the declared type cannot hold."""
    nulls: int | None = None
    stored: dict[StorageClass, int] = field(default_factory=dict)
    """What SQLite really stores: values by storage class."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """One table of one source. A dry-run loads nothing, so its `rows_loaded` is 0."""

    source: str
    name: str
    target: str
    """`schema.table`, without quotes."""
    rows_source: int
    rows_loaded: int
    rows_quarantined: int
    rows_target: int | None
    """Counted in PostgreSQL during validation; None where it was not."""
    bytes: int
    """Size of the values in the source."""
    seconds: float
    """Wall-clock time from the first to the last chunk."""
    digest_source: str | None
    digest_target: str | None
    equal: bool | None
    """None where it was not compared."""
    columns: tuple[ColumnReport, ...] = ()
    target_schema: str = ""
    target_table: str = ""
    conserved: bool | None = None
    """Whether rows_source = rows_loaded + rows_quarantined; None where nothing was to be loaded."""
    has_key: bool = True
    chunks: int = 0
    chunks_done: int = 0
    worker_seconds: float = 0.0
    """Time that all workers together spent on it."""
    schema_checked: int | None = None
    """Columns, keys, constraints, indexes and views that were compared; None where the schema was not."""


@dataclass(frozen=True, slots=True)
class ObjectReport:
    """A schema object: key, index, constraint, sequence, view, trigger ..."""

    kind: str
    name: str
    state: ObjectState
    reason: str = ""
    owner: str = ""
    """The table or source that it belongs to."""


@dataclass(frozen=True, slots=True)
class ObjectScore:
    """Objects of one kind by what became of them."""

    kind: str
    created: int
    changed: int
    skipped: int

    @property
    def total(self) -> int:
        """All objects of the kind."""
        return self.created + self.changed + self.skipped


@dataclass(frozen=True, slots=True)
class StubReport:
    """An object that did not come along. `draft` is PostgreSQL's SQL to be edited; empty where there is none."""

    kind: str
    name: str
    owner: str
    reason: str
    source_sql: str
    draft: str


@dataclass(frozen=True, slots=True)
class FindingReport:
    """One typed result of validation."""

    kind: FindingKind
    table: str
    message: str
    column: str | None = None
    key: str | None = None
    is_error: bool = True
    loss: str = ""
    """What `--accept` may sign for: the name of a loss, or `skipped:KIND`."""
    accepted_by: str = ""
    """Who has signed for it."""
    part: VerdictPart = VerdictPart.ROWS
    weight: FindingWeight = FindingWeight.DIFFERENCE
    """What it does to the exit status."""
    source: str = ""
    """Label of the source that it is about; empty where it is of none, or of all."""


@dataclass(frozen=True, slots=True)
class QuarantineSample:
    """One value that kept its row out. `original` is readable, `original_hex` exact; both are cut when long."""

    source: str
    table: str
    key: str
    column: str
    storage_class: str
    original: str
    original_hex: str
    original_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class QuarantineReport:
    """`total` counts rows, `values` the values that kept them out; `by_reason` counts values."""

    total: int = 0
    values: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    sample: tuple[QuarantineSample, ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """Time spent in one phase; a resumed run adds up."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """Rows and bytes for each second of the phase that moved or read them."""

    rows_per_s: float = 0.0
    bytes_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do next about something that the run showed. `commands` can be pasted as they stand."""

    urgency: Urgency
    title: str
    detail: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorReport:
    """An error as data; docs/errors.md lists the codes. The fields from `run` on say where, and are null elsewhere."""

    code: str
    message: str
    """The whole sentence, as `Report.error` has it."""
    what: str
    remedy: str
    details: str
    exit_status: int
    next_steps: tuple[NextStep, ...] = ()
    """Commands that the remedy names, such as a GRANT."""
    run: str | None = None
    phase: str | None = None
    step: int | None = None
    setting: str | None = None
    mapping: str | None = None
    source: str | None = None
    file: str | None = None
    process: str | None = None
    broker: str | None = None
    database: str | None = None
    server: str | None = None
    schema: str | None = None
    table: str | None = None
    chunk: int | None = None
    key: str | None = None
    column: str | None = None
    object_kind: str | None = None
    object: str | None = None


@dataclass(frozen=True, slots=True)
class DryRunReport:
    """What a migration would do. `ddl` is what PostgreSQL would be asked to run, in order."""

    estimated_seconds: float
    estimated_disk_bytes: int
    would_load: int
    would_quarantine: int
    chunks: int
    ddl: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedStep:
    """A unit of work that gave up."""

    phase: str
    table: str
    chunk: int | None
    attempts: int
    worker: str
    error: str
    source: str = ""
    """Label of the table's source."""


@dataclass(frozen=True, slots=True)
class OptionsReport:
    """The settings that explain the outcome."""

    tables: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    identifiers: str = "preserve"
    source_timezone: str = "UTC"
    if_exists: str = "refuse"
    on_conflict: str = "abort"
    drop_dependents: tuple[str, ...] = ()
    data_only: bool = False
    fire_triggers: bool = False
    ignore_version: bool = False
    schema_per_source: bool = False
    skip_validation: bool = False
    batch_rows: int | None = None
    chunk_rows: int | None = None
    workers: int = 0
    on_orphan: str = "not-valid"
    accept: tuple[str, ...] = ()
    accepted_by: str = ""
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All that there is to say about one run."""

    run_id: str
    status: Phase
    mode: Mode
    verdict: Verdict
    exit_status: int
    sources: tuple[SourceReport, ...]
    target: TargetReport
    tables: tuple[TableReport, ...]
    objects: tuple[ObjectReport, ...]
    findings: tuple[FindingReport, ...]
    quarantine: QuarantineReport
    phases: tuple[PhaseReport, ...]
    throughput: Throughput
    recommendations: tuple[Recommendation, ...]
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    seconds: float = 0.0
    findings_total: int = 0
    """`findings` is cut at a limit; this is not."""
    accepted: tuple[FindingReport, ...] = ()
    """What was lost or did not come along, and was signed for: it costs no status."""
    timeline: Timeline = field(default_factory=Timeline)
    options: OptionsReport = field(default_factory=OptionsReport)
    evidence: EvidenceReport = field(default_factory=EvidenceReport)
    retries: int = 0
    """Attempts beyond the first: crashed workers, lost connections."""
    error: str | None = None
    error_details: ErrorReport | None = None
    """The error of a failed run as data; null where it did not fail, or where an older Convoy kept the text alone."""
    failed_steps: tuple[FailedStep, ...] = ()
    dry_run: DryRunReport | None = None
    staging_schema: str = ""
    previous_schemas: tuple[str, ...] = ()
    """Schemas that keep the tables which the cutover replaced."""
    resume_command: str | None = None
    next_steps: tuple[NextStep, ...] = ()
    object_scores: tuple[ObjectScore, ...] = ()
    """What became of the objects of each kind, in order of first appearance."""
    stubs: tuple[StubReport, ...] = ()
    """What did not come along, with its SQL."""
    stubs_file: str = ""
    """Name of the file beside report.json that holds the stubs; empty where there are none."""
    report_version: int = REPORT_VERSION

    @property
    def table_names(self) -> TableNames:
        """How sentences name the tables."""
        return TableNames.among(source.label for source in self.sources)

    @property
    def rows_source(self) -> int:
        """Rows of all tables in the sources."""
        return sum(table.rows_source for table in self.tables)

    @property
    def rows_loaded(self) -> int:
        """Rows that were committed on the target."""
        return sum(table.rows_loaded for table in self.tables)

    @property
    def bytes(self) -> int:
        """Size of all values in the sources."""
        return sum(table.bytes for table in self.tables)
