"""The educational catalog: its 34 tables by app, and the schema of each on both sides.

`question` stands in two apps. Asked for without `?app=`, it is answered with 300 Multiple Choices and the
two addresses, so that a client never works with the wrong one by chance.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.problem_documents import ProblemError, responses
from api.required_scopes import NEEDS_READ
from api.response_models import PREFIX
from migration.catalog import APPS, CATALOG, CatalogColumn, CatalogTable, create_sql, find
from migration.column_types.column_decision import candidate
from migration.source_schema import SourceColumn, SourceTable, TableKind

router = APIRouter(prefix=PREFIX, tags=["catalog"])


class CatalogEntry(BaseModel):
    """A table of the catalog."""

    name: str
    description: str
    columns: int
    schema_path: str


class CatalogApp(BaseModel):
    """An application of the platform, which keeps its tables in a SQLite file of its own."""

    app: str
    tables: list[CatalogEntry]


class Catalog(BaseModel):
    """All tables, by app; a name may stand in more than one."""

    catalog: str = "educational"
    total: int
    apps: list[CatalogApp]


class SchemaColumn(BaseModel):
    """A column on both sides; `postgresql_type` is what its declaration asks for, before any row is read."""

    name: str
    sqlite_type: str
    postgresql_type: str
    reason: str
    not_null: bool
    default: str | None
    primary_key: bool
    references: str | None


class TableSchema(BaseModel):
    """A table of the catalog on both sides."""

    app: str
    name: str
    description: str
    columns: list[SchemaColumn]
    primary_key: list[str]
    unique: list[list[str]]
    create_sql: str


def _path(table: CatalogTable) -> str:
    ambiguous = len(find(table.name)) > 1
    return f"{PREFIX}/schema/{table.name}" + (f"?app={table.app}" if ambiguous else "")


@router.get("/tables", dependencies=[NEEDS_READ])
def tables() -> Catalog:
    """List the 34 tables of the catalog, by app."""
    return Catalog(
        total=len(CATALOG),
        apps=[
            CatalogApp(
                app=app,
                tables=[
                    CatalogEntry(
                        name=table.name,
                        description=table.description,
                        columns=len(table.columns),
                        schema_path=_path(table),
                    )
                    for table in CATALOG
                    if table.app == app
                ],
            )
            for app in APPS
        ],
    )


_CHOICES: dict[int | str, dict[str, Any]] = {
    300: {
        **responses(HTTPStatus.MULTIPLE_CHOICES)[300],
        "description": "Several apps have a table of this name: `choices` lists them",
    }
}


@router.get(
    "/schema/{table}", responses={**_CHOICES, **responses(HTTPStatus.NOT_FOUND)}, dependencies=[NEEDS_READ]
)
def schema(
    table: str, app: Annotated[str | None, Query(description="Which app's table: `question` has two.")] = None
) -> TableSchema:
    """Return the schema of a table of the catalog, with its SQLite and PostgreSQL types."""
    named = find(table)
    found = [entry for entry in named if app is None or entry.app == app.lower()]
    if not found:
        elsewhere = f" It belongs to {' and '.join(entry.app for entry in named)}." if named else ""
        raise ProblemError(
            "table-not-found",
            f"The catalog has no such table{' in this app' if app else ''}.{elsewhere} {PREFIX}/tables lists all.",
        )
    if len(found) > 1:
        raise ProblemError(
            "ambiguous-table",
            f"{len(found)} apps have a table of this name; add `?app=` with one of them.",
            {"choices": [{"app": entry.app, "path": _path(entry)} for entry in found]},
        )
    return _schema(found[0])


@lru_cache(maxsize=len(CATALOG))
def _schema(table: CatalogTable) -> TableSchema:
    source = _source_table(table)
    return TableSchema(
        app=table.app,
        name=table.name,
        description=table.description,
        columns=[
            _column(ours, theirs, source) for ours, theirs in zip(table.columns, source.columns, strict=True)
        ],
        primary_key=list(table.primary_key),
        unique=[list(columns) for columns in table.unique],
        create_sql=create_sql(table),
    )


def _source_table(table: CatalogTable) -> SourceTable:
    """Return the table as it would be found in a SQLite file."""
    single = table.primary_key[0] if len(table.primary_key) == 1 else None
    alias = next((c.name for c in table.columns if c.name == single and c.sqlite_type == "INTEGER"), None)
    return SourceTable(
        name=table.name,
        kind=TableKind.ORDINARY,
        columns=tuple(
            SourceColumn(
                name=column.name,
                declared_type=column.sqlite_type,
                position=position,
                not_null=column.not_null,
                default_sql=column.default_sql,
                pk_position=table.primary_key.index(column.name) + 1
                if column.name in table.primary_key
                else 0,
            )
            for position, column in enumerate(table.columns)
        ),
        rowid_name=alias or "rowid",
        rowid_alias=alias,
    )


def _column(column: CatalogColumn, declared: SourceColumn, table: SourceTable) -> SchemaColumn:
    plan = candidate(declared, table)
    parent = column.references
    return SchemaColumn(
        name=column.name,
        sqlite_type=column.sqlite_type,
        postgresql_type=plan.target_type,
        reason=plan.reason,
        not_null=column.not_null or declared.pk_position > 0,
        default=column.default_sql,
        primary_key=declared.pk_position > 0,
        references=f"{parent.app}.{parent.table}.{parent.column}" if parent else None,
    )
