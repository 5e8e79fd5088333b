"""Staging and previous schemas in the target: who needs them, and their removal."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, text

from migration.convoy_error import NextStep
from migration.errors import TargetBusyError, UnknownRunError
from migration.ledger.allowed_acts import described
from migration.ledger.run_records import RunRecord, read_run
from migration.ledger.run_transition import transition
from migration.ledger.table_records import staged_names
from migration.model import Phase
from migration.observers.run_observer import Observers
from migration.observers.standard_observers import STANDARD_OBSERVERS
from migration.schema_translation.request_refusals import RUN_SCHEMA
from migration.steps.leftovers.leftover_record import Leftover, LeftoverKind
from migration.target.cutover.lock_acquisition import EXCLUSIVE
from migration.target.pg_catalog.lock_holders import lock_holders, name_holders
from migration.target.pg_catalog.schema_relations import KINDS, relations_in
from migration.target.schema_removal import remove_schema_in_portions

_KINDS: Final = {
    "staging": LeftoverKind.STAGING_SCHEMA,
    "previous": LeftoverKind.PREVIOUS_SCHEMA,
    "kept": LeftoverKind.KEPT_SCHEMA,
}
_SHOWN: Final = frozenset({Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS})
_SCHEMAS: Final = text(
    "SELECT n.nspname AS name, coalesce(sum(pg_catalog.pg_total_relation_size(c.oid)), 0)::bigint AS bytes"
    " FROM pg_catalog.pg_namespace n"
    " LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'm', 'S')"
    " WHERE n.nspname LIKE 'convoy\\_%' GROUP BY n.nspname ORDER BY n.nspname"
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a schema is needed, and the words for it."""

    is_needed: bool
    reason: str
    next_steps: tuple[NextStep, ...] = ()


def judge_schema(kind: LeftoverKind, run: RunRecord | None, *, with_replaced: bool) -> Verdict:
    """Return whether a run needs a schema of its own.

    Args:
        kind: staging or previous schema.
        run: None where the ledger does not know it.
        with_replaced: whether tables go that a run has replaced of which the ledger knows nothing.
    """
    if kind is LeftoverKind.KEPT_SCHEMA:
        return _judge_kept(run)
    is_staging = kind is LeftoverKind.STAGING_SCHEMA
    if run is None:
        if is_staging or with_replaced:
            return Verdict(False, "this ledger does not know its run")
        return Verdict(True, "holds tables that a run has replaced which this ledger does not know")
    if not is_staging:
        return _judge_previous(run)
    return _judge_staging(run)


def _judge_staging(run: RunRecord) -> Verdict:
    if run.phase is Phase.FAILED and run.can_go_on:
        steps = (
            NextStep("Go on where it stopped", f"migration-cli resume {run.id}"),
            NextStep("Give the run up", f"migration-cli cancel {run.id}"),
        )
        return Verdict(True, f"run {run.id} has failed and can be resumed", steps)
    if run.phase is Phase.READY:
        steps = (
            NextStep("Put its tables in place", f"migration-cli cutover {run.id}"),
            NextStep("Give the run up", f"migration-cli cancel {run.id}"),
        )
        return Verdict(True, f"run {run.id} is held before its cutover", steps)
    return Verdict(not run.phase.is_end, f"run {run.id} is {described(run)}")


def _judge_kept(run: RunRecord | None) -> Verdict:
    if run is None:
        return Verdict(
            True, "holds tables that were written to before a rollback which this ledger does not know"
        )
    give_up = NextStep("Give it up for good", f"migration-cli purge {run.id}")
    return Verdict(
        True, f"holds what was written between the cutover of run {run.id} and its rollback", (give_up,)
    )


def _judge_previous(run: RunRecord) -> Verdict:
    if run.phase in _SHOWN:
        back = NextStep("Put back what stood there before", f"migration-cli rollback {run.id}")
        return Verdict(True, f"kept for rollback of run {run.id}", (back,))
    if run.phase is Phase.ROLLED_BACK:
        return Verdict(False, f"run {run.id} is {run.phase}")
    return Verdict(True, f"run {run.id} is {run.phase}, and has replaced nothing: look at what is in it")


class LeftoverSchemas:
    """The schemas of runs in the database of a ledger; with `with_replaced`, also those of unknown runs can go."""

    def __init__(
        self, engine: Engine, *, with_replaced: bool = False, observers: Observers = STANDARD_OBSERVERS
    ) -> None:
        self._engine = engine
        self._with_replaced = with_replaced
        self._observers = observers

    def find(self) -> list[Leftover]:
        """Return every schema that bears the name of a run's."""
        with self._engine.begin() as connection:
            return self.find_in(connection)

    def find_in(self, connection: Connection) -> list[Leftover]:
        """Do the same in the caller's transaction."""
        # Schemas first: a run is in the ledger before its schemas are made.
        schemas = [(row.name, row.bytes) for row in connection.execute(_SCHEMAS)]
        return [
            self._leftover(connection, name, size) for name, size in schemas if RUN_SCHEMA.fullmatch(name)
        ]

    def remove(self, leftover: Leftover) -> list[str]:
        """Remove a schema, with the row of its run locked: nobody resumes the run meanwhile."""
        _, run_id = _parts(leftover.name)
        try:
            with transition(self._engine, run_id, self._observers) as locked:
                return self._remove(locked.connection, locked.record, leftover.name)
        except UnknownRunError:
            with self._engine.begin() as connection:
                return self._remove(connection, _known(connection, run_id), leftover.name)
        except TargetBusyError as error:
            return [self._in_use(leftover.name, error)]

    def _in_use(self, name: str, error: TargetBusyError) -> str:
        """Return who holds a lock in a schema, where a removal has waited for it in vain."""
        with self._engine.begin() as connection:
            relations = relations_in(connection, name, KINDS.values())
            holders = lock_holders(connection, [relation.oid for relation in relations], EXCLUSIVE)
        return f"it is in use: {name_holders(holders)}" if holders else str(error)

    def _leftover(self, connection: Connection, name: str, size: int) -> Leftover:
        kind, run_id = _parts(name)
        verdict = judge_schema(kind, _known(connection, run_id), with_replaced=self._with_replaced)
        return Leftover(
            kind, name, size, verdict.is_needed, verdict.reason, run_id, next_steps=verdict.next_steps
        )

    def _remove(self, connection: Connection, run: RunRecord | None, name: str) -> list[str]:
        kind, _ = _parts(name)
        verdict = judge_schema(kind, run, with_replaced=self._with_replaced)
        if verdict.is_needed:
            return [f"it is needed by now: {verdict.reason}"]
        return remove_schema_in_portions(connection, self._engine, name, made_by(connection, run, kind))


def _parts(name: str) -> tuple[LeftoverKind, str]:
    found = RUN_SCHEMA.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no schema of a run")
    return _KINDS[found[2]], str(uuid.UUID(found[1]))


def _known(connection: Connection, run_id: str) -> RunRecord | None:
    try:
        return read_run(connection, run_id)
    except UnknownRunError:
        return None


def made_by(connection: Connection, run: RunRecord | None, kind: LeftoverKind) -> set[str] | None:
    """Return the names of the tables and views that a run may have made in a schema; None: nobody knows."""
    if run is None:
        return None
    if kind is LeftoverKind.PREVIOUS_SCHEMA:
        return set()  # a rollback has put back what it held
    return staged_names(connection, run.id)
