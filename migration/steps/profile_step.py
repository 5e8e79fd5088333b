"""Profile chunks: read every value once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from migration.errors import InternalError
from migration.ledger.chunk_records import read_chunks, save_chunk_profiles
from migration.ledger.step_records import Step
from migration.ledger.table_records import read_tables_of
from migration.model import ColumnProfile
from migration.source.row_reading.column_profile import profile_range
from migration.steps.step_context import StepContext
from migration.steps.step_outcome import StepOutcome
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context


def profile_chunk(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Read a chunk and store its profile in the step's transaction."""
    return profile_chunks(context, connection, [step])[0]


def profile_chunks(context: StepContext, connection: Connection, steps: Sequence[Step]) -> list[StepOutcome]:
    """Read the chunks of steps of one run and store their profiles in the caller's transaction."""
    run = context.run(connection, steps[0].run_id)
    chunks = read_chunks(connection, [_chunk_id(step) for step in steps])
    tables = read_tables_of(connection, {chunk.table_id for chunk in chunks})
    conversion = Context(run.options.source_timezone, ask_server=ServerOpinion(context.engine))
    profiles: list[tuple[int, Mapping[str, ColumnProfile], int]] = []
    outcomes = []
    for chunk in chunks:
        table = tables[chunk.table_id]
        source, declared = context.sources.source_of(connection, table)
        profile = profile_range(context.snapshot_reader(source), declared, chunk.key_range, conversion)
        bytes_read = sum(column.total_bytes for column in profile.values())
        profiles.append((chunk.id, profile, bytes_read))
        outcomes.append(StepOutcome({"bytes": bytes_read}, table.name, chunk.rows, bytes=bytes_read))
    save_chunk_profiles(connection, profiles)
    return outcomes


def _chunk_id(step: Step) -> int:
    if step.chunk_id is None:
        raise InternalError("A profile step names no chunk", step=step.id)
    return step.chunk_id
