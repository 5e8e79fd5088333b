"""Which databases lie below MIGRATION_SOURCE_ROOT, for forms that start a run."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.cluster_connections import ClusterDep
from api.problem_documents import ProblemError, responses
from api.request_border import BorderText
from api.required_scopes import NEEDS_READ
from api.source_inventory import FoundSource, take_inventory

router = APIRouter(prefix="/api/v1", tags=["sources"])


class SourceEntry(BaseModel):
    """A file below the source root; `path` is what `sources` of a run takes.

    `format` is `SQLite database`, `SQL dump`, `gzip` or `zstd`. `tables` are the first 50 names and `table_count`
    counts all; both are null where that takes more than a look (a dump, a damaged file). `has_wal` says that more may
    be in the write-ahead log, which a run reads as well.
    """

    path: str
    format: str
    bytes: int
    modified_at: datetime
    tables: list[str] | None
    table_count: int | None
    has_wal: bool

    @classmethod
    def of(cls, found: FoundSource) -> SourceEntry:
        """Return the entry for a file that was found."""
        return cls(
            path=found.path,
            format=found.form.value,
            bytes=found.bytes,
            modified_at=found.modified_at,
            tables=None if found.tables is None else list(found.tables),
            table_count=found.table_count,
            has_wal=found.has_wal,
        )


class SourceEntries(BaseModel):
    """By path. `note` says why there may be more, or what is left out as its name is no UTF-8; else null."""

    sources: list[SourceEntry]
    note: str | None


@router.get(
    "/sources",
    responses=responses(
        HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
    ),
    dependencies=[NEEDS_READ],
)
def sources(
    cluster: ClusterDep,
    limit: Annotated[int, Query(ge=1, le=500, description="At most so many databases.")] = 200,
    contains: Annotated[BorderText, Query(max_length=200, description="Part of the path, in any case.")] = "",
) -> SourceEntries:
    """List the databases below the server's source root, with size and tables."""
    root = cluster.settings.source_root
    if root is None:
        raise ProblemError(
            "sources-disabled",
            "This server reads no sources, because MIGRATION_SOURCE_ROOT is not set. Set it, and start the API anew.",
        )
    if not root.is_dir():
        raise ProblemError(
            "source-root-missing",
            "The folder of MIGRATION_SOURCE_ROOT is not there, or is no folder: make or mount it on the API's host.",
        )
    found = take_inventory(root, limit, contains)
    return SourceEntries(
        sources=[SourceEntry.of(source) for source in found.sources], note=found.note or None
    )
