"""The application: `uvicorn --factory api.app:create_app`, or `python -m api`."""

from __future__ import annotations

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
)
from api.authentication import BearerToken
from api.body_limit import BodyLimit
from api.cluster_connections import Cluster
from api.response_models import Problem
from migration.convoy_error import ConvoyError, NextStep
from migration.errors import SettingError
from migration.settings import Settings, load_settings

logger = logging.getLogger(__name__)

# Describes the token for OpenAPI; BearerToken has checked it before any route is looked for.
_token_in_openapi = HTTPBearer(auto_error=False, scheme_name="token", description="MIGRATION_API_TOKEN")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    cluster: Cluster = app.state.cluster
    try:
        await run_in_threadpool(cluster.engine)
    except (ConvoyError, DBAPIError) as error:
        # PostgreSQL may start after this process: the next request tries again.
        logger.warning("Not ready yet: %s", error)
    yield
    app.state.stopping.set()
    cluster.close()


def create_app(settings: Settings | None = None) -> FastAPI:
    """Return the application.

    Raises:
        SettingError: no token is configured. An open API could be told to read files and to fill a database.
    """
    settings = settings or load_settings()
    token = settings.api_token.get_secret_value() if settings.api_token else ""
    if not token:
        raise SettingError(
            "The API does not start without a token",
            setting="MIGRATION_API_TOKEN",
            remedy="Set MIGRATION_API_TOKEN to a long random text, for example from `openssl rand -hex 32`",
            next_steps=(NextStep("Make a token", "export MIGRATION_API_TOKEN=$(openssl rand -hex 32)"),),
        )
    app = FastAPI(
        title="Convoy",
        summary="Moves whole SQLite databases into PostgreSQL, and proves that every row arrived.",
        version=version("convoy-migrate"),
        lifespan=_lifespan,
        docs_url=None,  # the page of page_routes.py: FastAPI's own loads its scripts from a public server
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.state.cluster = Cluster(settings)
    app.state.stopping = threading.Event()
    problem_documents.install(app)
    app.include_router(page_routes.router)
    app.include_router(health_routes.router)
    guarded = [Depends(_token_in_openapi)]
    app.include_router(prometheus_metrics.router, dependencies=guarded)
    # The fixed paths come first: /schema/{table} must win over /{id}/status.
    app.include_router(catalog_routes.router, dependencies=guarded)
    app.include_router(snapshot_routes.router, dependencies=guarded)
    app.include_router(run_routes.router, dependencies=guarded)
    app.include_router(run_routes.one_run, dependencies=guarded)
    app.include_router(run_result_routes.router, dependencies=guarded)
    app.include_router(event_stream.router, dependencies=guarded)
    app.include_router(chunk_routes.router, dependencies=guarded)
    app.include_router(quarantine_routes.router, dependencies=guarded)
    app.include_router(source_routes.router, dependencies=guarded)
    app.add_middleware(BodyLimit)
    app.add_middleware(BearerToken, token=token)  # the last one added is the first to see a request

    def openapi() -> dict[str, Any]:
        return _describe(app)

    app.openapi = openapi  # type: ignore[method-assign]
    return app


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
        for operations in document["paths"].values():
            for operation in operations.values():
                answers = operation["responses"]
                if operation.get("security"):
                    answers["401"] = problem_documents.responses(HTTPStatus.UNAUTHORIZED)[401]
                if "422" in answers:
                    answers["422"] = problem_documents.responses(HTTPStatus.UNPROCESSABLE_ENTITY)[422]
        app.openapi_schema = document
    return app.openapi_schema
