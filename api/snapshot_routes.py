"""The stage of a cluster whose hosts share no disk: snapshots, read-only, for the workers of other hosts."""

from __future__ import annotations

import os
import re
import stat
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header
from fastapi.responses import FileResponse

from api.cluster_connections import ClusterDep
from api.problem_documents import ProblemError, responses
from api.required_scopes import NEEDS_RUN
from api.response_models import PREFIX

router = APIRouter(prefix=f"{PREFIX}/snapshots", tags=["snapshots"])

_NAME = re.compile(r"[0-9a-f]{64}")


class _SnapshotResponse(FileResponse):
    """A file in larger pieces than usual: each costs a change of threads. Knows ranges (RFC 9110, section 14)."""

    chunk_size = 1 << 20


_OPEN_RANGE = re.compile(r"bytes=(\d+)-\d*")
_PIECES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The snapshot", "content": {"application/vnd.sqlite3": {}}},
    206: {"description": "The range that was asked for", "content": {"application/vnd.sqlite3": {}}},
}


@router.get(
    "/{sha256}",
    response_class=FileResponse,
    responses={**_PIECES, **responses(HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)},
    dependencies=[NEEDS_RUN],
)
def snapshot(
    sha256: str, cluster: ClusterDep, range_asked: Annotated[str | None, Header(alias="Range")] = None
) -> FileResponse:
    """Return a frozen source, or the range of it that `Range` names; its ETag is its SHA-256, for `If-Range`.

    Serves the files of MIGRATION_SNAPSHOT_DIR that are named by a SHA-256, and nothing else.
    """
    path = cluster.settings.snapshot_dir.absolute() / f"{sha256}.sqlite"
    try:
        found = os.lstat(path) if _NAME.fullmatch(sha256) else None
    except OSError:
        found = None
    if found is None or not stat.S_ISREG(found.st_mode):
        raise ProblemError(
            "snapshot-not-found",
            "This server has no snapshot with this SHA-256. Does it run on the producer's host, with the same"
            " MIGRATION_SNAPSHOT_DIR?",
        )
    # As a problem document, like all errors; the response itself would answer in plain text.
    begin = _OPEN_RANGE.fullmatch(range_asked or "")
    if begin is not None and int(begin[1]) >= found.st_size:
        raise ProblemError(
            "range-not-satisfiable",
            "The snapshot is shorter than that.",
            headers={"Content-Range": f"bytes */{found.st_size}"},
        )
    return _SnapshotResponse(
        path,
        media_type="application/vnd.sqlite3",
        stat_result=found,
        headers={"ETag": f'"{sha256}"', "Cache-Control": "private, immutable, max-age=86400"},
    )
