"""Runs that came after the one to be rolled back, and stand on its tables: they go first."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from migration.convoy_error import NextStep
from migration.errors import RunStateError
from migration.ledger.run_records import RunRecord

# Tables that a later cutover has filled, or put aside.
_LATER: Final = text("""
SELECT later.id::text AS id, array_agg(DISTINCT t.entry ->> 'name' ORDER BY t.entry ->> 'name') AS tables
FROM convoy.runs run JOIN convoy.runs later ON later.id <> run.id AND later.finished_at >= run.finished_at
CROSS JOIN LATERAL jsonb_array_elements(later.cutover) part
CROSS JOIN LATERAL jsonb_array_elements(
    coalesce(part -> 'record' -> 'tables', '[]') || coalesce(part -> 'record' -> 'replaced', '[]')) t (entry)
WHERE run.id = CAST(:run AS uuid) AND later.phase = ANY(:done) AND jsonb_typeof(later.cutover) = 'array'
  AND (t.entry ->> 'oid')::bigint = ANY(:oids)
GROUP BY later.id, later.finished_at ORDER BY later.finished_at DESC LIMIT 1
""")


def refuse_later_runs(connection: Connection, run: RunRecord, done: tuple[str, ...]) -> None:
    """Make sure that no other run has been completed on the tables of this one since.

    Args:
        connection: to the ledger.
        run: a completed run with its cutover's record.
        done: the phases of runs whose tables stand.

    Raises:
        RunStateError: one has; it names the last of them, which has to be rolled back before.
    """
    oids = [entry["oid"] for part in run.cutover or () for entry in part["record"].get("tables", ())]
    values = {"run": run.id, "done": list(done), "oids": oids}
    later = connection.execute(_LATER, values).one_or_none()
    if later is None:
        return
    first = f"migration-cli rollback {later.id}"
    raise RunStateError(
        f"Run {later.id} has been completed on the same tables since: {', '.join(later.tables)}",
        run=run.id,
        remedy=f"Roll that one back first, with `{first}`; nothing was changed",
        next_steps=(NextStep("Roll the later run back first", first),),
    )
