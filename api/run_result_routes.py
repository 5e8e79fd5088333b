"""Routes that page through what a run found. Pages follow the ledger's ids, so a page never shifts."""

from __future__ import annotations

from base64 import b64encode
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from sqlalchemy import Connection, Table, func, select

from api.problem_documents import responses
from api.request_border import MAX_BIGINT, BorderText
from api.required_scopes import NEEDS_READ
from api.response_models import (
    PREFIX,
    FindingLine,
    FindingPage,
    QuarantineLine,
    QuarantinePage,
    links,
)
from api.run_location import KnownRun, RunCluster
from migration.ledger.ledger_tables import findings, quarantine, sources, tables

router = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["results"])

MAX_ORIGINAL_BYTES = 4_096
"""A quarantined value may be as large as SQLite allows (1 GB); a page holds its beginning."""

Limit = Annotated[int, Query(ge=1, le=1_000, description="Entries of a page.")]
After = Annotated[
    int, Query(ge=0, le=MAX_BIGINT, description="Entries after this id; `next` of a page has it.")
]

_READ = responses(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)


Exactly = Annotated[BorderText | None, Query(max_length=10_000)]


def _next(path: str, ids: list[int], limit: int, **filters: str | None) -> str | None:
    """Return the path of the page after these ids, of which one more than `limit` was asked for."""
    if len(ids) <= limit:
        return None
    given = {name: value for name, value in filters.items() if value is not None}
    return f"{path}?{urlencode({'limit': limit, 'after': ids[limit - 1], **given})}"


def _count(connection: Connection, table: Table, run_id: str) -> int:
    return int(connection.execute(select(func.count()).where(table.c.run_id == run_id)).scalar_one())


@router.get("/findings", responses=_READ, dependencies=[NEEDS_READ])
def read_findings(run: KnownRun, cluster: RunCluster, limit: Limit = 100, after: After = 0) -> FindingPage:
    """Page through the findings of a run."""
    statement = (
        select(findings)
        .where(findings.c.run_id == run.id, findings.c.id > after)
        .order_by(findings.c.id)
        .limit(limit + 1)
    )
    with cluster.engine().connect() as connection:
        found = [row._asdict() for row in connection.execute(statement)]
        total = _count(connection, findings, run.id)
    return FindingPage(
        total=total,
        findings=[FindingLine(**row) for row in found[:limit]],
        next=_next(links(run.id).findings, [row["id"] for row in found], limit),
    )


@router.get("/quarantine", responses=_READ, dependencies=[NEEDS_READ])
def read_quarantine(
    run: KnownRun,
    cluster: RunCluster,
    limit: Limit = 100,
    after: After = 0,
    source: Exactly = None,
    table: Exactly = None,
    column: Exactly = None,
    reason: Exactly = None,
) -> QuarantinePage:
    """Page through the values that kept rows out of the target, with their original bytes.

    `total` counts all values of the run; `source`, `table`, `column` and `reason` say which are listed.
    """
    wanted = {
        sources.c.label: source,
        tables.c.name: table,
        quarantine.c.column: column,
        quarantine.c.reason: reason,
    }
    statement = (
        select(
            quarantine.c.id,
            sources.c.label.label("source"),
            tables.c.name.label("table"),
            quarantine.c.key,
            quarantine.c.column,
            quarantine.c.storage_class,
            quarantine.c.reason,
            func.substr(quarantine.c.original, 1, MAX_ORIGINAL_BYTES).label("head"),
            func.octet_length(quarantine.c.original).label("original_bytes"),
        )
        .join(tables, tables.c.id == quarantine.c.table_id)
        .join(sources, sources.c.id == tables.c.source_id)
        .where(
            quarantine.c.run_id == run.id,
            quarantine.c.id > after,
            *(field == value for field, value in wanted.items() if value is not None),
        )
        .order_by(quarantine.c.id)
        .limit(limit + 1)
    )
    with cluster.engine().connect() as connection:
        found = [row._asdict() for row in connection.execute(statement)]
        total = _count(connection, quarantine, run.id)
    return QuarantinePage(
        total=total,
        values=[_line(row) for row in found[:limit]],
        next=_next(
            links(run.id).quarantine,
            [row["id"] for row in found],
            limit,
            source=source,
            table=table,
            column=column,
            reason=reason,
        ),
    )


def _line(row: dict[str, Any]) -> QuarantineLine:
    head = bytes(row.pop("head"))
    return QuarantineLine(
        **row,
        original_base64=b64encode(head).decode(),
        truncated=len(head) < row["original_bytes"],
    )
