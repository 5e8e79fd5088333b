"""What was written to the tables of a run since its cutover, as figures and as words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from migration.convoy_error import NextStep, Place
from migration.evidence_errors import LaterWritesError

_SHOWN = 10


@dataclass(frozen=True, slots=True)
class LaterWrites:
    """What was written to one table. None stands for what nobody can tell.

    Exact figures by key (`added`, `changed`, `deleted`) need the snapshot; `written` and `gone` need that nothing else
    was running at the cutover. Where neither is known, the numbers of rows tell the least that has happened.
    """

    schema: str
    table: str
    rows_then: int
    """Rows that the run has put there."""
    rows_now: int
    added: int | None = None
    changed: int | None = None
    deleted: int | None = None
    written: int | None = None
    """Rows that were inserted or changed."""
    gone: int | None = None
    """Rows of the run that were changed or deleted."""
    is_least: bool = False
    """There are at least so many."""
    uncertain: int | None = None
    """Rows that may have been changed or not: the ledger's digest is by another version of Convoy or DuckDB."""
    shape: tuple[str, ...] = ()
    """What was added to the table itself, or taken from it: ``index public.by_name added``."""

    @property
    def is_certain(self) -> bool:
        """Whether something has been written or changed for sure."""
        return self.uncertain is None or bool(self.shape)

    def words(self) -> str:
        """Return all of it for a sentence: ``public.book: 3 rows added, 1 changed, 2 deleted``."""
        return f"{self.schema}.{self.table}: {', '.join([*self._rows(), *self.shape])}"

    def _rows(self) -> list[str]:
        if self.uncertain is not None:
            return [f"perhaps {_rows(self.uncertain)} of {self.rows_now:,} changed"]
        least = "at least " if self.is_least else ""
        by_key = {"added": self.added, "changed": self.changed, "deleted": self.deleted}
        if any(number is not None for number in by_key.values()):
            counts = [(number, word) for word, number in by_key.items() if number]
            first = [f"{least}{_rows(number)} {word}" for number, word in counts[:1]]
            return [*first, *(f"{number:,} {word}" for number, word in counts[1:])]
        if self.written is not None and self.gone is not None:
            written = [f"{_rows(self.written)} inserted or changed"] if self.written else []
            gone = [f"{_rows(self.gone)} of the run changed or deleted"] if self.gone else []
            return [*written, *gone]
        more = self.rows_now - self.rows_then
        if more:
            return [f"at least {_rows(abs(more))} {'added' if more > 0 else 'deleted'}"]
        return [] if self.shape else [f"other content in {_rows(self.rows_now)}"]

    def recorded(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "table_schema": self.schema,
            "table": self.table,
            "rows_then": self.rows_then,
            "rows_now": self.rows_now,
            "added": self.added,
            "changed": self.changed,
            "deleted": self.deleted,
            "written": self.written,
            "gone": self.gone,
            "is_least": self.is_least,
            "uncertain": self.uncertain,
            "shape": list(self.shape),
        }


def refuse(run_id: str, writes: Sequence[LaterWrites]) -> LaterWritesError:
    """Return the error of a rollback that would lose these writes."""
    shown = "; ".join(found.words() for found in writes[:_SHOWN])
    more = f"; and {len(writes) - _SHOWN} more tables" if len(writes) > _SHOWN else ""
    rollback = f"migration-cli rollback {run_id}"
    steps = (
        NextStep(
            "Write the rows out first; the run's tables are kept aside", f"{rollback} --export later-writes"
        ),
        NextStep("Roll back and keep the run's tables aside", f"{rollback} --force"),
    )
    place: Place = {"run": run_id}
    if len(writes) == 1:
        place |= {"schema": writes[0].schema, "table": writes[0].table}
    what = "The tables have been written to or changed since the cutover, and a rollback would lose that"
    if not any(found.is_certain for found in writes):
        what = (
            "It cannot be told whether anybody has written to the tables since the cutover, which a rollback would"
            " lose: another version of Convoy or of DuckDB has computed the digests in the ledger"
        )
    error = LaterWritesError(
        f"{what}: {shown}{more}",
        remedy="Nothing was changed. Write the rows out first with --export DIR, or go on with --force, which keeps"
        " the run's tables aside",
        next_steps=steps,
        **place,
    )
    error.writes = tuple(found.recorded() for found in writes)
    return error


def _rows(number: int) -> str:
    return f"{number:,} {'row' if number == 1 else 'rows'}"
