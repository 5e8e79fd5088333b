"""Routes that make, follow and end runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BeforeValidator
from starlette.responses import HTMLResponse

from api.broker_waits import seen_by, told_with_broker
from api.calling_person import CallerDep
from api.cluster_connections import Cluster
from api.cluster_routes import queue_sizes
from api.conditional_responses import (
    NOT_MODIFIED,
    IfNoneMatch,
    StableVersions,
    conditional,
    stable_versions,
)
from api.idempotency_keys import KeyedRequest, create_once, wake
from api.page_routes import REPORT_HEADERS
from api.problem_documents import ProblemError, members_of, responses
from api.problem_kinds import ACT_REFUSALS
from api.request_border import BorderText, check_time
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
from api.run_location import KnownRun, RunCluster
from api.run_pages import read_runs
from api.source_root import resolve_sources
from api.target_clusters import ClustersDep, TargetClusters
from migration.errors import TargetUnreachableError
from migration.evidence_errors import LaterWritesError
from migration.ledger.run_acts import Person
from migration.ledger.run_list import MAX_CURSOR_CHARS, RunCursor, RunFilter
from migration.ledger.run_progress import read_progress
from migration.ledger.run_records import RunRecord, find_run
from migration.ledger.run_requests import request_cutover, request_pause, request_resume
from migration.ledger.table_progress import MAX_VERSION_CHARS, TableScope, TableVersion
from migration.model import Mode, Phase
from migration.named_targets import MAX_NAME_CHARS
from migration.pasted_commands import in_sentences
from migration.report.fitted_report import with_fitted_commands
from migration.report.html_report import render_html
from migration.report.report_builder import build_report
from migration.report.report_files import encode_report
from migration.report.report_model import Report
from migration.run_options import RunOptions
from migration.steps.run_cancellation import end_for_good
from migration.steps.run_rollback import roll_back_run

router = APIRouter(prefix=PREFIX, tags=["runs"])
one_run = APIRouter(prefix=f"{PREFIX}/{{id}}", tags=["runs"])

IdempotencyKey = Annotated[
    BorderText | None,
    Header(
        min_length=1,
        max_length=255,
        description="The same key again: the same run again, and no second one. Given once, and not empty.",
    ),
]


def _one_key(request: Request) -> None:
    """Refuse a request with several keys: which of them counts, nobody could tell."""
    if len(request.headers.getlist("idempotency-key")) > 1:
        wrong = {"error": ValueError("may be given once")}
        raise RequestValidationError(
            [
                {
                    "type": "value_error",
                    "loc": ("header", "idempotency-key"),
                    "msg": "",
                    "input": None,
                    "ctx": wrong,
                }
            ]
        )


_ONE_KEY = Depends(_one_key)

_START = responses(
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_READ = responses(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)
_CHANGE = responses(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE)


def _create(
    clusters: TargetClusters, request: RunRequest, mode: Mode, key: str | None, caller: Person
) -> Accepted:
    notes: list[str] = []
    cluster = clusters.chosen(request.target)

    def make_options() -> RunOptions:
        sources = resolve_sources(request.wanted_sources(), cluster.settings.source_root, notes.append)
        return request.run_options(mode, sources, cluster.target, cluster.target_name)

    keyed = KeyedRequest.of(key, mode, request) if key else None
    run_id, phase, queue_note = create_once(cluster, keyed, make_options, caller)
    note = " ".join([*notes, *([queue_note] if queue_note else [])]) or None
    return Accepted(run_id=run_id, status=phase, links=links(run_id), note=note)


@router.post("/start", status_code=HTTPStatus.ACCEPTED, responses=_START, dependencies=[NEEDS_RUN, _ONE_KEY])
def start(
    request: RunRequest, clusters: ClustersDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Migrate sources into the server's PostgreSQL, or the `target` that is named: proved equal, then shown at once."""
    return _create(clusters, request, Mode.MIGRATE, idempotency_key, caller)


