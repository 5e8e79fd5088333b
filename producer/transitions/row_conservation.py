"""Conservation of rows: what was counted in the source is loaded or in quarantine, for every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.errors import InternalError
from migration.ledger.chunk_records import read_all_loaded
from migration.ledger.table_records import planned
from migration.source_table_names import TableNames

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.table_records import TableRecord


def check_conservation(connection: Connection, tables: list[TableRecord]) -> None:
    """Add up the chunks of every table.

    Raises:
        InternalError: rows are neither loaded nor in quarantine, or some are there twice.
    """
    all_loaded = read_all_loaded(connection, {table.id for table in tables})
    names = TableNames.among(planned(table).source_label for table in tables)
    for table in tables:
        loaded = all_loaded[table.id]
        if loaded.rows_loaded + loaded.rows_quarantined != table.rows:
            raise InternalError(
                f"{table.rows} rows were counted, but {loaded.rows_loaded} were loaded and "
                f"{loaded.rows_quarantined} quarantined",
                source=names.label(planned(table).source_label),
                table=table.name,
                remedy="Report this as a bug; no table that users see was changed",
            )
