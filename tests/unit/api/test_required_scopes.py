"""Which scope each route asks for: a list to be read, and a declaration at every route."""

from __future__ import annotations

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute, iter_route_contexts

from api import problem_documents
from api.app import create_app
from api.authentication import PUBLIC_PATHS
from api.dashboard_files import FILES_PREFIX
from api.required_scopes import declared_scope, guard_undeclared, scopes_by_operation
from api.token_check import Caller
from migration.ledger.access_tokens import AccessScope, granted
from tests.support.api import ApiClient, api_settings

V1 = "/api/v1/migration"
MORE_THAN_READING = {
    ("POST", f"{V1}/start"): AccessScope.RUN,
    ("POST", f"{V1}/dry-run"): AccessScope.RUN,
    ("POST", f"{V1}/validate"): AccessScope.RUN,
    ("POST", f"{V1}/{{id}}/pause"): AccessScope.RUN,
    ("POST", f"{V1}/{{id}}/resume"): AccessScope.RUN,
    ("GET", f"{V1}/snapshots/{{sha256}}"): AccessScope.RUN,
    ("POST", f"{V1}/{{id}}/cancel"): AccessScope.ADMIN,
    ("POST", f"{V1}/{{id}}/rollback"): AccessScope.ADMIN,
    ("POST", f"{V1}/{{id}}/cutover"): AccessScope.ADMIN,
}

FILES_OF_PAGES = FILES_PREFIX + "{path:path}"


def test_every_route_declares_its_scope() -> None:
    app = create_app(api_settings(None))
    open_routes = [
        str(found.path)
        for found in iter_route_contexts(app.routes)
        if isinstance(found.original_route, APIRoute)
        and found.path not in PUBLIC_PATHS | {FILES_OF_PAGES}
        and declared_scope(found.original_route) is None
    ]

    assert open_routes == [], "add dependencies=[NEEDS_READ], NEEDS_RUN or NEEDS_ADMIN to the route"


def test_what_does_more_than_show_asks_for_more_than_read() -> None:
    app = create_app(api_settings(None))
    asked = {
        operation: scope
        for operation, scope in scopes_by_operation(app.routes).items()
        if operation[1] not in PUBLIC_PATHS
    }

    assert asked.items() >= MORE_THAN_READING.items()
    for operation, scope in asked.items():
        if operation not in MORE_THAN_READING:
            assert operation[0] == "GET", f"{operation} acts: it needs a line in this test"
            assert scope is AccessScope.READ


def test_openapi_names_the_scope_of_each_operation() -> None:
    app = create_app(api_settings(None))
    document = ApiClient(app).get("/openapi.json").json()

    shown = {
        (method.upper(), path): operation["security"]
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "security" in operation
    }

    wanted = scopes_by_operation(app.routes)
    assert shown == {operation: [{"token": [wanted[operation].value]}] for operation in shown}
    assert len(shown) >= 20


def app_that_forgot(scopes: list[AccessScope]) -> ApiClient:
    """An application with a router whose routes declare nothing."""
    app = FastAPI()
    problem_documents.install(app)
    router = APIRouter(prefix="/new")

    @router.get("/look")
    def look() -> str:
        return "seen"

    @router.post("/act")
    def act() -> str:
        return "done"

    def somebody(request: Request) -> None:
        request.state.caller = Caller("ci", granted(scopes))

    app.include_router(router, dependencies=[Depends(somebody), Depends(guard_undeclared)])
    return ApiClient(app)


@pytest.mark.parametrize(
    ("scopes", "look", "act"),
    [
        ([], 403, 403),
        ([AccessScope.READ], 200, 403),
        ([AccessScope.RUN], 200, 403),
        ([AccessScope.ADMIN], 200, 200),
    ],
)
def test_a_route_that_declares_nothing_is_not_left_open(
    scopes: list[AccessScope], look: int, act: int
) -> None:
    client = app_that_forgot(scopes)

    assert client.get("/new/look").status_code == look
    assert client.post("/new/act").status_code == act
