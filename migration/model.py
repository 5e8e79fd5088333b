"""The nouns of a migration, as frozen values that travel between processes.

They are encoded as JSON by `msgspec`, so every field is a plain value, an enum or another record.
Words are those of docs/architecture.md; units stand in the names.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from migration.errors import InternalError
from migration.finding_kinds import FindingKind as FindingKind  # noqa: PLC0414  # one of the nouns, with a table of its own
from migration.mapping_file_model import EpochUnit, Normalisation, OnOrphan


class Mode(StrEnum):
    """What a run is for."""

    MIGRATE = "migrate"
    DRY_RUN = "dry-run"  # everything but writing
    VALIDATE = "validate"  # compare a source with tables that already stand


class Phase(StrEnum):
    """Where a run is. The first seven follow each other; the others are ends. A hold puts ready before the cutover."""

    PENDING = "pending"  # in the ledger, no process has touched it
    SNAPSHOTTING = "snapshotting"  # sources are being frozen, described and split into chunks
    PROFILING = "profiling"  # every column is being read once
    COPYING = "copying"  # rows go into the staging schema
    INDEXING = "indexing"  # keys, indexes, constraints, sequences
    VALIDATING = "validating"  # digests of both sides
    CUTTING_OVER = "cutting_over"  # the one transaction that shows the tables to users
    COMPLETED = "completed"  # proved equal, nothing to report
    COMPLETED_WITH_FINDINGS = "completed_with_findings"  # done; quarantined rows or findings
    READY = "ready"  # held: proved, staged, and nothing is shown before somebody says so
    FAILED = "failed"  # stopped without proof; can be resumed
    CANCELLED = "cancelled"  # stopped by a user; staging removed
    ROLLED_BACK = "rolled_back"  # the cutover was reversed

    @property
    def is_end(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in _END_PHASES

    @property
    def can_go_on(self) -> bool:
        """Whether an ended run goes on when somebody says so, and needs what it has staged and frozen until then."""
        return self in _STANDING_STILL


_STANDING_STILL = frozenset({Phase.FAILED, Phase.READY})
_END_PHASES = _STANDING_STILL | frozenset(
    {
        Phase.COMPLETED,
        Phase.COMPLETED_WITH_FINDINGS,
        Phase.CANCELLED,
        Phase.ROLLED_BACK,
    }
)


class StepState(StrEnum):
    """State of one unit of work in the ledger."""

    PENDING = "pending"  # nobody has started it, or it waits to be tried again
    RUNNING = "running"  # claimed; its worker lives as long as it holds the row lock
    DONE = "done"  # committed together with its work
    FAILED = "failed"  # gave up after the last attempt, or can never succeed


class StorageClass(StrEnum):
    """What SQLite's typeof() says of a value."""

    NULL = "null"
    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BLOB = "blob"


class IdentifierPolicy(StrEnum):
    """What becomes of names on their way to PostgreSQL."""

    PRESERVE = "preserve"  # as they are, quoted
    LOWER = "lower"  # lower case, so that SQL needs no quotes
    SNAKE = "snake"  # UserId becomes user_id


class IfExists(StrEnum):
    """What to do when the target schema already holds a table of that name."""

    REFUSE = "refuse"
    REPLACE = "replace"  # the old one is kept for rollback
    MERGE = "merge"  # rows alone: those that are missing go in among those that stand


class OnError(StrEnum):
    """What to do with a value that cannot be stored faithfully."""

    QUARANTINE = "quarantine"  # its row is kept in the ledger, the rest goes on
    ABORT = "abort"  # the run fails at once


class ValueKind(StrEnum):
    """How a value travels and is compared: its Arrow type on both sides (value_conversion/value_kinds.py)."""

    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    NUMERIC = "numeric"  # Arrow string, plain decimal notation
    TEXT = "text"
    BYTES = "bytes"
    BOOL = "bool"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    JSON = "json"  # Arrow string
    UUID = "uuid"  # Arrow string, as PostgreSQL writes it


