"""The application, which `python -m api` serves (docs/http.md says how uvicorn itself does)."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.openapi.utils import get_openapi
from fastapi.security import HTTPBearer
from sqlalchemy.exc import DBAPIError

from api import (
    catalog_routes,
    chunk_routes,
    cluster_routes,
    event_stream,
    health_routes,
    page_routes,
    problem_documents,
    prometheus_metrics,
    quarantine_routes,
    run_result_routes,
    run_routes,
    snapshot_routes,
    source_routes,
    token_routes,
)
from api.authentication import BearerToken
from api.body_limit import BodyLimit
from api.caller_address import CallerAddress
from api.cluster_connections import Cluster, ledger_that_answers
from api.conditional_responses import StableVersions
from api.request_border import JsonBodies, only_known_parameters
from api.request_gate import RequestGate
from api.request_log import RequestLog
from api.request_methods import MethodsOfPaths, RequestMethods
from api.required_scopes import guard_undeclared, scopes_by_operation
from api.response_models import Problem
from api.target_clusters import TargetClusters
from api.token_check import TokenCheck
from migration.convoy_error import ConvoyError, NextStep
from migration.errors import SettingError
from migration.ledger.access_tokens import list_tokens
from migration.settings import Settings, load_settings
from migration.trace_export import stop_tracing
from migration.trusted_networks import read_networks

logger = logging.getLogger(__name__)

_FIRST_LOOK_SECONDS = 3.0

# Describes the token for OpenAPI; BearerToken has checked it before any route is looked for.
_token_in_openapi = HTTPBearer(
    auto_error=False,
    scheme_name="token",
    description="A token of `migration-cli token create`, or MIGRATION_API_TOKEN. Each operation names its scope.",
)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    cluster: Cluster = app.state.cluster
    clusters: TargetClusters = app.state.clusters
    await run_in_threadpool(clusters.start)
    # Most servers answer within this time, and then the first probe knows. They may also start after this process.
    looks = await asyncio.gather(
        cluster.ledger_watch.current(_FIRST_LOOK_SECONDS), cluster.broker_watch.current(_FIRST_LOOK_SECONDS)
    )
    for look in looks:
        if look is None or look.problem is not None:
            logger.warning("Not ready yet: %s", look.problem if look is not None else "no answer")
    yield
    app.state.stopping.set()
    # Here, since uvicorn ends the process by the very signal that it was stopped with.
    await run_in_threadpool(stop_tracing)
    clusters.close()


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application.

    Raises:
        SettingError: there is no token, neither in the settings nor in the ledger: an API that nobody may use is a
            mistake, and an open one could be told to read files and to fill a database.
    """
    settings = settings or load_settings()
    cluster = Cluster(settings)
    check = TokenCheck(cluster)
    if not check.of_settings.any():
        _require_token_in_ledger(cluster)
    app = FastAPI(
        title="Convoy",
        summary="Moves whole SQLite databases into PostgreSQL, and proves that every row arrived.",
        version=version("convoy-migrate"),
        lifespan=_lifespan,
        docs_url=None,  # the page of page_routes.py: FastAPI's own loads its scripts from a public server
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,  # a redirect would name whatever host the caller did
    )
    app.state.cluster = cluster
    app.state.clusters = TargetClusters(cluster)
    app.state.stopping = threading.Event()
    app.state.stable_versions = StableVersions()
    problem_documents.install(app)
    app.include_router(page_routes.router)
    known = [Depends(only_known_parameters)]
    app.include_router(health_routes.router, dependencies=known)
    guarded = [Depends(_token_in_openapi), Depends(guard_undeclared), *known]
    of_ledger = [*guarded, Depends(ledger_that_answers)]
    app.include_router(prometheus_metrics.router, dependencies=of_ledger)
    app.include_router(token_routes.router, dependencies=of_ledger)
    app.include_router(cluster_routes.router, dependencies=of_ledger)
    # The fixed paths come first: /schema/{table} must win over /{id}/status.
    app.include_router(catalog_routes.router, dependencies=guarded)
    app.include_router(snapshot_routes.router, dependencies=guarded)
    app.include_router(source_routes.router, dependencies=guarded)
    app.include_router(run_routes.router, dependencies=of_ledger)
    app.include_router(run_routes.one_run, dependencies=of_ledger)
    app.include_router(run_result_routes.router, dependencies=of_ledger)
    app.include_router(chunk_routes.router, dependencies=of_ledger)
    app.include_router(quarantine_routes.router, dependencies=of_ledger)
    app.include_router(event_stream.router, dependencies=of_ledger)
    app.add_middleware(BearerToken, check=check)  # again: the body may have come long after the header
    app.add_middleware(RequestGate)
    app.add_middleware(JsonBodies)
    app.add_middleware(BodyLimit)  # before the gate: who sends slowly takes no place meanwhile
    app.add_middleware(RequestMethods, methods=MethodsOfPaths(app.routes))
    app.add_middleware(BearerToken, check=check)
    app.add_middleware(RequestLog)
    # The last one added is the first to see a request.
    app.add_middleware(CallerAddress, trusted=read_networks(settings.trusted_proxies))

    def openapi() -> dict[str, Any]:
        return _describe(app)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _require_token_in_ledger(cluster: Cluster) -> None:
    """Make sure that somebody may use the API.

    Raises:
        SettingError: the ledger has no token that is good, or cannot be asked.
    """
    details = ""
    try:
        if list_tokens(cluster.engine(), only_good=True):
            return
    except (ConvoyError, DBAPIError) as error:
        details = f"The ledger could not be asked for others: {error}".rstrip(".")
    cluster.close()
    raise SettingError(
        "The API does not start without a token",
        setting="MIGRATION_API_TOKEN",
        remedy="Set MIGRATION_API_TOKEN to a long random text, for example from `openssl rand -hex 32`, or make"
        " a token in the ledger with `migration-cli token create`",
        details=details,
        next_steps=(
            NextStep("Make a token", "export MIGRATION_API_TOKEN=$(openssl rand -hex 32)"),
            NextStep("Or make one in the ledger", "migration-cli token create NAME --scope admin"),
        ),
    )


def _describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, in which every error is a Problem."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            routes=app.routes,
            tags=app.openapi_tags,
        )
        schemas = document["components"]["schemas"]
        schemas["Problem"] = Problem.model_json_schema()
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        scopes = scopes_by_operation(app.routes)
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation.get("security"):
                    # OpenAPI 3.1 lets a requirement of any scheme name what the caller must be allowed.
                    operation["security"] = [{"token": [scopes[method.upper(), path].value]}]
                _add_problems(operation)
        app.openapi_schema = document
    return app.openapi_schema


def _add_problems(operation: dict[str, Any]) -> None:
    """Describe what the application answers with in front of every route."""
    # What is no HTTP, or has a header that is too long; a parameter that the route does not have.
    statuses = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY}
    if operation.get("security"):
        statuses |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE}
    if "requestBody" in operation:
        statuses |= {
            HTTPStatus.REQUEST_TIMEOUT,
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        }
    answers = operation["responses"]
    for status in sorted(statuses):
        answers[str(int(status))] = problem_documents.responses(status)[int(status)]