@router.post(
    "/dry-run", status_code=HTTPStatus.ACCEPTED, responses=_START, dependencies=[NEEDS_RUN, _ONE_KEY]
)
def dry_run(
    request: RunRequest, clusters: ClustersDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Try everything but the writing: every value converted, the whole DDL run and taken back."""
    return _create(clusters, request, Mode.DRY_RUN, idempotency_key, caller)


@router.post(
    "/validate", status_code=HTTPStatus.ACCEPTED, responses=_START, dependencies=[NEEDS_RUN, _ONE_KEY]
)
def validate(
    request: RunRequest, clusters: ClustersDep, caller: CallerDep, idempotency_key: IdempotencyKey = None
) -> Accepted:
    """Compare sources with the tables that stand in PostgreSQL already, row by row."""
    return _create(clusters, request, Mode.VALIDATE, idempotency_key, caller)


Statuses = Annotated[
    list[Phase] | None,
    Query(alias="status", max_length=len(Phase), description="Only runs in one of these phases."),
]
Modes = Annotated[
    list[Mode] | None,
    Query(alias="mode", max_length=len(Mode), description="Only runs of one of these modes."),
]
SourceText = Annotated[
    BorderText,
    Query(
        max_length=400, description="Only runs of a source whose label or location holds this, in any case."
    ),
]
Since = Annotated[
    AwareDatetime | None,
    BeforeValidator(check_time),
    Query(description="Only runs that were created then or later."),
]


TargetName = Annotated[
    BorderText | None,
    Query(
        max_length=MAX_NAME_CHARS,
        description="Only runs into the target of this name (docs/several-targets.md).",
    ),
]


@router.get(
    "",
    responses={**NOT_MODIFIED, **responses(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE)},
    response_model=RunList,
    dependencies=[NEEDS_READ],
)
def runs(
    clusters: ClustersDep,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    status: Statuses = None,
    mode: Modes = None,
    source: SourceText = "",
    since: Since = None,
    target: TargetName = None,
    after: Annotated[
        BorderText, Query(max_length=MAX_CURSOR_CHARS, description="From `next` of a page.")
    ] = "",
    if_none_match: IfNoneMatch = None,
) -> Response:
    """List runs, the newest first, by page: `next`, and the header `Link`, lead to the runs before.

    Of several targets, the runs of all; `note` names those whose ledgers do not answer.
    """
    wanted = RunFilter(tuple(status or ()), tuple(mode or ()), source, since)
    cursor = _cursor(after) if after else None
    page = read_runs(clusters, target, wanted, limit, cursor)
    following = _next_page(wanted, limit, page.last, target) if page.last is not None else None
    answer = RunList.of([Run.of(run, shown) for shown, run in page.runs], following, page.note)
    response = conditional(answer.model_dump_json(exclude_unset=True).encode(), if_none_match)
    if following is not None:
        response.headers["Link"] = f'<{following}>; rel="next"'
    return response


def _cursor(token: str) -> RunCursor:
    try:
        return RunCursor.parse(token)
    except ValueError as error:
        detail = f"There is no such page: `after` {error}. {PREFIX} has the first one."
        raise ProblemError("page-not-found", detail) from None


def _next_page(wanted: RunFilter, limit: int, last: RunCursor, target: str | None) -> str:
    pairs: list[tuple[str, str]] = [("limit", str(limit))]
    pairs += [("status", phase.value) for phase in wanted.phases]
    pairs += [("mode", mode.value) for mode in wanted.modes]
    pairs += [("source", wanted.source)] if wanted.source else []
    pairs += [("since", wanted.since.isoformat())] if wanted.since is not None else []
    pairs += [("target", target)] if target else []
    return f"{PREFIX}?{urlencode([*pairs, ('after', last.token)])}"


class ShownTables(StrEnum):
    """Which tables a status is to hold."""

    ALL = "all"
    NONE = "none"


@one_run.get("/status", responses={**NOT_MODIFIED, **_READ}, response_model=Status, dependencies=[NEEDS_READ])
def status(
    run: KnownRun,
    cluster: RunCluster,
    versions: Annotated[StableVersions, Depends(stable_versions)],
    tables: Annotated[
        ShownTables, Query(description="Whether the answer holds the run's tables.")
    ] = ShownTables.ALL,
    since: Annotated[
        BorderText,
        Query(
            max_length=MAX_VERSION_CHARS,
            description="`version` of an earlier answer: only the tables that have changed since."
            " All of them where that cannot be told: `tables_scope` says which.",
        ),
    ] = "",
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Say where a run is: phase, percent, time left, rows, bytes, who is there to work, tables."""
    version = TableVersion.parse(since) if since else None
    scope = TableScope.NONE if tables is ShownTables.NONE else TableScope.ALL
    if scope is TableScope.ALL and version is not None:
        scope = TableScope.CHANGED
    progress = read_progress(cluster.engine(), run.id, tables=scope, since=version)
    if progress.phase.is_end:
        answer = status_of(run, progress, None, cluster.shown_target)
    else:
        queue = queue_sizes(cluster)
        told = replace(progress, waits=told_with_broker(progress.waits, seen_by(cluster.broker_watch)))
        answer = status_of(run, told, queue, cluster.shown_target)
    key = f"{run.id} {progress.tables_scope} {since}"
    return conditional(versions.encode(key, answer), if_none_match)


@one_run.get("/summary", responses={**NOT_MODIFIED, **_CHANGE}, dependencies=[NEEDS_READ])
def summary(run: KnownRun, cluster: RunCluster, if_none_match: IfNoneMatch = None) -> Response:
    """Return the report of a finished run, as `report.json` has it."""
    _require_end(run, "summary")
    return conditional(encode_report(_report(run, cluster)), if_none_match)


@one_run.get("/report.html", response_class=HTMLResponse, responses=_CHANGE, dependencies=[NEEDS_READ])
def report_page(run: KnownRun, cluster: RunCluster) -> HTMLResponse:
    """Return the report of a finished run as one page for people."""
    _require_end(run, "report")
    return HTMLResponse(render_html(_report(run, cluster)), headers=REPORT_HEADERS)


@one_run.post("/rollback", responses=_CHANGE, dependencies=[NEEDS_ADMIN])
def rollback(
    run: KnownRun, cluster: RunCluster, caller: CallerDep, request: RollbackRequest | None = None
) -> RolledBack:
    """Put back what stood there before the run, in one transaction, and say what was done.

    Where the run's tables have been written to since the cutover, it is refused with `written_since`, and `force` goes
    on: then the tables are kept aside.
    """
    _require_end(run, "rollback")
    force = request is not None and request.force
    with _refusals("rollback-refused", run, cluster):
        result = roll_back_run(
            cluster.patient_engine(), run.id, force=force, person=caller, settings=cluster.settings
        )
    return RolledBack(
        run_id=run.id,
        status=Phase.ROLLED_BACK,
        objects=[
            RolledBackObject(
                kind=item.kind, name=item.name, state=item.state, reason=item.reason, owner=item.owner
            )
            for item in result.objects
        ],
        written_since=[WrittenTable(**found.recorded()) for found in result.writes],
        kept_schemas=list(result.kept_schemas),
    )


@one_run.post("/cancel", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_ADMIN])
def cancel(run: KnownRun, cluster: RunCluster, caller: CallerDep) -> Accepted:
    """Stop a run for good; what it staged is removed. One that has failed keeps its end, and cannot be resumed."""
    with _refusals("cancel-refused", run, cluster):
        end_for_good(cluster.engine(), run.id, person=caller)
    return _woken(cluster, run)