class ObjectState(StrEnum):
    """What became of a schema object."""

    CREATED = "created"
    CHANGED = "changed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Source:
    """A SQLite database as the user named it. `location` is a path or URL."""

    label: str
    location: str
    is_followed: bool = field(default=False, compare=False)
    """Whether the path was followed to its end by who allowed it: a link in it is one that was put there since."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Rows with `after` < key <= `upto`, in the order of the key; None is open.

    `columns` are the key's names in the source: the rowid's name alone, or the primary key of a WITHOUT ROWID table.
    Bounds are SQL literals as SQLite's quote() writes them, one for each column.
    `columns` is empty for the whole of a table that has no key to step through.
    """

    columns: tuple[str, ...] = ()
    after: tuple[str, ...] | None = None
    upto: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What a full read of a column found. Profiles of chunks add up to that of the table.

    `accepted` counts, by storage class, the values that the declared type's own rule can convert, less than all as
    soon as one value speaks against that type (`mapping.accept`); `accepted_wider` those that the next wider type
    takes, where there is one (`mapping.decide.wider`).
    """

    counts: dict[StorageClass, int] = field(default_factory=dict)
    int_min: int | None = None
    int_max: int | None = None
    real_nonfinite: int = 0
    real_min: float | None = None
    real_max: float | None = None
    """Of the finite reals."""
    longest_chars: int = 0
    longest_bytes: int = 0
    total_bytes: int = 0
    empty_texts: int = 0
    nul_texts: int = 0
    bad_utf8_texts: int = 0
    accepted: dict[StorageClass, int] = field(default_factory=dict)
    accepted_wider: dict[StorageClass, int] = field(default_factory=dict)
    examples: dict[StorageClass, str] = field(default_factory=dict)
    documents_losing: int = 0
    """Of the texts of a JSON column: those of which jsonb would not keep all; what a batch repeats counts once."""
    uuid_shapes: dict[str, int] = field(default_factory=dict)
    """What texts and blobs look like as UUIDs (`value_conversion.uuid_shapes`), with how many do."""
    whole_days: dict[EpochUnit, int] = field(default_factory=dict)
    """Of a column of times: how many integers are midnights in a unit, or no entry where one is none."""
    texts_to_null: int = 0
    """Of the texts: those that a normalisation turns to NULL. All else is said of texts as normalised."""

    def count(self, storage_class: StorageClass) -> int:
        """Return how many values have this storage class."""
        return self.counts.get(storage_class, 0)

    @property
    def classes(self) -> tuple[StorageClass, ...]:
        """The storage classes present, NULL aside, in the order of the enum."""
        return tuple(c for c in StorageClass if c is not StorageClass.NULL and self.count(c))


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """The decision for one column: type, rule for each storage class, and why."""

    name: str
    target_name: str
    declared_type: str
    target_type: str
    """As it stands in DDL: `varchar(40)`."""
    kind: ValueKind
    rules: dict[StorageClass, str]
    """Storage class → name of the rule in value_conversion/rules; a class that is missing is quarantined."""
    reason: str
    not_null: bool = False
    default_sql: str | None = None
    """Translated to PostgreSQL."""
    identity: bool = False
    generated_sql: str | None = None
    """Translated; set where PostgreSQL computes the column itself, so that it is not copied."""
    normalise: tuple[Normalisation, ...] = ()
    """Changes of texts that are made before a rule sees them."""
    nul_replacement: str | None = None
    """Takes the place of NUL characters, before all else; None: the rule decides."""
    source_timezone: str | None = None
    """None: that of the run."""
    time_example: str = ""
    """A text of a column of texts that becomes one of times or UUIDs: how such a column spells them."""
    cast_to: str = ""
    """The type of a standing column that only the server knows; its values travel as text and are cast on arrival."""
    computed_there: bool = False
    """The standing table computes it: the source's values are staged, and compared with what it has computed."""


@dataclass(frozen=True, slots=True)
class TargetObject:
    """A key, index, constraint or sequence to build after the rows are in.

    `stage` orders the building: 1 keys, indexes, checks, sequences; 2 foreign keys; 3 views.
    `sql` holds ``{schema}``, which stands for the quoted schema that the tables are in at that time.
    `fallback_sql` is tried when `sql` fails (foreign key: NOT VALID); `reason` says how it differs from the source.
    """

    kind: str
    name: str
    table: str
    stage: int
    sql: str
    fallback_sql: str | None = None
    state: ObjectState = ObjectState.CREATED
    reason: str = ""
    source_sql: str = ""
    """How the source writes it; goes into the stub where it cannot be built."""
    fallback_reason: str = ""
    """Why nothing better could be done than the fallback, where the user asked for more."""
    index_sql: str = ""
    """Of a key: builds its index alone, while other indexes of the table are built; then `adopt_sql` is all of `sql`
    that is left to do."""
    adopt_sql: str = ""


