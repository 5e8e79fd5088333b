"""After validating: without equal digests there is no cutover, and the differing rows are named."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from migration.errors import NotEqualError
from migration.ledger.chunk_records import read_loaded
from migration.ledger.ledger_tables import steps
from migration.ledger.run_records import move_run
from migration.ledger.run_results import (
    add_findings,
    save_verdict,
)
from migration.ledger.table_records import TableRecord, read_tables
from migration.model import Digest, Mode, Phase
from migration.validation.row_digest import combine
from producer.transitions.differing_rows import find_difference

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord
    from migration.observers.run_happenings import PhaseEntered
    from producer.transitions.transition_context import TransitionContext
from producer.transitions.run_end import completed


def finish_validating(context: TransitionContext, run: RunRecord) -> PhaseEntered | None:
    """Compare the digests of both sides; without equality there is no cutover.

    Raises:
        PermanentError: a table differs.
    """
    with context.engine.begin() as connection:
        if run.options.mode is Mode.VALIDATE:
            return move_run(connection, run, completed(connection, run))
        unequal = [
            table for table in read_tables(connection, run.id) if not _is_equal(connection, run, table)
        ]
    if unequal:
        found = [finding for table in unequal for finding in find_difference(context, run, table)]
        with context.engine.begin() as connection:
            add_findings(connection, run.id, found)
        raise NotEqualError(
            f"Source and target differ in {', '.join(table.name for table in unequal)}",
            run=run.id,
            remedy="No table that users see was changed; read the findings in the report",
        )
    with context.engine.begin() as connection:
        return move_run(connection, run, Phase.CUTTING_OVER)


def _is_equal(connection: Connection, run: RunRecord, table: TableRecord) -> bool:
    loaded = read_loaded(connection, table.id)
    results = connection.execute(
        select(steps.c.result).where(
            steps.c.run_id == run.id, steps.c.phase == Phase.VALIDATING.value, steps.c.table_id == table.id
        )
    ).scalars()
    source = combine(loaded.digests)
    target = combine(Digest(result["rows"], result["checksum"]) for result in results)
    save_verdict(connection, table.id, source, target)
    return source == target