@one_run.post("/pause", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_RUN])
def pause(run: KnownRun, cluster: RunCluster, caller: CallerDep) -> Accepted:
    """Let a run stand still until it is resumed: what is under way is ended, nothing more is started."""
    with _refusals("pause-refused", run, cluster):
        phase = request_pause(cluster.engine(), run.id, person=caller)
    return Accepted(run_id=run.id, status=phase, links=links(run.id))


@one_run.post("/resume", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_RUN])
def resume(run: KnownRun, cluster: RunCluster, caller: CallerDep) -> Accepted:
    """Let a failed, paused or interrupted run go on where it stopped; finished chunks are not copied again."""
    with _refusals("resume-refused", run, cluster):
        request_resume(cluster.engine(), run.id, person=caller)
    return _woken(cluster, run)


@one_run.post("/cutover", status_code=HTTPStatus.ACCEPTED, responses=_CHANGE, dependencies=[NEEDS_ADMIN])
def cutover(
    run: KnownRun, cluster: RunCluster, caller: CallerDep, request: CutoverRequest | None = None
) -> Accepted:
    """Put the tables of a run in place that is held before its cutover, or try again one that has failed."""
    terms = request.terms() if request is not None else None
    with _refusals("cutover-refused", run, cluster):
        request_cutover(cluster.engine(), run.id, terms, person=caller)
    return _woken(cluster, run)


def _woken(cluster: Cluster, run: RunRecord) -> Accepted:
    note = wake(cluster, run.id)
    phase = find_run(cluster.engine(), run.id).phase
    return Accepted(run_id=run.id, status=phase, links=links(run.id), note=note)


def _require_end(run: RunRecord, purpose: str) -> None:
    if not run.phase.is_end:
        path = links(run.id).status
        sentence = f"The run is still {run.phase}; a {purpose} needs a finished run. Follow it at {path}."
        raise _conflict("run-not-finished", run, sentence, {"run": run.id})


def _report(run: RunRecord, cluster: Cluster) -> Report:
    return with_fitted_commands(build_report(cluster.patient_engine(), run.id), cluster.pastable)


@contextmanager
def _refusals(name: str, run: RunRecord, cluster: Cluster) -> Iterator[None]:
    """Answer with the problem of this name where an act on a run is refused by the errors that it stands for."""
    try:
        yield
    except TargetUnreachableError:
        raise
    except ACT_REFUSALS[name] as error:
        members = members_of(error)
        members["next_steps"] = [
            step | {"command": cluster.pastable(step["command"])} for step in members["next_steps"]
        ]
        if isinstance(error, LaterWritesError):
            members["written_since"] = list(error.writes)
        raise _conflict(name, run, in_sentences(str(error), cluster.pastable), members) from error


def _conflict(name: str, run: RunRecord, sentence: str, members: dict[str, Any]) -> ProblemError:
    members = {**members, "run_id": run.id, "phase": run.phase.value}
    return ProblemError(name, sentence, members)
