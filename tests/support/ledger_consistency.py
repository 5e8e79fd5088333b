"""Which states of ledger, target and staging may stand together: the judge of every test that disturbs a run."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.table_records import read_tables
from migration.model import Phase
from migration.steps.run_schema_names import previous_schema, staging_schema, target_schemas

_SHOWN = {Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS}
_STAGED = {Phase.COPYING, Phase.INDEXING, Phase.VALIDATING, Phase.CUTTING_OVER}


def complaints(ledger: Engine, run_id: str) -> list[str]:
    """Return what does not fit together for a run into schemas of its own; nothing where all does."""
    run = find_run(ledger, run_id)
    with ledger.begin() as connection:
        return [*_of_the_target(connection, run), *_of_the_steps(connection, run)]


def _of_the_target(connection: Connection, run: RunRecord) -> list[str]:
    plans = [table.plan for table in read_tables(connection, run.id) if table.plan is not None]
    told = []
    is_shown = run.phase in _SHOWN
    for plan in plans:
        stands = _exists(connection, "to_regclass(:name)", f'"{plan.target_schema}"."{plan.target_name}"')
        if stands != is_shown:
            told.append(
                f"the run is {run.phase}, but {plan.target_name} {'is' if stands else 'is not'} visible"
            )
    if bool(run.cutover) != (is_shown or run.phase is Phase.ROLLED_BACK):
        told.append(f"the run is {run.phase}, and its record of a cutover is {run.cutover}")
    reached = run.resume_phase if run.phase is Phase.FAILED else run.phase
    for schema in target_schemas(plans) or [run.options.target_schema]:
        staging = staging_schema(run, schema)
        if _exists(connection, "to_regnamespace(:name)", f'"{staging}"') != (reached in _STAGED):
            told.append(
                f"the run is {run.phase}, and {staging} is{'' if reached not in _STAGED else ' not'} there"
            )
        if not is_shown and _exists(
            connection, "to_regnamespace(:name)", f'"{previous_schema(run, schema)}"'
        ):
            told.append(f"the run is {run.phase}, and {previous_schema(run, schema)} is there")
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


def _exists(connection: Connection, question: str, name: str) -> bool:
    return bool(connection.execute(text(f"SELECT {question} IS NOT NULL"), {"name": name}).scalar_one())
