"""Routes that make, follow and end runs."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from starlette.responses import HTMLResponse

from api.calling_person import CallerDep
from api.cluster_connections import Cluster, ClusterDep
from api.idempotency_keys import create_once, wake
from api.page_routes import PAGE_HEADERS
from api.problem_documents import ProblemError, members_of, responses
from api.request_models import CutoverRequest, RollbackRequest, RunRequest
from api.required_scopes import NEEDS_ADMIN, NEEDS_READ, NEEDS_RUN
from api.response_models import (
    PREFIX,
    Accepted,
    RolledBack,
    RolledBackObject,
    Run,
    RunList,
    Status,
    WrittenTable,
    links,
    status_of,
)
from api.source_root import resolve_sources
from migration.errors import RunStateError, TargetError, TargetUnreachableError, UnknownRunError, UsageError
from migration.evidence_errors import LaterWritesError
from migration.ledger.run_acts import Person
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import RunRecord, find_run, list_runs
from migration.ledger.run_requests import request_cutover, request_pause, request_resume
from migration.model import Mode, Phase
from migration.report.html_report import render_html
from migration.report.report_builder import build_report
from migration.report.report_files import encode_report
from migration.steps.run_cancellation import end_for_good
from migration.steps.run_rollback import roll_back_run

router = APIRouter(prefix=PREFIX, tags=["runs"])
one_run = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["runs"])

RunId = Annotated[str, Path(alias="id", description="A run's id, as `start` returned it.")]
IdempotencyKey = Annotated[
    str | None,
    Header(max_length=255, description="The same key again: the same run again, and no second one."),
]

_START = responses(
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_READ = responses(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
_CHANGE = responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)


def known_run(run_id: RunId, cluster: ClusterDep) -> RunRecord:
    """Return the run that a path names by its full id; 404 where there is none."""
    missing = ProblemError(
        "run-not-found",
        HTTPStatus.NOT_FOUND,
        f"There is no such run. {PREFIX} lists them all.",
        {"code": UnknownRunError.code, "next_steps": []},
    )
    try:
        full_id = str(uuid.UUID(run_id))
    except ValueError:
        raise missing from None
    engine = cluster.engine()
    try:
        return find_run(engine, full_id)
    except UsageError:
        raise missing from None


KnownRun = Annotated[RunRecord, Depends(known_run)]


def _create(cluster: Cluster, request: RunRequest, mode: Mode, key: str | None, caller: Person) -> Accepted:
    notes: list[str] = []
    sources = resolve_sources(request.wanted_sources(), cluster.settings.source_root, notes.append)
    options = request.run_options(mode, sources, cluster.target, key or "")
    run_id, phase, queue_note = create_once(cluster, options, caller)
    note = " ".join([*notes, *([queue_note] if queue_note else [])]) or None
    return Accepted(run_id=run_id, status=phase, links=links(run_id), note=note)


@router.post("/start", status_code=HTTPStatus.ACCEPTED, responses=_START, dependencies=[NEEDS_RUN])
def start(
    request: RunRequest, cluster: ClusterDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Migrate sources into the server's PostgreSQL: copied, proved equal, then shown in one transaction."""
    return _create(cluster, request, Mode.MIGRATE, idempotency_key, caller)