@dataclass(frozen=True, slots=True)
class TablePlan:
    """The decision for one table. `target_name` is unquoted."""

    source_label: str
    name: str
    target_schema: str
    target_name: str
    columns: tuple[ColumnPlan, ...]
    create_sql: str
    """CREATE TABLE with ``{schema}`` for the quoted schema; no keys, no indexes."""
    objects: tuple[TargetObject, ...] = ()
    key: tuple[str, ...] = ()
    """Source names of the columns that identify a row on both sides; empty where none do."""

    @property
    def copied_columns(self) -> tuple[ColumnPlan, ...]:
        """The columns that travel; PostgreSQL computes the others."""
        return tuple(c for c in self.columns if c.generated_sql is None)

    @property
    def texts_to_assign(self) -> frozenset[str]:
        """Names in the target of the columns that travel as texts to a type that only the server knows."""
        return frozenset(c.target_name for c in self.copied_columns if c.cast_to)


@dataclass(frozen=True, slots=True)
class ObjectResult:
    """A line of the report about a schema object.

    `owner` is the table or the source that it belongs to: names repeat between these.
    """

    kind: str
    name: str
    state: ObjectState
    reason: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A value that keeps its row out of the target: goes to the quarantine.

    `key` identifies the row in the source (rowid, or primary key values; blobs as hexadecimal text).
    """

    key: tuple[int | float | str | None, ...]
    column: str
    storage_class: StorageClass
    original: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Orphans:
    """Rows of a chunk to which one foreign key finds no parent, and what becomes of them.

    `keys` identify the rows as those of a `Rejection` do. `reason`: why they leave, if not for the source's own key.
    """

    columns: tuple[str, ...]
    parent: str
    action: OnOrphan
    keys: tuple[tuple[int | float | str | None, ...], ...]
    reason: str = ""


UNKNOWN_ALGORITHM: Final = ""
"""Of a digest from a ledger that did not say how it was computed, or whose parts were computed in different ways."""


@dataclass(frozen=True, slots=True, eq=False)
class Digest:
    """Row count and order-independent checksum: 128 bits as 32 hexadecimal digits.

    Digests of parts add up (`validation.row_digest.combine`) to the digest of the whole, in any order.
    """

    rows: int
    checksum: str
    algorithm: str
    """As `validation.row_hashing.algorithm_name` names it."""

    def is_comparable_with(self, other: Digest) -> bool:
        """Whether equality of both says anything: they are of one known algorithm, or one of them is of no rows."""
        if not (self.rows and other.rows):
            return True
        return self.algorithm == other.algorithm != UNKNOWN_ALGORITHM

    def __eq__(self, other: object) -> bool:
        """Tell whether the rows are the same.

        Raises:
            InternalError: they are of different algorithms, so that nothing could be told.
        """
        if not isinstance(other, Digest):
            return NotImplemented
        if not self.is_comparable_with(other):
            raise InternalError(
                f"Digests by {self.algorithm or 'an unknown algorithm'} and by"
                f" {other.algorithm or 'an unknown algorithm'} were compared",
                remedy="Report this as a bug; nothing was put in place",
            )
        return (self.rows, self.checksum) == (other.rows, other.checksum)

    def __hash__(self) -> int:
        """Return the same for digests that are equal."""
        return hash((self.rows, self.checksum))


@dataclass(frozen=True, slots=True)
class Finding:
    """One typed result of validation."""

    kind: FindingKind
    table: str
    message: str
    column: str | None = None
    key: str | None = None
    is_error: bool = True
    """Errors stop a run before cutover; of the others, `finding_kinds` says what they do to the exit status."""
    loss: str = ""
    """What `--accept` may sign for: the name of a loss, or `skipped:KIND`; empty where nothing may."""
    accepted_by: str = ""
    """Who has signed for it; such a finding is kept and costs no status."""
    source: str = ""
    """Label of the source that it is about; empty where it is of none, or of all."""

    def of(self, source: str) -> Finding:
        """Return it as one about a source. Tables of one name may stand in several."""
        return replace(self, source=source)
