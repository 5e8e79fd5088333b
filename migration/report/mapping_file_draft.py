"""The decisions of a finished run as a mapping file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.ledger.run_records import find_run
from migration.ledger.table_records import planned, read_profile, read_sources, read_tables
from migration.mapping_file.mapping_file_writer import DecidedTable, mapping_text

if TYPE_CHECKING:
    from sqlalchemy import Engine


def draft_mapping(engine: Engine, run_id: str) -> str:
    """Return the text of a mapping file (TOML) that says what a run has decided.

    Raises:
        UsageError: the ledger does not know the run.
        PermanentError: the run has not come to planning.
    """
    run = find_run(engine, run_id)
    with engine.connect() as connection:
        declared = {
            (source.id, table.name): table
            for source in read_sources(connection, run.id)
            for table in source.schema.tables
        }
        tables = [
            DecidedTable(
                declared[table.source_id, table.name],
                planned(table),
                read_profile(connection, table.id),
                table.rows,
            )
            for table in read_tables(connection, run.id)
        ]
    return mapping_text(tables, run.options.mapping, f"{run.mode} {run.id}")