@router.post("/dry-run", status_code=HTTPStatus.ACCEPTED, responses=_START, dependencies=[NEEDS_RUN])
def dry_run(
    request: RunRequest, cluster: ClusterDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Try everything but the writing: every value converted, the whole DDL run and taken back."""
    return _create(cluster, request, Mode.DRY_RUN, idempotency_key, caller)


@router.post("/validate", status_code=HTTPStatus.ACCEPTED, responses=_START, dependencies=[NEEDS_RUN])
def validate(
    request: RunRequest, cluster: ClusterDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Compare sources with the tables that stand in PostgreSQL already, row by row."""
    return _create(cluster, request, Mode.VALIDATE, idempotency_key, caller)


@router.get("", responses=responses(HTTPStatus.SERVICE_UNAVAILABLE), dependencies=[NEEDS_READ])
def runs(cluster: ClusterDep, limit: Annotated[int, Query(ge=1, le=500)] = 50) -> RunList:
    """List the newest runs."""
    return RunList(runs=[Run.of(run) for run in list_runs(cluster.engine(), limit)])


@one_run.get("/status", responses=_READ, dependencies=[NEEDS_READ])
def status(run: KnownRun, cluster: ClusterDep) -> Status:
    """Say where a run is: phase, percent, time left, rows, bytes, workers, tables."""
    return status_of(run, read_progress(cluster.engine(), run.id))


@one_run.get("/summary", responses=_CHANGE, dependencies=[NEEDS_READ])
def summary(run: KnownRun, cluster: ClusterDep) -> Response:
    """Return the report of a finished run, as `report.json` has it."""
    _require_end(run, "summary")
    report = build_report(cluster.engine(), run.id)
    return Response(encode_report(report), media_type="application/json")


@one_run.get("/report.html", response_class=HTMLResponse, responses=_CHANGE, dependencies=[NEEDS_READ])
def report_page(run: KnownRun, cluster: ClusterDep) -> HTMLResponse:
    """Return the report of a finished run as one page for people."""
    _require_end(run, "report")
    return HTMLResponse(render_html(build_report(cluster.engine(), run.id)), headers=PAGE_HEADERS)


@one_run.post("/rollback", responses=_CHANGE, dependencies=[NEEDS_ADMIN])
def rollback(
    run: KnownRun, cluster: ClusterDep, caller: CallerDep, request: RollbackRequest | None = None
) -> RolledBack:
    """Put back what stood there before the run, in one transaction, and say what was done.

    Where the run's tables have been written to since the cutover, it is refused with `written_since`, and `force` goes
    on: then the tables are kept aside.
    """
    _require_end(run, "rollback")
    force = request is not None and request.force
    try:
        result = roll_back_run(
            cluster.engine(), run.id, force=force, person=caller, settings=cluster.settings
        )
    except TargetUnreachableError:
        raise
    except LaterWritesError as error:
        members = {**members_of(error), "written_since": list(error.writes)}
        raise _conflict("rollback-refused", run, str(error), members) from error
    except (UsageError, TargetError) as error:
        raise _conflict("rollback-refused", run, str(error), members_of(error)) from error
    return RolledBack(
        run_id=run.id,
        status=Phase.ROLLED_BACK,
        objects=[
            RolledBackObject(kind=item.kind, name=item.name, state=item.state, reason=item.reason)
            for item in result.objects
        ],
        written_since=[WrittenTable(**found.recorded()) for found in result.writes],
        kept_schemas=list(result.kept_schemas),
    )


@one_run.post("/cancel", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_ADMIN])
def cancel(run: KnownRun, cluster: ClusterDep, caller: CallerDep) -> Accepted:
    """Stop a run for good; what it staged is removed."""
    try:
        end_for_good(cluster.engine(), run.id, person=caller)
    except UsageError as error:
        raise _conflict("cancel-refused", run, str(error), members_of(error)) from error
    return _woken(cluster, run)


@one_run.post("/pause", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_RUN])
def pause(run: KnownRun, cluster: ClusterDep, caller: CallerDep) -> Accepted:
    """Let a run stand still until it is resumed: what is under way is ended, nothing more is started."""
    try:
        phase = request_pause(cluster.engine(), run.id, person=caller)
    except UsageError as error:
        raise _conflict("pause-refused", run, str(error), members_of(error)) from error
    return Accepted(run_id=run.id, status=phase, links=links(run.id))


@one_run.post("/resume", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_RUN])
def resume(run: KnownRun, cluster: ClusterDep, caller: CallerDep) -> Accepted:
    """Let a failed, paused or interrupted run go on where it stopped; finished chunks are not copied again."""
    try:
        request_resume(cluster.engine(), run.id, person=caller)
    except UsageError as error:
        raise _conflict("resume-refused", run, str(error), members_of(error)) from error
    return _woken(cluster, run)


@one_run.post("/cutover", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_ADMIN])
def cutover(
    run: KnownRun, cluster: ClusterDep, caller: CallerDep, request: CutoverRequest | None = None
) -> Accepted:
    """Put the tables of a run in place that is held before its cutover, or try again one that has failed."""
    try:
        terms = request.terms() if request is not None else None
        request_cutover(cluster.engine(), run.id, terms, person=caller)
    except UsageError as error:
        raise _conflict("cutover-refused", run, str(error), members_of(error)) from error
    return _woken(cluster, run)


def _woken(cluster: Cluster, run: RunRecord) -> Accepted:
    note = wake(cluster, run.id)
    phase = find_run(cluster.engine(), run.id).phase
    return Accepted(run_id=run.id, status=phase, links=links(run.id), note=note)


def _require_end(run: RunRecord, purpose: str) -> None:
    if not run.phase.is_end:
        path = links(run.id).status
        sentence = f"The run is still {run.phase}; a {purpose} needs a finished run. Follow it at {path}."
        members = {"code": RunStateError.code, "run": run.id, "next_steps": []}
        raise _conflict("run-not-finished", run, sentence, members)


def _conflict(name: str, run: RunRecord, sentence: str, members: dict[str, Any]) -> ProblemError:
    members = {**members, "run_id": run.id, "phase": run.phase.value}
    return ProblemError(name, HTTPStatus.CONFLICT, sentence, members)
