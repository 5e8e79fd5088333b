"""What the API takes. Unknown fields are refused, so that a misspelled option is never silently ignored."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from api.request_border import check_document, check_json_type
from migration.applications.profile_application import with_flags, with_profile
from migration.attached_object_kinds import DROPPABLE_KINDS
from migration.ignored_kinds import check_ignored
from migration.ledger.cutover_tries import CutoverTerms
from migration.ledger.cutover_window import parse_window
from migration.mapping_file.loss_signatures import read_signature
from migration.mapping_file.mapping_file_reader import read_mapping
from migration.mapping_file.stranger_default_check import check_stranger_defaults
from migration.mapping_file_model import MappingFile, OnConflict, OnOrphan
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, Source
from migration.run_options import (
    MAX_BATCH_ROWS,
    MAX_CHUNK_ROWS,
    MAX_PATIENCE_SECONDS,
    MAX_WORKERS,
    RunOptions,
)
from migration.schema_translation.request_refusals import as_member, refuse_by_name

MAX_SOURCES = 100
MAX_NAMES = 20_000
MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names (documentation, section 4.1.1)."""

NUL = "\0"


@lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _droppable(kind: str) -> str:
    if kind not in DROPPABLE_KINDS:
        raise ValueError("is no kind of object that --drop-dependents knows (docs/operations.md)")
    return kind


def _known_timezone(name: str) -> str:
    if name not in _timezones():
        raise ValueError("is no time zone of the IANA database, such as Europe/Vienna")
    return name


def _schema_name(name: str) -> str:
    if NUL in name or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"must be a schema name of {MAX_NAME_BYTES} bytes at most")
    return name


def _known_losses(entries: tuple[str, ...]) -> tuple[str, ...]:
    for entry in entries:
        read_signature(entry)
    return entries


DroppableKind = Annotated[str, Field(max_length=100), AfterValidator(_droppable)]


def _window(written: str) -> str:
    return str(parse_window(written))


Window = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_window)]
LockTimeout = Annotated[float, Field(gt=0, le=60)]
Patience = Annotated[float, Field(ge=0, le=MAX_PATIENCE_SECONDS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_json_type(cls, value: Any, info: ValidationInfo) -> Any:
        check_json_type(value, cls.model_fields[info.field_name or ""].annotation)
        return value


class _Document(_Strict):
    """A whole body: its texts and numbers are looked at before anything else is (request_border.py)."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, document: Any) -> Any:
        check_document(document)
        return document


Location = Annotated[str, Field(min_length=1, max_length=4096, examples=["school/math.db"])]


class LabelledSource(_Strict):
    """A SQLite database below the server's source root, with a label of its own."""

    path: Location
    label: Annotated[str, Field(min_length=1, max_length=200, examples=["math"])] | None = None


TableNames = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=1_000)], ...], Field(max_length=MAX_NAMES)
]


class Options(_Strict):
    """How to migrate; the command line has the same names."""

    target_schema: Annotated[
        str, Field(min_length=1, max_length=MAX_NAME_BYTES), AfterValidator(_schema_name)
    ] = "public"
    schema_per_source: bool = False
    tables: TableNames = ()
    """Only these tables; empty: all."""
    exclude: TableNames = ()
    catalog: Literal["educational"] | None = None
    """Only the tables of this catalog."""
    if_exists: IfExists = IfExists.REFUSE
    on_conflict: OnConflict = OnConflict.ABORT
    """With if_exists merge: whose row counts where one of another content stands under its key."""
    drop_dependents: Annotated[tuple[DroppableKind, ...], Field(max_length=100)] = ()
    """Kinds of objects of replaced tables that may stay behind where they cannot be carried over."""
    data_only: bool = False
    """Load rows into tables that the application has made already; make none."""
    fire_triggers: bool = False
    """With data_only: triggers that the role may not put to rest fire, and each is a finding."""
    ignore_version: bool = False
    """With data_only: go on where the application's migrations in source and target are not the same."""
    identifiers: IdentifierPolicy = IdentifierPolicy.PRESERVE
    source_timezone: Annotated[str, Field(max_length=100), AfterValidator(_known_timezone)] = "UTC"
    """Zone of dates and times that name none."""
    batch_size: Annotated[int, Field(ge=1, le=MAX_BATCH_ROWS)] | None = None
    """Rows in memory at once; null: chosen from the size of the rows."""
    chunk_rows: Annotated[int, Field(ge=1, le=MAX_CHUNK_ROWS)] | None = None
    """Rows of one task; null: chosen from the table's size."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Steps of a run with a higher one are started first."""
    max_workers: Annotated[int, Field(ge=1, le=MAX_WORKERS)] | None = None
    """At most so many workers at a time; null: as many as there are."""
    skip_validation: bool = False
    accept: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=400)], ...], Field(max_length=1_000)
    ] = ()
    """Losses that you sign for: `LOSS`, `TABLE.COLUMN:LOSS`, `LABEL.TABLE.COLUMN:LOSS` of one source, or `skipped:KIND`
    of objects that do not come along."""
    accepted_by: Annotated[str, Field(max_length=200)] = ""
    """Who signs, for the report."""
    hold: bool = False
    """Stop before the cutover, staged and proved, until `POST .../cutover`."""
    cutover_window: Window | None = None
    """Begin the cutover only between these times of day, such as `22:00-05:00 Europe/Vienna`; without a zone: UTC."""
    cutover_lock_timeout: LockTimeout = RunOptions().cutover_lock_timeout_seconds
    """Seconds that one try waits for locks of others; pauses between tries are at least four times as long."""
    cutover_patience: Patience = RunOptions().cutover_patience_seconds
    """Seconds for which the cutover is tried in all."""
    mapping: (
        Annotated[dict[str, Any], Field(examples=[{"tables": {"orders": {"rename": "sale"}}}])] | None
    ) = None
    """What a mapping file of the command line holds, as JSON (docs/mapping.md)."""
    app: Annotated[str, Field(min_length=1, max_length=100, examples=["grafana"])] | None = None
    """Profile of an application (`migration-cli apps`); options that are given go before its own."""
    on_error: OnError = OnError.QUARANTINE
    """A value that cannot be stored: keep its row apart, or stop at once."""
    on_orphan: OnOrphan = OnOrphan.NOT_VALID
    """A row whose foreign key points at no row: keep it and leave the constraint NOT VALID, keep the row apart, or set
    the reference to NULL."""
    salvage: bool = False
    """Of a damaged source, take what can be read and list the rest."""
    ignore: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=100)], ...], Field(max_length=100)
    ] = ()
    """Kinds of findings about the schema that are wanted (docs/validation.md)."""


