"""What a user asks for, as it is kept with the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from migration.mapping_file_model import MappingFile, OnConflict, OnOrphan
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, Source
from migration.source_table_names import TableNames

MAX_BATCH_ROWS: Final = 1_000_000
MAX_CHUNK_ROWS: Final = 1_000_000_000
MAX_WORKERS: Final = 10_000
MAX_PATIENCE_SECONDS: Final = 31_536_000.0
"""A year: what is meant to be longer is a typing error."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the user asked for. Holds no password; stored in the ledger as JSON."""

    mode: Mode = Mode.MIGRATE
    sources: tuple[Source, ...] = ()
    target_schema: str = "public"
    schema_per_source: bool = False
    tables: tuple[str, ...] = ()
    """Empty: all."""
    exclude: tuple[str, ...] = ()
    catalog: str | None = None
    if_exists: IfExists = IfExists.REFUSE
    drop_dependents: tuple[str, ...] = ()
    """Kinds of objects of replaced tables that may stay behind where they cannot be carried over."""
    data_only: bool = False
    fire_triggers: bool = False
    """With `data_only`: the application's triggers that the role may not put to rest fire, instead of a refusal."""
    ignore_version: bool = False
    """Of the application, where source and target are not at the same."""
    on_conflict: OnConflict = OnConflict.ABORT
    identifiers: IdentifierPolicy = IdentifierPolicy.PRESERVE
    source_timezone: str = "UTC"
    batch_rows: int | None = None
    """None: chosen from the size of the rows."""
    chunk_rows: int | None = None
    """None: chosen from the size of the table and the number of workers."""
    workers: int = 2
    priority: int = 0
    """Steps of a run with a higher one are started first."""
    max_workers: int | None = None
    """At most so many workers at a time; None: as many as there are."""
    skip_validation: bool = False
    hold: bool = False
    """Stop before the cutover, proved, until somebody asks for it."""
    cutover_window: str = ""
    """Times of day between which a cutover may begin: ``22:00-05:00 Europe/Vienna``. Empty: always."""
    cutover_lock_timeout_seconds: float = 2.0
    """How long one try of a cutover or rollback waits for the locks of users, who queue behind it meanwhile."""
    cutover_patience_seconds: float = 600.0
    """How long a cutover that others are in the way of is tried again, until the run fails."""
    on_error: OnError = OnError.QUARANTINE
    on_orphan: OnOrphan = OnOrphan.NOT_VALID
    salvage: bool = False
    """Take what can still be read of a damaged source, and list the rest."""
    accept: tuple[str, ...] = ()
    """Losses that somebody signs for: `LOSS`, `TABLE.COLUMN:LOSS`, `LABEL.TABLE.COLUMN:LOSS`, `skipped:KIND`."""
    accepted_by: str = ""
    """Who signs."""
    ignore: tuple[str, ...] = ()
    """Kinds of findings about the schema that are wanted: reported, and without effect on verdict and exit status."""
    target: str = ""
    """URL of the target without its password, for messages and reports."""
    target_name: str = ""
    """What the target was called in MIGRATION_TARGETS_FILE when the run was asked for; empty: it has no name."""
    mapping: MappingFile | None = None
    """What `--mapping` holds."""
    app: str = ""
    """Name of the application's profile that was asked for; its mapping is part of `mapping`."""
    app_sha256: str = ""
    """Of the profile's file."""
    left_alone: tuple[str, ...] = ()
    """With `data_only`: tables that the profile leaves as they are in the target; `*` stands for any letters."""
    idempotency_key: str = ""
    """The API's Idempotency-Key header: a second request with the same key gets the same run."""
    idempotency_sha256: str = ""
    """Of the request that came with the key, which tells it from others whatever its sources have become since."""

    @property
    def table_names(self) -> TableNames:
        """How the tables of the run are named where people read of them."""
        return TableNames.among(source.label for source in self.sources)
