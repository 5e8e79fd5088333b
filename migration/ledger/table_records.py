"""What a run works on, as the ledger knows it: sources, and tables with their plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from migration.errors import InternalError
from migration.ledger.chunk_records import NewChunk
from migration.ledger.json_encoding import from_json, to_json
from migration.ledger.ledger_tables import (
    chunks,
    columns,
    sources,
    tables,
)
from migration.model import (
    ColumnProfile,
    TablePlan,
)
from migration.source_schema import SourceSchema, SourceTable

_VIEWS: Final = frozenset({"view", "materialized view"})
AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A source of a run with its snapshot, whose hash and size `sha256` and `bytes` are.

    `given_sha256` and `given_bytes` are those of the user's file where that is a dump or compressed, else None.
    """

    id: int
    label: str
    location: str
    snapshot: str
    sha256: str
    bytes: int
    schema: SourceSchema
    given_sha256: str | None = None
    given_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TableRecord:
    """A table of a run; `plan` is None until it is profiled."""

    id: int
    source_id: int
    name: str
    rows: int
    bytes: int
    plan: TablePlan | None


def staged_names(connection: Connection, run_id: str) -> set[str]:
    """Return the names of the tables and views that a run may have made in its staging schemas."""
    plans = [table.plan for table in read_tables(connection, run_id) if table.plan is not None]
    views = {item.name for plan in plans for item in plan.objects if item.kind in _VIEWS}
    return views | {plan.target_name for plan in plans}


def clear_contents(connection: Connection, run_id: str) -> None:
    """Forget the sources of a run and all below them, so that a snapshotting that broke off can be done again."""
    connection.execute(delete(sources).where(sources.c.run_id == run_id))


def add_source(connection: Connection, run_id: str, record: SourceRecord) -> int:
    """Write a source (its `id` is ignored) and return its id."""
    return int(
        connection.execute(
            insert(sources)
            .values(
                run_id=run_id,
                label=record.label,
                location=record.location,
                snapshot=record.snapshot,
                sha256=record.sha256,
                bytes=record.bytes,
                schema=to_json(record.schema),
                given_sha256=record.given_sha256,
                given_bytes=record.given_bytes,
            )
            .returning(sources.c.id)
        ).scalar_one()
    )


def add_table(
    connection: Connection, run_id: str, source_id: int, name: str, parts: Sequence[NewChunk]
) -> tuple[int, list[int]]:
    """Write a table with its chunks, if it has any; return the table's id and the chunks' ids."""
    table_id = connection.execute(
        insert(tables)
        .values(run_id=run_id, source_id=source_id, name=name, rows=sum(part.rows for part in parts))
        .returning(tables.c.id)
    ).scalar_one()
    if not parts:
        return int(table_id), []
    ids = connection.execute(
        insert(chunks).returning(chunks.c.id, sort_by_parameter_order=True),
        [
            {
                "run_id": run_id,
                "table_id": table_id,
                "position": position,
                "key_range": to_json(part.key_range),
                "rows": part.rows,
            }
            for position, part in enumerate(parts)
        ],
    )
    return int(table_id), list(ids.scalars())


def forget_table(connection: Connection, table_id: int) -> None:
    """Take a table out of its run, with its chunks and steps: it stays behind in the source."""
    connection.execute(delete(tables).where(tables.c.id == table_id))


def _source(row: AnyRow) -> SourceRecord:
    values = row._asdict()
    del values["run_id"]
    values["schema"] = from_json(SourceSchema, values["schema"])
    return SourceRecord(**values)


def read_sources(connection: Connection, run_id: str) -> list[SourceRecord]:
    """Return the sources of a run in the order in which they were named."""
    rows = connection.execute(select(sources).where(sources.c.run_id == run_id).order_by(sources.c.id))
    return [_source(row) for row in rows]


_TABLE_COLUMNS = (
    tables.c.id,
    tables.c.source_id,
    tables.c.name,
    tables.c.rows,
    tables.c.bytes,
    tables.c.plan,
)


def _table(row: AnyRow) -> TableRecord:
    values = row._asdict()
    values["plan"] = from_json(TablePlan, values["plan"]) if values["plan"] else None
    return TableRecord(**values)


def read_tables(connection: Connection, run_id: str) -> list[TableRecord]:
    """Return the tables of a run, in the order of their sources and names."""
    rows = connection.execute(
        select(*_TABLE_COLUMNS).where(tables.c.run_id == run_id).order_by(tables.c.source_id, tables.c.id)
    )
    return [_table(row) for row in rows]


_READ_TABLE = select(*_TABLE_COLUMNS).where(tables.c.id == bindparam("table_id"))


def read_table(connection: Connection, table_id: int) -> TableRecord:
    """Return one table."""
    return _table(connection.execute(_READ_TABLE, {"table_id": table_id}).one())


def planned(table: TableRecord) -> TablePlan:
    """Return the plan of a table that must have one by now.

    Raises:
        PermanentError: the table has not been planned.
    """
    if table.plan is None:
        raise InternalError("The table has no plan yet", table=table.name, remedy="Start a new run")
    return table.plan


class KnownSources:
    """Sources that a process has read, none of which changes once written.

    Parsing the schema of hundreds of tables for each step of one of them would cost more than the step.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._known: dict[int, tuple[SourceRecord, dict[str, SourceTable]]] = {}

    def source_of(self, connection: Connection, table: TableRecord) -> tuple[SourceRecord, SourceTable]:
        """Return the source of a table, and the table as SQLite declares it."""
        known = self._known.get(table.source_id)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            row = connection.execute(select(sources).where(sources.c.id == table.source_id)).one()
            source = _source(row)
            known = self._known[table.source_id] = (
                source,
                {item.name: item for item in source.schema.tables},
            )
        return known[0], known[1][table.name]


def read_profile(connection: Connection, table_id: int) -> dict[str, ColumnProfile]:
    """Return the merged profile of a table, by column."""
    rows = connection.execute(
        select(columns.c.name, columns.c.profile)
        .where(columns.c.table_id == table_id)
        .order_by(columns.c.position)
    )
    return {row.name: from_json(ColumnProfile, row.profile) for row in rows}


def save_plan(
    connection: Connection, table_id: int, plan: TablePlan, profile: Mapping[str, ColumnProfile]
) -> None:
    """Store the decisions for a table, and the size that its profile found."""
    connection.execute(
        update(tables)
        .where(tables.c.id == table_id)
        .values(plan=to_json(plan), bytes=sum(column.total_bytes for column in profile.values()))
    )
    connection.execute(delete(columns).where(columns.c.table_id == table_id))
    if plan.columns:
        connection.execute(
            insert(columns),
            [
                {
                    "table_id": table_id,
                    "name": column.name,
                    "position": position,
                    "declared_type": column.declared_type,
                    "target_name": column.target_name,
                    "target_type": column.target_type,
                    "reason": column.reason,
                    "profile": to_json(profile[column.name]),
                }
                for position, column in enumerate(plan.columns)
            ],
        )