class CutoverRequest(_Document):
    """What replaces the options that the run was started with; what is left out stays."""

    cutover_window: Literal["always"] | Window | None = None
    """`always`: begin at once, whatever the run's own window is."""
    cutover_lock_timeout: LockTimeout | None = None
    cutover_patience: Patience | None = None

    def terms(self) -> CutoverTerms:
        """Return them as the ledger takes them."""
        window = "" if self.cutover_window == "always" else self.cutover_window
        return CutoverTerms(window, self.cutover_lock_timeout, self.cutover_patience)


class RunRequest(_Document):
    """One or more sources, how to migrate them, and into which of the server's targets."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"sources": ["chinook.sqlite"]},
                {
                    "sources": [{"label": "math", "path": "school/math.db"}, "school/reading.db"],
                    "options": {"schema_per_source": True, "if_exists": "replace"},
                },
            ]
        }
    )

    sources: Annotated[tuple[Location | LabelledSource, ...], Field(min_length=1, max_length=MAX_SOURCES)]
    options: Options = Options()
    target: Annotated[str, Field(min_length=1, max_length=4096, examples=["shop"])] | None = None
    """Name of a target in the server's MIGRATION_TARGETS_FILE, never a URL; null: the server's default target."""

    def wanted_sources(self) -> list[tuple[str, str | None]]:
        """Return (location, label) of each source."""
        return [(s, None) if isinstance(s, str) else (s.path, s.label) for s in self.sources]

    def run_options(
        self,
        mode: Mode,
        sources: tuple[Source, ...],
        target: str,
        target_name: str = "",
    ) -> RunOptions:
        """Return the request as the ledger keeps it; `target` is a URL without password, `target_name` its name.

        Raises:
            UsageError: the options contradict each other, or name what there cannot be.
        """
        asked = self.options
        flags = with_flags(asked.app, {}, asked.model_fields_set)
        asked = asked.model_copy(update=Options.model_validate(flags).model_dump(include=set(flags)))
        options = RunOptions(
            mode=mode,
            sources=sources,
            target_schema=asked.target_schema,
            schema_per_source=asked.schema_per_source,
            tables=asked.tables,
            exclude=asked.exclude,
            catalog=asked.catalog,
            if_exists=asked.if_exists,
            on_conflict=asked.on_conflict,
            drop_dependents=asked.drop_dependents,
            data_only=asked.data_only,
            fire_triggers=asked.fire_triggers,
            ignore_version=asked.ignore_version,
            identifiers=asked.identifiers,
            source_timezone=asked.source_timezone,
            batch_rows=asked.batch_size,
            chunk_rows=asked.chunk_rows,
            priority=asked.priority,
            max_workers=asked.max_workers,
            skip_validation=asked.skip_validation,
            accept=_known_losses(asked.accept),
            accepted_by=(asked.accepted_by or "a client of the API") if asked.accept else "",
            hold=asked.hold,
            cutover_window=asked.cutover_window or "",
            cutover_lock_timeout_seconds=asked.cutover_lock_timeout,
            cutover_patience_seconds=asked.cutover_patience,
            mapping=None if asked.mapping is None else _mapping(asked.mapping),
            on_error=asked.on_error,
            on_orphan=asked.on_orphan,
            salvage=asked.salvage,
            ignore=check_ignored("ignore", asked.ignore),
            target=target,
            target_name=target_name,
        )
        options = with_profile(options, asked.app)
        refuse_by_name(options, as_member)
        return options


def _mapping(document: dict[str, Any]) -> MappingFile:
    encoded = msgspec.json.encode(document, order="sorted")
    mapping = read_mapping(document, "mapping")
    check_stranger_defaults(mapping)
    return replace(mapping, sha256=hashlib.sha256(encoded).hexdigest())


class RollbackRequest(_Document):
    """How to roll back; the body may be left out."""

    force: bool = False
    """Go on where rows came since the cutover; the run's tables are kept in a schema of their own."""
