"""The two pages for people: the dashboard and the endpoints. Neither loads anything from another server.

The pages themselves hold no data and need no token; their scripts ask for it once, keep it for the browser
tab (sessionStorage), and send it with every request.
"""

from __future__ import annotations

import html
from functools import lru_cache
from importlib import resources

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from api.cluster_connections import ClusterDep

router = APIRouter(include_in_schema=False)

# Everything is inline, nothing comes from elsewhere, and no other page may frame these.
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@lru_cache(maxsize=4)
def _page(name: str) -> str:
    return resources.files("api").joinpath(name).read_text(encoding="utf-8")


@router.get("/")
def dashboard(cluster: ClusterDep) -> HTMLResponse:
    """Return the dashboard: all runs, and one of them live."""
    page = _page("dashboard.html").replace("{{flower_url}}", html.escape(cluster.settings.flower_url))
    return HTMLResponse(page, headers=PAGE_HEADERS)


@router.get("/docs")
def docs() -> HTMLResponse:
    """Return the page that shows /openapi.json."""
    return HTMLResponse(_page("docs.html"), headers=PAGE_HEADERS)
