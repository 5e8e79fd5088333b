"""Reverse a cutover: one transaction that puts back what stood there before."""

from __future__ import annotations

from sqlalchemy import Engine

from migration.errors import RunStateError
from migration.ledger.run_results import save_objects
from migration.ledger.run_transition import transition
from migration.model import ObjectResult, Phase
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
    with transition(engine, run_id, observers) as locked:
        run = locked.record
        if run.phase not in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS) or not run.cutover:
            raise RunStateError(
                f"The run is {run.phase} and has nothing to roll back",
                run=run_id,
                remedy="Only a completed migration can be rolled back",
            )
        results: list[ObjectResult] = []
        for part in run.cutover:
            reverse = take_back if part["record"].get("data_only") else roll_back
            results.extend(reverse(locked.connection, part["record"], part["previous_schema"]))
        save_objects(locked.connection, run_id, results)
        locked.enter(Phase.ROLLED_BACK)
    return results
