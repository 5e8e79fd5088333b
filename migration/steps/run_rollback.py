"""Reverse a cutover: one transaction that puts back what stood there before."""

from __future__ import annotations

from sqlalchemy import Engine, func, update

from migration.errors import RunStateError
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import read_run
from migration.ledger.run_results import save_objects
from migration.model import ObjectResult, Phase
from migration.observers.run_happenings import PhaseEntered
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.target.application_tables.data_only_cutover import take_back
from migration.target.cutover.schema_rollback import roll_back


def roll_back_run(
    engine: Engine, run_id: str, *, observers: Observers = STANDARD_OBSERVERS
) -> list[ObjectResult]:
    """Put back the tables that stood before the cutover, and remove those that the run created.

    Raises:
        UsageError: the run has not been cut over, or was rolled back already.
        TargetError: the tables have been changed since in a way that a rollback would destroy.
    """
    with engine.begin() as connection:
        run = read_run(connection, run_id)
        if run.phase not in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS) or not run.cutover:
            raise RunStateError(
                f"The run is {run.phase} and has nothing to roll back",
                run=run_id,
                remedy="Only a completed migration can be rolled back",
            )
        results: list[ObjectResult] = []
        for part in run.cutover:
            reverse = take_back if part["record"].get("data_only") else roll_back
            results.extend(reverse(connection, part["record"], part["previous_schema"]))
        connection.execute(
            update(runs)
            .where(runs.c.id == run_id)
            .values(phase=Phase.ROLLED_BACK.value, finished_at=func.clock_timestamp())
        )
        save_objects(connection, run_id, results)
        entered = PhaseEntered(run_id, Phase.ROLLED_BACK, run.phase)
        EventLogObserver(connection).observe(entered)
    observers.tell(entered)
    return results
