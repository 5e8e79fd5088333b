"""The files of the dashboard: pages, styles, modules and vendored libraries, as the package holds them.

All of them are read once, when a process first needs them, and served from memory. A path is looked up in that table
and never in the file system, so no path leads anywhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

FILES_PREFIX: Final = "/dashboard/"
"""Where they are served. They are the same for everybody and hold no data, so they need no token."""

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class DashboardFile:
    """A file to be served; `etag` is its quoted SHA-256 (RFC 9110, section 8.8.3)."""

    content: bytes
    media_type: str
    etag: str


@cache
def dashboard_files() -> Mapping[str, DashboardFile]:
    """Return every file by its path below `FILES_PREFIX`, such as `vendored/lit-html/lit-html.js`."""
    return MappingProxyType(dict(_files(resources.files("api").joinpath("dashboard"), "")))


def _files(folder: Traversable, prefix: str) -> Iterator[tuple[str, DashboardFile]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _files(entry, f"{prefix}{entry.name}/")
            continue
        media_type = _MEDIA_TYPES.get(f".{entry.name.rpartition('.')[2]}")
        if media_type is not None:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()}"'
            yield f"{prefix}{entry.name}", DashboardFile(content, media_type, etag)


def is_dashboard_file(path: str) -> bool:
    """Whether a request's path names one of them."""
    return path.startswith(FILES_PREFIX) and path[len(FILES_PREFIX) :] in dashboard_files()
