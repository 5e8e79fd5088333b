"""Profile one chunk: read every value once."""

from __future__ import annotations

from sqlalchemy import Connection

from migration.errors import InternalError
from migration.ledger.chunk_records import read_chunk, save_chunk_profile
from migration.ledger.step_records import Step
from migration.ledger.table_records import read_table
from migration.source.row_reading.column_profile import profile_range
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context


def profile_chunk(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Read a chunk and store its profile in the step's transaction."""
    if step.chunk_id is None:
        raise InternalError("A profile step names no chunk", step=step.id)
    run = context.run(connection, step.run_id)
    chunk = read_chunk(connection, step.chunk_id)
    table = read_table(connection, chunk.table_id)
    source, declared = context.sources.source_of(connection, table)
    profile = profile_range(
        context.snapshot_reader(source),
        declared,
        chunk.key_range,
        Context(run.options.source_timezone, ask_server=ServerOpinion(context.engine)),
    )
    bytes_read = sum(column.total_bytes for column in profile.values())
    save_chunk_profile(connection, chunk.id, profile, bytes_read)
    return StepOutcome({"bytes": bytes_read}, table.name, chunk.rows, bytes=bytes_read)
