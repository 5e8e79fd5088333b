"""What a route asks of the token of its caller: declared at each route, enforced here, told in OpenAPI.

A route that declares nothing is not left open: to read is enough for GET, all else needs `admin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from fastapi import Depends, Request
from fastapi.routing import APIRoute, iter_route_contexts

from api.problem_documents import ProblemError
from api.token_check import Caller
from migration.convoy_error import NextStep
from migration.ledger.access_tokens import AccessScope

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

_READING_METHODS: Final = frozenset({"GET", "HEAD"})


class RequiredScope:
    """A dependency that lets a request through whose token has the scope."""

    def __init__(self, scope: AccessScope) -> None:
        self.scope = scope

    def __call__(self, request: Request) -> None:
        """Refuse the request, or do nothing.

        Raises:
            ProblemError: 403, with the scope that is needed.
        """
        require(request, self.scope)


NEEDS_READ: Final = Depends(RequiredScope(AccessScope.READ))
NEEDS_RUN: Final = Depends(RequiredScope(AccessScope.RUN))
NEEDS_ADMIN: Final = Depends(RequiredScope(AccessScope.ADMIN))


def declared_scope(route: BaseRoute) -> AccessScope | None:
    """Return the scope that a route declares by one of the dependencies above."""
    if isinstance(route, APIRoute):
        for dependency in route.dependencies:
            if isinstance(dependency.dependency, RequiredScope):
                return dependency.dependency.scope
    return None


def scope_of(route: APIRoute) -> AccessScope:
    """Return the scope that a route asks for, whether or not it declares one."""
    is_reading = route.methods is not None and route.methods <= _READING_METHODS
    return declared_scope(route) or (AccessScope.READ if is_reading else AccessScope.ADMIN)


def scopes_by_operation(routes: Sequence[BaseRoute]) -> dict[tuple[str, str], AccessScope]:
    """Return the scope that each method of each path asks for: `("POST", "/api/v1/migration/start")` → `run`."""
    return {
        (method, str(found.path_format)): scope_of(found.original_route)
        for found in iter_route_contexts(routes)
        if isinstance(found.original_route, APIRoute)
        for method in found.methods or ()
    }


def guard_undeclared(request: Request) -> None:
    """Hold a route without a declaration of its own to the strict rule; a dependency of all guarded routers.

    Raises:
        ProblemError: 403.
    """
    route = request.scope.get("route")
    if isinstance(route, APIRoute) and declared_scope(route) is None:
        require(request, scope_of(route))


def caller_of(request: Request) -> Caller:
    """Return whose token a request shows; only for routes that need one."""
    caller: Caller = request.state.caller
    return caller


async def is_still_good(request: Request) -> bool:
    """Whether the token of a request that is answered for a long time has neither been revoked nor expired."""
    return bool(await request.state.authentication.is_still_good(request))


def require(request: Request, scope: AccessScope) -> None:
    """Make sure that a request's token has a scope.

    Raises:
        ProblemError: 403.
    """
    caller = caller_of(request)
    if scope not in caller.scopes:
        make = NextStep("Make a token of that scope", f"migration-cli token create NAME --scope {scope}")
        raise ProblemError(
            "scope-missing",
            f"This needs a token with the scope `{scope}`; the token {caller.name} has "
            f"{', '.join(caller.scopes) or 'none'}. Whoever may reach the ledger makes one: "
            f"`{make.command}`.",
            {"scope_needed": scope.value, "scopes": [held.value for held in caller.scopes]},
            # RFC 6750, section 3.1
            headers={
                "WWW-Authenticate": f'Bearer realm="convoy", error="insufficient_scope", scope="{scope}"'
            },
            next_steps=(make,),
        )
