"""What a run works on, as the ledger knows it: sources, and tables with their plans."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Connection, Row, any_, bindparam, delete, func, insert, select, text

from migration.errors import InternalError
from migration.ledger.chunk_records import NewChunk
from migration.ledger.json_encoding import from_json, to_json
from migration.ledger.ledger_tables import (
    chunks,
    columns,
    sources,
    tables,
)
from migration.ledger.record_sets import insert_set, update_set
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
    source_version: str
    """Its source's run and snapshot: what tells the source from another one of the same id."""


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
    return add_tables(connection, run_id, source_id, {name: parts})[0]


def add_tables(
    connection: Connection, run_id: str, source_id: int, parts: Mapping[str, Sequence[NewChunk]]
) -> list[tuple[int, list[int]]]:
    """Write tables with their chunks, by name; return the id of each and the ids of its chunks, in their order."""
    table_ids = insert_set(
        connection,
        tables,
        [
            {
                "run_id": run_id,
                "source_id": source_id,
                "name": name,
                "rows": sum(part.rows for part in of_table),
            }
            for name, of_table in parts.items()
        ],
        returning="id",
    )
    chunk_ids = iter(
        insert_set(
            connection,
            chunks,
            [
                {
                    "run_id": run_id,
                    "table_id": table_id,
                    "position": position,
                    "key_range": to_json(part.key_range),
                    "rows": part.rows,
                }
                for table_id, of_table in zip(table_ids, parts.values(), strict=True)
                for position, part in enumerate(of_table)
            ],
            returning="id",
        )
    )
    return [
        (table_id, [next(chunk_ids) for _ in of_table])
        for table_id, of_table in zip(table_ids, parts.values(), strict=True)
    ]


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


# An id alone is not enough to remember anything by: a ledger that was restored gives the ids of later runs out again,
# to other runs, while processes go on.
_VERSION_OF_SOURCE = (
    select(func.concat_ws(" ", sources.c.run_id, sources.c.sha256, sources.c.snapshot))
    .where(sources.c.id == tables.c.source_id)
    .scalar_subquery()
    .label("source_version")
)
_TABLE_COLUMNS = (
    tables.c.id,
    tables.c.source_id,
    tables.c.name,
    tables.c.rows,
    tables.c.bytes,
    tables.c.plan,
    _VERSION_OF_SOURCE,
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


_READ_TABLES_OF = (
    select(*_TABLE_COLUMNS)
    .where(tables.c.id == any_(bindparam("table_ids", type_=ARRAY(BigInteger))))
    .order_by(tables.c.id)
)


def read_tables_of(connection: Connection, table_ids: Collection[int]) -> dict[int, TableRecord]:
    """Return tables by their ids."""
    rows = connection.execute(_READ_TABLES_OF, {"table_ids": sorted(table_ids)})
    return {row.id: _table(row) for row in rows}


_READ_VERSIONS = text(
    """
    SELECT t.id, hashtextextended(concat_ws(chr(10), t.run_id, t.name, s.sha256, s.snapshot, t.plan::text), 0)
    FROM convoy.tables t JOIN convoy.sources s ON s.id = t.source_id WHERE t.id = ANY(:table_ids)
    """
)


def read_table_versions(connection: Connection, table_ids: Collection[int]) -> dict[int, int]:
    """Return by their ids what tells a table from any other that had or will have its id: run, snapshot and plan."""
    rows = connection.execute(_READ_VERSIONS, {"table_ids": sorted(table_ids)})
    return {table_id: version for table_id, version in rows}  # noqa: C416 - rows are no pairs


def planned(table: TableRecord) -> TablePlan:
    """Return the plan of a table that must have one by now.

    Raises:
        PermanentError: the table has not been planned.
    """
    if table.plan is None:
        raise InternalError("The table has no plan yet", table=table.name, remedy="Start a new run")
    return table.plan


class KnownSources:
    """Sources that a process has read, none of which changes once written: known by their run and snapshot, too.

    Parsing the schema of hundreds of tables for each step of one of them would cost more than the step.
    """

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._known: dict[tuple[int, str], tuple[SourceRecord, dict[str, SourceTable]]] = {}

    def source_of(self, connection: Connection, table: TableRecord) -> tuple[SourceRecord, SourceTable]:
        """Return the source of a table, and the table as SQLite declares it."""
        key = (table.source_id, table.source_version)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            row = connection.execute(select(sources).where(sources.c.id == table.source_id)).one()
            source = _source(row)
            known = self._known[key] = (
                source,
                {item.name: item for item in source.schema.tables},
            )
        return known[0], known[1][table.name]


_READ_PROFILES = (
    select(columns.c.table_id, columns.c.name, columns.c.profile)
    .where(columns.c.table_id == any_(bindparam("table_ids", type_=ARRAY(BigInteger))))
    .order_by(columns.c.table_id, columns.c.position)
)


def read_profile(connection: Connection, table_id: int) -> dict[str, ColumnProfile]:
    """Return the merged profile of a table, by column."""
    return read_profiles(connection, [table_id])[table_id]


def read_profiles(connection: Connection, table_ids: Collection[int]) -> dict[int, dict[str, ColumnProfile]]:
    """Return the merged profiles of tables by their ids, each by column."""
    found: dict[int, dict[str, ColumnProfile]] = {table_id: {} for table_id in table_ids}
    for row in connection.execute(_READ_PROFILES, {"table_ids": sorted(table_ids)}):
        found[row.table_id][row.name] = from_json(ColumnProfile, row.profile)
    return found


_FORGET_COLUMNS = delete(columns).where(
    columns.c.table_id == any_(bindparam("table_ids", type_=ARRAY(BigInteger)))
)


def save_plans(
    connection: Connection, plans: Sequence[tuple[int, TablePlan, Mapping[str, ColumnProfile]]]
) -> None:
    """Store the decisions for tables (id, plan and profile of each), and the sizes that their profiles found."""
    update_set(
        connection,
        tables,
        [
            {
                "id": table_id,
                "plan": to_json(plan),
                "bytes": sum(column.total_bytes for column in profile.values()),
            }
            for table_id, plan, profile in plans
        ],
    )
    connection.execute(_FORGET_COLUMNS, {"table_ids": [table_id for table_id, _, _ in plans]})
    insert_set(
        connection,
        columns,
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
            for table_id, plan, profile in plans
            for position, column in enumerate(plan.columns)
        ],
    )
