"""A dry-run's questions to the server: what may be refused, or stands there already, is tried and undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeVar

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from migration.mapping_file_model import OnConflict
from migration.model import ColumnProfile, IfExists, TablePlan, TargetObject
from migration.run_options import RunOptions
from migration.schema_translation.postgres_limits import (
    entries_at_risk,
    may_refuse_entries,
    may_refuse_rows,
)
from migration.steps.refusal_tolerant_copy import RowStream, load_rows
from migration.target.application_tables.merge_count import MergeCount
from migration.target.application_tables.row_merge import check_overwriting, take_out
from migration.target.application_tables.row_transfer import RowTransfer
from migration.target.loading.index_and_constraint_creation import meets_limit, reason_of
from migration.target.pg_catalog.application_table_facts import ApplicationTable, read_application_tables
from migration.target.postgres_errors import translate
from migration.target.sql_statements import quoted, run_sql

REFUSED_OBJECTS: Final = "refused_objects"
"""Where the outcome of a step keeps the objects that `try_rows` found: kind, name and reason of each."""
MERGED_ROWS: Final = "merged_rows"
"""Where it keeps the rows that stand there already: as a `MergeCount`."""
_STANDING_INDEXES: Final = text(
    "SELECT i.relname AS name, pg_catalog.pg_get_indexdef(i.oid) AS definition"
    " FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid"
    " JOIN pg_catalog.pg_class c ON c.oid = x.indrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = :schema AND c.relname = :table ORDER BY 1"
)
S = TypeVar("S", bound=RowStream)


@dataclass(frozen=True, slots=True)
class RefusedObject:
    """A key or index that the values of a table are too long for, and the server's words."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Risks:
    """What is worth asking the server about one table.

    `objects` are built on the rows, and stay behind where they cannot be. `standing` are the indexes of a table that
    the application has made, as SQL that builds their like before the rows: there it is the rows that stay behind.
    Where rows are to be merged, `merges_into` is the table of the application.
    """

    plan: TablePlan
    objects: tuple[TargetObject, ...]
    standing: tuple[str, ...]
    merges_into: ApplicationTable | None = None
    writes_over: bool = False
    """Whether rows that stand there and differ take the source's values."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a dry-run has learnt from one chunk."""

    bytes_sent: int
    refused: list[RefusedObject]
    merged: MergeCount | None

    @property
    def outcome(self) -> dict[str, Any]:
        """What the step keeps of it."""
        kept: dict[str, Any] = {}
        if self.refused:
            kept[REFUSED_OBJECTS] = [[item.kind, item.name, item.reason] for item in self.refused]
        if self.merged is not None:
            kept[MERGED_ROWS] = asdict(self.merged)
        return kept


def find_risks(
    connection: Connection, plan: TablePlan, profiles: Mapping[str, ColumnProfile], options: RunOptions
) -> Risks | None:
    """Return what of a table may be too large for the server; None where nothing can be."""
    objects = entries_at_risk(plan, profiles)
    standing: tuple[str, ...] = ()
    if options.data_only and may_refuse_entries(plan.columns, profiles):
        named = {"schema": plan.target_schema, "table": plan.target_name}
        standing = tuple(
            f"CREATE INDEX {quoted(row.name)} ON {{table}} USING {row.definition.partition(' USING ')[2]}"
            for row in connection.execute(_STANDING_INDEXES, named)
        )
    merges_into = None
    if options.if_exists is IfExists.MERGE:
        found = read_application_tables(connection, plan.target_schema, [plan.target_name])
        merges_into = found.get(plan.target_name)
    if objects or standing or merges_into or may_refuse_rows(plan, profiles):
        return Risks(plan, objects, standing, merges_into, options.on_conflict is OnConflict.SOURCE)
    return None


def try_rows(
    connection: Connection, driver: psycopg.Connection[Any], schema: str, risks: Risks, read: Callable[[], S]
) -> tuple[S, Trial]:
    """Load a chunk into a table of a schema that is gone afterwards, and build on it what may not be built.

    Args:
        connection: in a transaction that the caller ends, and stays usable.
        driver: psycopg's connection below it.
        schema: a name that nobody else uses.
        risks: the table.
        read: begins to read the chunk, from its first row.

    Returns:
        The stream, read to its end; the bytes sent, the objects that the server refuses for a value's length, and the
        rows whose keys stand already.

    Raises:
        ConvoyError: the server refuses something other than a row or an index entry.
    """
    plan = risks.plan
    attempt = connection.begin_nested()
    try:
        run_sql(connection, f"CREATE SCHEMA {quoted(schema)}")
        run_sql(connection, plan.create_sql.replace("{schema}", quoted(schema)))
        for statement in risks.standing:
            _why_too_long(connection, statement.replace("{table}", quoted(schema, plan.target_name)))
        stream, bytes_sent = load_rows(connection, driver, schema, plan, read)
        refused = [
            RefusedObject(item.kind, item.name, reason)
            for item in risks.objects
            if (reason := _why_too_long(connection, item.sql.replace("{schema}", quoted(schema))))
        ]
        merged = _standing_rows(connection, schema, risks)
    except DBAPIError as error:
        raise translate(error, table=plan.target_name) from error
    finally:
        if attempt.is_active and not connection.invalidated:
            attempt.rollback()
    return stream, Trial(bytes_sent, refused, merged)


def _standing_rows(connection: Connection, schema: str, risks: Risks) -> MergeCount | None:
    if risks.merges_into is None:
        return None
    waiting = RowTransfer.of(risks.plan, risks.merges_into, quoted(schema, risks.plan.target_name))
    aside = quoted(schema, f"{risks.plan.target_name[:40]}_differing")
    count = take_out(connection, risks.plan, waiting, aside)
    if risks.writes_over and count.differing:
        check_overwriting(connection, waiting, aside, count.key)
    return count


def _why_too_long(connection: Connection, statement: str) -> str:
    """Build an index; return why a value is too long for it, and nothing where it cannot be built otherwise."""
    savepoint = connection.begin_nested()
    try:
        run_sql(connection, statement)
    except DBAPIError as error:
        if connection.invalidated:
            raise
        savepoint.rollback()
        return reason_of(error) if meets_limit(error) else ""
    savepoint.commit()
    return ""
