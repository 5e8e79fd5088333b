"""Why rows are in quarantine, by table, column and reason, and what a mapping file would say to let them in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import func, select

from api.problem_documents import responses
from api.required_scopes import NEEDS_READ
from api.response_models import PREFIX
from api.run_location import KnownRun, RunCluster
from migration.ledger.ledger_tables import quarantine, sources, tables
from migration.report.quarantine_advice import advice_for
from migration.report.text_formatting import toml_name, toml_table
from migration.source_table_names import TableNames

router = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["results"])

MOST_GROUPS = 500


class QuarantineGroup(BaseModel):
    """Values of one column that were kept out for one reason, and what to do about them.

    `mapping` and `mapping_toml` give the column a type that holds such values, as `options.mapping` of a run and as
    lines of a mapping file; both are null where no type does, or where the tables are an application's.
    """

    source: str
    table: str
    column: str
    reason: str
    values: int
    title: str
    detail: str
    mapping: dict[str, Any] | None
    mapping_toml: str | None


class QuarantineGroups(BaseModel):
    """Most values first. `more` says that there are further groups."""

    groups: list[QuarantineGroup]
    more: bool


@router.get(
    "/quarantine-groups",
    responses=responses(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
    dependencies=[NEEDS_READ],
)
def quarantine_groups(run: KnownRun, cluster: RunCluster) -> QuarantineGroups:
    """Say why rows are in quarantine: for each column and reason how many values, and what lets them in."""
    values = func.count().label("values")
    statement = (
        select(
            sources.c.label.label("source"),
            tables.c.name.label("table"),
            quarantine.c.column,
            quarantine.c.reason,
            values,
        )
        .join(tables, tables.c.id == quarantine.c.table_id)
        .join(sources, sources.c.id == tables.c.source_id)
        .where(quarantine.c.run_id == run.id)
        .group_by(sources.c.id, tables.c.id, quarantine.c.column, quarantine.c.reason)
        .order_by(values.desc(), tables.c.id, quarantine.c.column, quarantine.c.reason)
        .limit(MOST_GROUPS + 1)
    )
    with cluster.engine().connect() as connection:
        found = [row._asdict() for row in connection.execute(statement)]
    can_map = not run.options.data_only
    return QuarantineGroups(
        groups=[_group(row, run.options.table_names, can_map=can_map) for row in found[:MOST_GROUPS]],
        more=len(found) > MOST_GROUPS,
    )


def _group(row: dict[str, Any], names: TableNames, *, can_map: bool) -> QuarantineGroup:
    advice = advice_for(row["reason"])
    table, column = row["table"], row["column"]
    # A row that is too large as a whole is kept out by no column.
    holds = advice.holds if can_map and column else ""
    label = names.label(row["source"])
    wanted: dict[str, Any] = {"tables": {table: {"columns": {column: {"type": holds}}}}}
    wanted = {"sources": {label: wanted}} if label else wanted
    lines = f'[{toml_table(label, table)}.columns.{toml_name(column)}]\ntype = "{holds}"'
    return QuarantineGroup(
        **row,
        title=advice.title,
        detail=advice.detail,
        mapping=wanted if holds else None,
        mapping_toml=lines if holds else None,
    )
