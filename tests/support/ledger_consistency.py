"""Which states of ledger, target and staging may stand together: the judge of every test that disturbs a run."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, text

from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.table_records import read_tables
from migration.model import Phase
from migration.steps.run_schema_names import previous_schema, staging_schema, target_schemas

_SHOWN = {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}
_MAY_HAVE_FAILED = {Phase.FAILED, Phase.CANCELLED}
_STAGED = {Phase.COPYING, Phase.INDEXING, Phase.VALIDATING, Phase.READY, Phase.CUTTING_OVER}


def complaints(ledger: Engine, run_id: str, before: Mapping[str, int] | None = None) -> list[str]:
    """Return what does not fit together for a run into schemas of its own; nothing where all does.

    `before`: names and object ids of the tables that stood there before and that the run replaces.
    """
    run = find_run(ledger, run_id)
    with ledger.begin() as connection:
        return [
            *_of_the_target(connection, run, before or {}),
            *_of_the_steps(connection, run),
            *_of_the_record(connection, run),
        ]


def _of_the_target(connection: Connection, run: RunRecord, before: Mapping[str, int]) -> list[str]:
    plans = [table.plan for table in read_tables(connection, run.id) if table.plan is not None]
    told = []
    is_shown = run.phase in _SHOWN
    for plan in plans:
        found = connection.execute(
            text("SELECT to_regclass(:name)::oid::bigint"),
            {"name": f'"{plan.target_schema}"."{plan.target_name}"'},
        ).scalar()
        stands = found is not None and found != before.get(plan.target_name)
        if found is None and plan.target_name in before:
            told.append(f"the run is {run.phase}, and the {plan.target_name} that stood there is gone")
        if stands != is_shown:
            told.append(
                f"the run is {run.phase}, but {plan.target_name} {'is' if stands else 'is not'} visible"
            )
    if bool(run.cutover) != (is_shown or run.phase is Phase.ROLLED_BACK):
        told.append(f"the run is {run.phase}, and its record of a cutover is {run.cutover}")
    reached = run.resume_phase if run.phase is Phase.FAILED and run.given_up_at is None else run.phase
    for schema in target_schemas(plans) or [run.options.target_schema]:
        staging = staging_schema(run, schema)
        if _exists(connection, "to_regnamespace(:name)", f'"{staging}"') != (reached in _STAGED):
            told.append(
                f"the run is {run.phase}, and {staging} is{'' if reached not in _STAGED else ' not'} there"
            )
        previous = previous_schema(run, schema)
        has_previous = _exists(connection, "to_regnamespace(:name)", f'"{previous}"')
        if has_previous != (is_shown and bool(before)):
            told.append(f"the run is {run.phase}, and {previous} is{'' if has_previous else ' not'} there")
    return told


def _of_the_steps(connection: Connection, run: RunRecord) -> list[str]:
    doubled = connection.execute(
        text(
            "SELECT chunk_id FROM convoy.steps WHERE run_id = :run AND phase = 'copying' AND chunk_id IS NOT NULL"
            " GROUP BY chunk_id HAVING count(*) > 1"
        ),
        {"run": run.id},
    ).all()
    told = [f"chunk {chunk} has two steps" for (chunk,) in doubled]
    if run.phase in _SHOWN:
        counts = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE state <> 'done'), count(*),"
                " coalesce(bool_and(rows_loaded + rows_quarantined = rows), true)"
                " FROM convoy.chunks WHERE run_id = :run"
            ),
            {"run": run.id},
        ).one()
        if counts[0] or not counts[2] or not counts[1]:
            told.append(f"the run is {run.phase}, and of its chunks (open, all, whole) are {tuple(counts)}")
    return told


def _of_the_record(connection: Connection, run: RunRecord) -> list[str]:
    """Judge what the ledger says of the run itself, of its steps' hands and of its log."""
    told = []
    if (run.finished_at is not None) != run.phase.is_end:
        told.append(f"the run is {run.phase}, and its time of ending is {run.finished_at}")
    if (run.resume_phase is not None or run.error is not None) and run.phase not in _MAY_HAVE_FAILED:
        told.append(f"the run is {run.phase}, and failed in {run.resume_phase}: {run.error}")
    if run.phase is Phase.READY and not run.options.hold:
        told.append("the run is held, and nobody asked for that")
    if run.phase is not Phase.CUTTING_OVER and (run.cutover_since or run.cutover_next_at):
        told.append(f"the run is {run.phase}, and others are in the way of its cutover")
    if run.phase in (Phase.READY, Phase.CUTTING_OVER):
        told += _unproved(connection, run)
    entered = list(
        connection.execute(
            text(
                "SELECT data ->> 'phase' FROM convoy.events WHERE run_id = :run AND kind = 'phase' ORDER BY id"
            ),
            {"run": run.id},
        ).scalars()
    )
    if not entered or entered[-1] != run.phase:
        told.append(f"the run is {run.phase}, and its log ends in {entered[-1:]}")
    for phase in Phase:
        resumed = entered.count(Phase.FAILED.value)
        if entered.count(phase.value) > 1 + resumed:
            told.append(f"the run entered {phase} {entered.count(phase.value)} times: {entered}")
    if run.phase in _SHOWN:
        open_steps = connection.execute(
            text(
                "SELECT phase, state, count(*) FROM convoy.steps WHERE run_id = :run AND state <> 'done' GROUP BY 1, 2"
            ),
            {"run": run.id},
        ).all()
        told += [
            f"the run is {run.phase}, and {number} steps of {phase} are {state}"
            for phase, state, number in open_steps
        ]
        twice = connection.execute(
            text(
                'SELECT count(*) - count(DISTINCT (table_id, key, "column")) FROM convoy.quarantine WHERE run_id = :run'
            ),
            {"run": run.id},
        ).scalar_one()
        if twice:
            told.append(f"{twice} values are in quarantine twice")
    return told


def _unproved(connection: Connection, run: RunRecord) -> list[str]:
    """Judge a run that may be shown at any moment: nothing of it is undone, and every table is equal."""
    left = connection.execute(
        text(
            "SELECT count(*) FROM convoy.steps WHERE run_id = :run AND state <> 'done' AND phase <> 'validating'"
        ),
        {"run": run.id},
    ).scalar_one()
    unequal = connection.execute(
        text("SELECT count(*) FROM convoy.tables WHERE run_id = :run AND equal IS NOT true"), {"run": run.id}
    ).scalar_one()
    told = [f"the run is {run.phase}, and {left} steps are not done"] if left else []
    if unequal and not run.options.skip_validation:
        told.append(f"the run is {run.phase}, and {unequal} tables are not proved")
    return told


def _exists(connection: Connection, question: str, name: str) -> bool:
    return bool(connection.execute(text(f"SELECT {question} IS NOT NULL"), {"name": name}).scalar_one())
