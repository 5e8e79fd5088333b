"""Runs that stand in a ledger and that nobody works on, for pages that show them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, text

from migration.ledger.run_records import create_run
from migration.model import Mode, Source
from migration.run_options import RunOptions

LONG_NAME = "enrolmentOfPupils_in_the_reading_circle.of_the_second_year"
"""Of the first table of each."""

LAY_OUT = """
WITH source AS (
    INSERT INTO convoy.sources (run_id, label, location, snapshot, sha256, bytes, schema)
    VALUES (:run_id, 'school', '/s', '/s', 's', 1, '{}') RETURNING id
), made AS (
    INSERT INTO convoy.tables (run_id, source_id, name, rows)
    SELECT :run_id, source.id, CASE WHEN n = 1 THEN :first_name ELSE 'table_' || n END, 10
    FROM source, generate_series(1, :tables) n RETURNING id
), cut AS (
    INSERT INTO convoy.chunks (run_id, table_id, position, key_range, rows, bytes)
    SELECT :run_id, id, 0, '{"columns": ["id"]}', 10, 100 FROM made RETURNING id, table_id
)
INSERT INTO convoy.steps (run_id, phase, table_id, chunk_id, sent_at)
SELECT :run_id, 'copying', table_id, id, now() FROM cut
"""


def change(engine: Engine, statement: str, **values: Any) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement), values)


def lay_out(engine: Engine, tables: int) -> str:
    """Make a run that copies, with so many tables of one chunk each; nobody works on it."""
    run_id = create_run(engine, RunOptions(mode=Mode.MIGRATE, sources=(Source("school", "/s"),)))
    change(engine, LAY_OUT, run_id=run_id, tables=tables, first_name=LONG_NAME)
    change(
        engine,
        "UPDATE convoy.runs SET phase = 'copying', started_at = now() WHERE id = :run_id",
        run_id=run_id,
    )
    return run_id
