"""What the API takes. Unknown fields are refused, so that a misspelled option is never silently ignored."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from migration.mapping_file.mapping_file_reader import read_mapping
from migration.mapping_file_model import MappingFile, OnOrphan
from migration.model import IdentifierPolicy, IfExists, Mode, OnError, RunOptions, Source

MAX_SOURCES = 100
MAX_NAME_BYTES = 63
"""PostgreSQL cuts longer names (documentation, section 4.1.1)."""

NUL = "\0"


@lru_cache(maxsize=1)
def _timezones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_timezone(name: str) -> str:
    if name not in _timezones():
        raise ValueError("is no time zone of the IANA database, such as Europe/Vienna")
    return name


def _schema_name(name: str) -> str:
    if NUL in name or len(name.encode()) > MAX_NAME_BYTES:
        raise ValueError(f"must be a schema name of {MAX_NAME_BYTES} bytes at most")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LabelledSource(_Strict):
    """A SQLite database below the server's source root, with a label of its own."""

    path: Annotated[str, Field(min_length=1, max_length=4096, examples=["school/math.db"])]
    label: Annotated[str, Field(min_length=1, max_length=200, examples=["math"])] | None = None


TableNames = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=10_000)]


class Options(_Strict):
    """How to migrate; the command line has the same names."""

    target_schema: Annotated[str, Field(min_length=1), AfterValidator(_schema_name)] = "public"
    schema_per_source: bool = False
    tables: TableNames = ()
    """Only these tables; empty: all."""
    exclude: TableNames = ()
    catalog: Literal["educational"] | None = None
    """Only the tables of this catalog."""
    if_exists: IfExists = IfExists.REFUSE
    data_only: bool = False
    """Load rows into tables that the application has made already; make none."""
    identifiers: IdentifierPolicy = IdentifierPolicy.PRESERVE
    source_timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"
    """Zone of dates and times that name none."""
    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Rows in memory at once; null: chosen from the size of the rows."""
    chunk_rows: Annotated[int, Field(ge=1)] | None = None
    """Rows of one task; null: chosen from the table's size."""
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Steps of a run with a higher one are started first."""
    max_workers: Annotated[int, Field(ge=1)] | None = None
    """At most so many workers at a time; null: as many as there are."""
    skip_validation: bool = False
    mapping: (
        Annotated[dict[str, Any], Field(examples=[{"tables": {"orders": {"rename": "sale"}}}])] | None
    ) = None
    """What a mapping file of the command line holds, as JSON (docs/mapping.md)."""
    on_error: OnError = OnError.QUARANTINE
    """A value that cannot be stored: keep its row apart, or stop at once."""
    on_orphan: OnOrphan = OnOrphan.NOT_VALID
    """A row whose foreign key points at no row: keep it and leave the constraint NOT VALID, keep the row apart, or set
    the reference to NULL."""
    salvage: bool = False
    """Of a damaged source, take what can be read and list the rest."""


class RunRequest(_Strict):
    """One or more sources for the server's one target, and how to migrate them."""

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

    sources: Annotated[tuple[str | LabelledSource, ...], Field(min_length=1, max_length=MAX_SOURCES)]
    options: Options = Options()

    def wanted_sources(self) -> list[tuple[str, str | None]]:
        """Return (location, label) of each source."""
        return [(s, None) if isinstance(s, str) else (s.path, s.label) for s in self.sources]

    def run_options(
        self, mode: Mode, sources: tuple[Source, ...], target: str, idempotency_key: str
    ) -> RunOptions:
        """Return the request as the ledger keeps it; `target` is a URL without password.

        Raises:
            UsageError: the mapping asks for something that does not exist.
        """
        asked = self.options
        return RunOptions(
            mode=mode,
            sources=sources,
            target_schema=asked.target_schema,
            schema_per_source=asked.schema_per_source,
            tables=asked.tables,
            exclude=asked.exclude,
            catalog=asked.catalog,
            if_exists=asked.if_exists,
            data_only=asked.data_only,
            identifiers=asked.identifiers,
            source_timezone=asked.source_timezone,
            batch_rows=asked.batch_size,
            chunk_rows=asked.chunk_rows,
            priority=asked.priority,
            max_workers=asked.max_workers,
            skip_validation=asked.skip_validation,
            mapping=None if asked.mapping is None else _mapping(asked.mapping),
            on_error=asked.on_error,
            on_orphan=asked.on_orphan,
            salvage=asked.salvage,
            target=target,
            idempotency_key=idempotency_key,
        )


def _mapping(document: dict[str, Any]) -> MappingFile:
    encoded = msgspec.json.encode(document, order="sorted")
    return replace(read_mapping(document, "mapping"), sha256=hashlib.sha256(encoded).hexdigest())


class RollbackRequest(_Strict):
    """How to roll back; the body may be left out."""

    force: bool = False
    """Go on where rows came since the cutover; the run's tables are kept in a schema of their own."""
