"""The tables of a finished run as its ledger remembers them, and where they stand now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from migration.ledger.chunk_records import read_loaded
from migration.ledger.run_records import RunRecord
from migration.ledger.table_records import planned, read_tables
from migration.model import Digest, TablePlan
from migration.target.cutover.row_horizon import RowHorizon, recorded_horizon
from migration.target.pg_catalog.schema_relations import Relation, relations_with
from migration.target.sql_statements import quoted
from migration.validation.row_digest import combine
from migration.validation.row_hashing import algorithm_name

_PARTITIONED: Final = "partitioned table"


@dataclass(frozen=True, slots=True)
class WatchedTable:
    """A table that the run has put in place, or filled (`is_data_only`)."""

    id: int
    """Of the ledger."""
    relation: Relation
    """As it stands now, perhaps under another name."""
    plan: TablePlan
    loaded: Digest
    """What the ledger says of its rows."""
    entry: dict[str, Any]
    """What the cutover has noted of it."""
    horizon: RowHorizon | None
    is_data_only: bool

    @property
    def has_known_digest(self) -> bool:
        """Whether this process computes digests as the run did."""
        return not self.loaded.rows or self.loaded.algorithm == algorithm_name()

    @property
    def rows_then(self) -> int:
        """Rows that the run has put there, and no other."""
        return int(self.entry["rows"]) if self.is_data_only else self.loaded.rows

    @property
    def sql(self) -> str:
        """Its name, quoted."""
        return quoted(self.relation.schema, self.relation.name)

    @property
    def own_rows(self) -> str:
        """Its name for FROM, without the rows of inheritance children; partitions are part of their table."""
        return self.sql if self.relation.kind == _PARTITIONED else f"ONLY {self.sql}"


def watched_tables(connection: Connection, run: RunRecord) -> list[WatchedTable]:
    """Return the tables of a run's cutover that are still there; the rollback itself names those that are not."""
    plans = {
        (planned(table).target_schema, planned(table).target_name): table
        for table in read_tables(connection, run.id)
    }
    found = []
    for part in run.cutover:
        record = part["record"]
        standing = relations_with(connection, [entry["oid"] for entry in record.get("tables", ())])
        for entry in record.get("tables", ()):
            table = plans.get((record["target_schema"], entry["name"]))
            relation = standing.get(entry["oid"])
            if table is None or relation is None or relation.kind not in ("table", _PARTITIONED):
                continue  # a view holds no rows
            found.append(
                WatchedTable(
                    table.id,
                    relation,
                    planned(table),
                    combine(read_loaded(connection, table.id).digests),
                    entry,
                    recorded_horizon(record.get("horizon")),
                    bool(record.get("data_only")),
                )
            )
    return found
