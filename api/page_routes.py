"""The two pages for people, the dashboard and the endpoints, and the files that they consist of.

The pages themselves hold no data and need no token; their scripts ask for it once, keep it for the browser
tab (sessionStorage), and send it with every request. Nothing is loaded from another server, and nothing stands inline:
scripts and styles are files of this server, which the policy below demands.
"""

from __future__ import annotations

import html
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.cluster_connections import ClusterDep
from api.conditional_responses import IfNoneMatch
from api.dashboard_files import FILES_PREFIX, dashboard_files
from api.problem_documents import ProblemError
from migration.applications.profile_reader import profile_names
from migration.report.html_report import report_policy

router = APIRouter(include_in_schema=False)

_SAFE_HEADERS: Final = {
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
# https://www.w3.org/TR/CSP3/ - what a page may load and do; an answer without a page in it needs none of it.
DASHBOARD_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    **_SAFE_HEADERS,
}

# The report is one file that is sent, kept and opened from a disk, so its style and script stand inside it; the policy
# knows both by their hashes.
REPORT_HEADERS: Final = {
    "Content-Security-Policy": f"{report_policy()}; frame-ancestors 'none'",
    **_SAFE_HEADERS,
}


def _page(name: str, **values: str) -> Response:
    text = dashboard_files()[name].content.decode()
    for place, value in values.items():
        text = text.replace(f"{{{{{place}}}}}", html.escape(value))
    return Response(text, headers=DASHBOARD_HEADERS, media_type="text/html")


@router.get("/")
def dashboard(cluster: ClusterDep) -> Response:
    """Return the dashboard: start runs, follow them, act on them, compare them."""
    return _page(
        "dashboard_page.html", flower_url=cluster.settings.flower_url, profiles=",".join(profile_names())
    )


@router.get("/docs")
def docs() -> Response:
    """Return the page that shows /openapi.json."""
    return _page("endpoints_page.html")


@router.get(FILES_PREFIX + "{path:path}")
def dashboard_file(path: str, if_none_match: IfNoneMatch = None) -> Response:
    """Return a style, script or picture of the pages; a browser that has it already gets 304."""
    found = dashboard_files().get(path)
    if found is None or path.endswith(".html"):
        raise ProblemError("not-found", "There is nothing at this path. /docs lists the endpoints.")
    headers = {**DASHBOARD_HEADERS, "ETag": found.etag}
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    if found.etag in known:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.content, headers=headers, media_type=found.media_type)
