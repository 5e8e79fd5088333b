"""Runs a migration in this process: the producer's own transitions and the workers' own steps, without a broker.

A few milliseconds for each step, so that thousands of random databases can be migrated on a real PostgreSQL.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import delete, text

from migration.convoy_error import ConvoyError
from migration.ledger.ledger_database import open_ledger
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import RunRecord, create_run, read_run
from migration.ledger.run_requests import fail_run
from migration.ledger.step_records import count_states, first_failure, seconds_until_due, take_unsent
from migration.model import Phase, Source, StepState
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.run_options import RunOptions
from migration.settings import Settings
from migration.steps.step_context import StepContext
from migration.steps.step_execution import run_step
from producer.failed_step_errors import error_of_step
from producer.transitions.phase_transitions import move_on
from producer.transitions.transition_context import TransitionContext

_ALL_STEPS = 1_000_000


class Direct:
    """A producer and a worker in one process, on one PostgreSQL database that also holds the ledger."""

    def __init__(self, url: str, folder: Path, observers: Observers = STANDARD_OBSERVERS) -> None:
        self.url = url
        self.folder = folder
        settings = Settings(
            target_url=url,  # type: ignore[arg-type]
            snapshot_dir=folder / "snapshots",
            report_dir=folder / "reports",
            _env_file=None,
        )
        self.ledger = open_ledger(url, "direct")
        self.context = StepContext(settings, "direct", observers)
        self.workspace = TransitionContext(self.ledger, url, settings, observers)

    def migrate(self, path: Path, **options: Any) -> RunRecord:
        """Run a migration of one source to its end, and return the run."""
        return self.finish(self.start(path, until=Phase.SNAPSHOTTING, **options).id)

    def start(self, path: Path, *, until: Phase, **options: Any) -> RunRecord:
        """Begin a migration of one source, and leave it at the beginning of a phase."""
        if not options.get("schema_per_source"):
            options.setdefault("target_schema", path.stem)
        run_id = create_run(self.ledger, RunOptions(sources=(Source(path.stem, str(path)),), **options))
        return self.finish(run_id, until=until)

    def finish(self, run_id: str, *, until: Phase | None = None) -> RunRecord:
        """Move a run to its end, or to a phase; its errors are in the record, errors of the code are raised."""
        while True:
            with self.ledger.begin() as connection:
                run = read_run(connection, run_id)
            if run.phase.is_end or run.phase is until:
                return run
            try:
                self._move(run)
            except ConvoyError as error:
                fail_run(self.ledger, run, error)

    def work(self, run: RunRecord) -> bool:
        """Run the steps of a run's phase that wait, for a time of theirs too; return whether there were any."""
        with self.ledger.begin() as connection:
            if due_seconds := seconds_until_due(connection, run.id, [run.phase]):
                time.sleep(due_seconds)
            waiting = take_unsent(connection, run.id, run.phase, _ALL_STEPS)
        for step in waiting:
            run_step(self.context, step.id)
        return bool(waiting)

    def _move(self, run: RunRecord) -> None:
        waiting = self.work(run)
        with self.ledger.begin() as connection:
            states = count_states(connection, run.id, run.phase)
            failure = first_failure(connection, run.id, run.phase)
        if failure is not None:
            raise error_of_step(run, failure)
        if waiting or set(states) <= {StepState.DONE}:
            if set(states) <= {StepState.DONE}:
                move_on(self.workspace, run)
            return
        raise AssertionError(f"nothing waits and nothing is done: {states}")

    def forget(self, run: RunRecord) -> None:
        """Drop all that a run has left in the target, in the ledger and on disk."""
        with self.ledger.begin() as connection:
            for schema in (run.options.target_schema, run.staging_schema, run.previous_schema):
                quoted = schema.replace('"', '""')
                connection.execute(text(f'DROP SCHEMA IF EXISTS "{quoted}" CASCADE'.replace(":", "\\:")))
            connection.execute(delete(runs).where(runs.c.id == run.id))
        shutil.rmtree(self.folder / "snapshots", ignore_errors=True)

    def forge(self, run: RunRecord, table: str, statement: str) -> None:
        """Write into a staged table that writers are kept out of; `{t}` in the statement is the table."""
        place = f'"{run.staging_schema}"."{table}"'
        self.query(f"ALTER TABLE {place} DISABLE TRIGGER USER; " + statement.format(t=place))

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement on the target, and return its rows."""
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        """Close all connections."""
        self.context.close()
        self.ledger.dispose()


@contextmanager
def quiet_steps() -> Iterator[None]:
    """Keep the log of failing steps, which random databases provoke on purpose, off the screen."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
