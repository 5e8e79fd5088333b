"""Runs in the ledger: create, find, and move from phase to phase by compare-and-set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import uuid6
from sqlalchemy import Connection, Engine, Row, Text, cast, column, func, insert, select, table

from migration.convoy_error import NextStep
from migration.errors import UnknownRunError
from migration.ledger.event_log_observer import EventLogObserver
from migration.ledger.json_encoding import from_json, to_json
from migration.ledger.ledger_tables import runs
from migration.ledger.run_acts import Act, Person, act_of, of_cluster
from migration.model import Phase
from migration.name_lists import some
from migration.observers.run_happenings import PhaseEntered
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.run_options import RunOptions
from migration.target.own_schemas import previous_schema_of, staging_schema_of
from migration.trace_context import current_traceparent

_MOST_LOOKED_AT: Final = 1_000
_LIST_RUNS: Final = "List the runs with `migration-cli status`"
_ALSO_IN_OPTIONS: Final = frozenset({runs.c.priority.name, runs.c.max_workers.name})
_STATUS: Final = (NextStep("List the runs", "migration-cli status"),)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A row of convoy.runs."""

    id: str
    mode: str
    phase: Phase
    resume_phase: Phase | None
    options: RunOptions
    staging_schema: str
    previous_schema: str
    error: str | None
    cutover: Any
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused_at: datetime | None = None
    cutover_since: datetime | None = None
    """When others were first in the way of the cutover that is being tried."""
    cutover_next_at: datetime | None = None
    """Nobody tries the cutover again before."""
    copied_in: str | None = None
    """`pg_snapshot` that sees all rows that were copied, and nothing later."""
    given_up_at: datetime | None = None
    """When somebody cancelled it although it had failed: it keeps its end and its error, and cannot go on."""
    traceparent: str | None = None
    """Of the request that asked for the run, where somebody traces (W3C Trace Context)."""

    @property
    def can_go_on(self) -> bool:
        """Whether it stands still and goes on when somebody says so; it needs what it has staged until then."""
        return self.phase.can_go_on and self.given_up_at is None

    @property
    def goes_on_by(self) -> str:
        """The command that lets it go on: a held run, and one whose cutover was stopped, is asked for its cutover."""
        if self.phase is Phase.READY:
            return "cutover"
        was_cutting_over = Phase.CUTTING_OVER in (self.phase, self.resume_phase)
        return "cutover" if self.options.hold and was_cutting_over else "resume"


def new_run_id() -> str:
    """Return the id of a run that is to be written, for who must know it before."""
    return str(uuid6.uuid7())


def create_run(
    engine: Engine,
    options: RunOptions,
    *,
    run_id: str = "",
    person: Person | None = None,
    cluster: str = "",
    observers: Observers = STANDARD_OBSERVERS,
) -> str:
    """Write a new run in phase pending and return its id.

    Args:
        engine: of the ledger.
        options: of the run.
        run_id: of `new_run_id`; empty: one is made.
        person: who asks for it; None: the user of this process.
        cluster: the one that alone begins the run (`cluster_of_run`); empty: any that serves everybody.
        observers: are told.
    """
    run_id = run_id or new_run_id()
    entered = PhaseEntered(run_id, Phase.PENDING, None)
    with engine.begin() as connection:
        connection.execute(
            insert(runs).values(
                id=run_id,
                mode=options.mode.value,
                phase=Phase.PENDING.value,
                options=to_json(options),
                staging_schema=staging_schema_of(run_id),
                previous_schema=previous_schema_of(run_id),
                traceparent=current_traceparent.get(),
            )
        )
        log = EventLogObserver(connection)
        log.observe(entered)
        log.observe(act_of(run_id, Act.STARTED, person, of_cluster(cluster)))
    observers.tell(entered)
    return run_id


def record_of(row: Row[Any]) -> RunRecord:
    """Return a row of convoy.runs as a record."""
    values = {name: value for name, value in row._asdict().items() if name not in _ALSO_IN_OPTIONS}
    values["phase"] = Phase(values["phase"])
    values["resume_phase"] = Phase(values["resume_phase"]) if values["resume_phase"] else None
    values["options"] = from_json(RunOptions, values["options"])
    return RunRecord(**values)


def read_run(connection: Connection, run_id: str) -> RunRecord:
    """Return a run by its full id.

    Raises:
        UnknownRunError: this ledger does not know the run.
    """
    row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
    if row is None:
        raise UnknownRunError(
            "The ledger does not know this run", remedy=_LIST_RUNS, next_steps=_STATUS, run=run_id
        )
    return record_of(row)


def find_run(engine: Engine, run_id_or_prefix: str) -> RunRecord:
    """Return the one run whose id begins so.

    Raises:
        UnknownRunError: no run, or more than one, matches.
    """
    pattern = run_id_or_prefix.lower().replace("%", "").replace("_", "") + "%"
    found = select(runs).where(cast(runs.c.id, Text).like(pattern))
    with engine.connect() as connection:
        rows = connection.execute(found.order_by(runs.c.created_at.desc()).limit(_MOST_LOOKED_AT)).all()
    if len(rows) == 1:
        return record_of(rows[0])
    if rows:
        meant = some(_named(record_of(row)) for row in rows)
        raise UnknownRunError(
            "More than one run has an id that begins so",
            remedy=f"Ids begin with the time, so type more letters, or a whole id. There are {meant}. {_LIST_RUNS}",
            next_steps=_STATUS,
            run=run_id_or_prefix,
        )
    raise UnknownRunError(
        "The ledger does not know this run", remedy=_LIST_RUNS, next_steps=_STATUS, run=run_id_or_prefix
    )


def _named(run: RunRecord) -> str:
    labels = some(source.label for source in run.options.sources)
    return f"{run.id} ({run.mode} of {labels}, {run.created_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC)"


def list_runs(engine: Engine, limit: int = 50) -> list[RunRecord]:
    """Return the newest runs first."""
    with engine.connect() as connection:
        return [
            record_of(row)
            for row in connection.execute(select(runs).order_by(runs.c.created_at.desc()).limit(limit))
        ]


def runs_with_leftovers(engine: Engine) -> list[RunRecord]:
    """Return the ended runs whose staging schema is still there: its removal was interrupted, or others held it.

    A run that can go on keeps its own.
    """
    ends = [phase.value for phase in Phase if phase.is_end and not phase.can_go_on]
    is_over = runs.c.phase.in_(ends) | (
        (runs.c.phase == Phase.FAILED.value) & runs.c.given_up_at.is_not(None)
    )
    namespaces = table("pg_namespace", column("nspname"), schema="pg_catalog")
    left = select(namespaces.c.nspname).where(func.starts_with(namespaces.c.nspname, runs.c.staging_schema))
    with engine.connect() as connection:
        found = connection.execute(select(runs).where(is_over, left.exists()))
        return [record_of(row) for row in found]


def active_runs(engine: Engine) -> list[str]:
    """Return the ids of the runs that are not at an end, oldest first."""
    ends = [phase.value for phase in Phase if phase.is_end]
    statement = select(runs.c.id).where(runs.c.phase.not_in(ends)).order_by(runs.c.created_at)
    with engine.connect() as connection:
        return list(connection.execute(statement).scalars())
