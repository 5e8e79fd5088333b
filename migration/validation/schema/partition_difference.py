"""The partitions of a table beside the table: what one of them refuses, the table refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.model import Finding, FindingKind
from migration.target.pg_catalog.table_shapes import read_partitions
from migration.target.sql_statements import quoted, run_sql
from migration.validation.schema.table_difference import table_findings
from migration.validation.schema.table_pair import TablePair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from migration.target.pg_catalog.table_shapes import TableShape

# Defaults of a partition are for those alone who write into it by name, and what numbers the rows is the table's.
_REFUSING: Final = frozenset(
    {
        FindingKind.NOT_NULL,
        FindingKind.GENERATED,
        FindingKind.CHECK,
        FindingKind.EXTRA_CONSTRAINT,
        FindingKind.FOREIGN_KEY_NOT_VALID,
        FindingKind.RELATION_KIND,
    }
)
_LEAVES: Final = """
SELECT p.relid::regclass::text AS name, pg_catalog.pg_get_partition_constraintdef(p.relid) AS condition
FROM pg_catalog.pg_partition_tree(CAST(:oid AS oid)) p WHERE p.isleaf
"""
_TAKES_ALL: Final = """
SELECT t.partdefid <> 0 OR t.partstrat = 'h'
FROM pg_catalog.pg_partitioned_table t WHERE t.partrelid = CAST(:oid AS oid)
"""


def partition_findings(connection: Connection, table: TableShape, name: str) -> Iterator[Finding]:
    """Yield what a partitioned table refuses because of its partitions.

    Args:
        connection: in a transaction, with the table's schema in its search path.
        table: as it stands.
        name: in the source.
    """
    if table.kind != "p":
        return
    for partition in read_partitions(connection, table.oid):
        pair = TablePair(name=name, names={}, own=table, fitted=table, standing=partition)
        for finding in table_findings(replace(pair)):
            if finding.kind in _REFUSING:
                yield replace(finding, message=f"In the partition {partition.name}: {finding.message}")
        if partition.is_unlogged:
            message = f"The partition {partition.name} is UNLOGGED: after a crash of the server it is empty"
            yield Finding(FindingKind.UNLOGGED, name, message, is_error=False)
    if not connection.execute(text(_TAKES_ALL), {"oid": table.oid}).scalar():
        message = (
            "The table is partitioned, and has no default partition: rows beyond its partitions are refused"
        )
        yield Finding(FindingKind.PARTITION_BOUNDS, name, message, is_error=False)


def has_room(connection: Connection, table: TableShape, column: str, number: int) -> bool:
    """Whether some partition takes a row with this number; true as well where other columns decide."""
    if table.kind != "p":
        return True
    kind = next(shape.type for shape in table.columns if shape.name == column)
    leaves = connection.execute(text(_LEAVES), {"oid": table.oid}).all()
    return any(
        leaf.condition is None or _holds(connection, leaf.condition, column, f"{number}::{kind}")
        for leaf in leaves
    )


def _holds(connection: Connection, condition: str, column: str, value: str) -> bool:
    savepoint = connection.begin_nested()
    try:
        statement = f"SELECT ({condition}) FROM (SELECT {value} AS {quoted(column)}) row"
        return run_sql(connection, statement).scalar_one() is not False
    except DBAPIError:
        if connection.invalidated:
            raise
        return True  # the condition speaks of other columns, whose values nobody knows
    finally:
        if savepoint.is_active and not connection.invalidated:
            savepoint.rollback()
