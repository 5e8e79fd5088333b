"""Cancel a run: no further step starts, and nothing of it stays behind that others do not use."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from migration.cutover_errors import TooFewLocksError
from migration.errors import RetryableError
from migration.full_disk import is_full
from migration.ledger.run_acts import Person
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_requests import request_cancel
from migration.ledger.table_records import read_tables, staged_names
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.steps.run_schema_names import staging_schema
from migration.target.schema_removal import remove_schema, thin_out_schema

_LOCK_TIMEOUT: Final = "2s"
_PAUSES_SECONDS: Final = (0.1, 0.3, 1.0, 3.0)
"""A step in flight may hold one table and wait for another that is being dropped: the server ends one of the two."""


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What is left of a cancelled run in the target, and why."""

    left: tuple[str, ...] = ()
    """Its schemas that stay."""
    in_the_way: tuple[str, ...] = ()
    """Objects of others in these or hanging on them. Without any, others hold locks, and the watchdog removes them."""


def cancel_run(
    engine: Engine, run_id: str, *, person: Person | None = None, observers: Observers = STANDARD_OBSERVERS
) -> Cancellation:
    """Stop a run and remove its staging schemas; waits for a transition and for the chunks in flight to end.

    Nothing of others goes with them: a schema that they use stays.

    Raises:
        RunStateError: the run is at an end already.
        UnknownRunError: this ledger does not know the run.
        TargetBusyError: the run was in the middle of a transition for a minute.
    """
    end_for_good(engine, run_id, person=person, observers=observers)
    run = find_run(engine, run_id)
    for pause in _PAUSES_SECONDS:
        try:
            return remove_staging(engine, run)
        except RetryableError:
            time.sleep(pause)
    return Cancellation((run.staging_schema,))


def end_for_good(
    engine: Engine, run_id: str, *, person: Person | None = None, observers: Observers = STANDARD_OBSERVERS
) -> None:
    """Stop a run, also where its staged tables have filled the disk.

    The run's record has no room then before these are gone, and to drop them a server needs none.

    Raises:
        RunStateError: the run is at an end already.
        RetryableError: others hold the staged tables of a run that has filled the disk.
    """
    try:
        request_cancel(engine, run_id, person=person, observers=observers)
    except DBAPIError as error:
        if not is_full(error):
            raise
        # Only a run that can be cancelled gets so far.
        remove_staging(engine, find_run(engine, run_id))
        request_cancel(engine, run_id, person=person, observers=observers)


def remove_staging(engine: Engine, run: RunRecord) -> Cancellation:
    """Drop whatever the run has built and not shown to users yet; what others use stays, and is returned.

    Raises:
        RetryableError: others hold it.
    """
    try:
        return _remove_at_once(engine, run)
    except TooFewLocksError:
        with engine.begin() as connection:
            schemas, names = _staged(connection, run)
        for schema in schemas:
            thin_out_schema(engine, schema, names)
        return _remove_at_once(engine, run)


def _staged(connection: Connection, run: RunRecord) -> tuple[list[str], Collection[str]]:
    """Return the schemas in which a run builds, and what it has made there."""
    schemas = {run.staging_schema}
    for table in read_tables(connection, run.id):
        if table.plan is not None:
            schemas.add(staging_schema(run, table.plan.target_schema))
    return sorted(schemas), staged_names(connection, run.id)


def _remove_at_once(engine: Engine, run: RunRecord) -> Cancellation:
    left: dict[str, list[str]] = {}
    with engine.begin() as connection:
        schemas, names = _staged(connection, run)
        for schema in schemas:
            # Whoever is frozen keeps its locks until the watchdog ends it, and that is who may wait here.
            left[schema] = remove_schema(connection, schema, names, lock_timeout=_LOCK_TIMEOUT)
    return Cancellation(
        tuple(schema for schema, in_the_way in left.items() if in_the_way),
        tuple(line for in_the_way in left.values() for line in in_the_way),
    )
