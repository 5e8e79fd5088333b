"""What a full disk looks like, wherever it shows: this is the only place that decides.

A quota that is used up is a full disk, too. PostgreSQL gives ENOSPC a SQLSTATE of its own and EDQUOT none:
see ``errcode_for_file_access`` in its source, and https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from migration.full_disk_errors import DiskFullError

_ERRNOS: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_SQLITE_FULL: Final = 13
"""https://www.sqlite.org/rescode.html#full"""
_FULL_STATE: Final = "53100"
_STATES_OF_FILES: Final = ("", "58030", "XX000")
"""What PostgreSQL says of a file that it could not write, when it says it by words alone; none while connecting."""
_DUCKDB_ERRORS: Final = ("IOException", "OutOfMemoryException")
_WORDS: Final = (
    "no space left on device",
    "disk quota exceeded",
    "database or disk is full",  # SQLite's words where its code is lost on the way
    # While a session begins; PostgreSQL does not say why, and nothing else keeps it from writing that file.
    "could not write init file",
    # DuckDB asks how much is free before it writes, and takes that for a limit.
    "max_temp_directory_size",
)
_NO_DATABASE: Final = object()
_SHARED_MEMORY: Final = '"/PostgreSQL.'
"""How PostgreSQL names segments of shared memory, in any language: no disk, although the kernel says ENOSPC."""


def is_full(error: BaseException) -> bool:
    """Return whether an error, or one that it was raised from, says that a disk or a quota has no room."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        if isinstance(one, DiskFullError) or _says_full(one):
            return True
        one = one.__cause__
    return False


def lacks_shared_memory(error: BaseException) -> bool:
    """Return whether PostgreSQL had no shared memory left: a container whose /dev/shm is small."""
    return getattr(error, "sqlstate", None) == _FULL_STATE and _SHARED_MEMORY in str(error)


@contextmanager
def room_on(kind: type[DiskFullError], what: str, *, file: str, remedy: str) -> Iterator[None]:
    """Say of whatever is raised for lack of room that it is of this kind, in this place.

    Raises:
        DiskFullError: of `kind`, where the block has found a disk full.
    """
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise kind(what, file=file, remedy=remedy) from error


def _says_full(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in _ERRNOS
    if getattr(error, "sqlstate", None) == _FULL_STATE:
        return not lacks_shared_memory(error)
    if getattr(error, "sqlite_errorcode", None) == _SQLITE_FULL:
        return True
    return _may_say_it_by_words(error) and any(word in _primary(error).lower() for word in _WORDS)


def _may_say_it_by_words(error: BaseException) -> bool:
    """Whether the text is the server's or the library's own: one that quotes a row may say anything."""
    kind = type(error)
    if isinstance(error, OSError):
        return True  # Arrow's, of a stream that another library fills
    if "duckdb" in kind.__module__:
        return kind.__name__ in _DUCKDB_ERRORS
    state = getattr(error, "sqlstate", _NO_DATABASE)
    return state is not _NO_DATABASE and (state or "") in _STATES_OF_FILES


def _primary(error: BaseException) -> str:
    """Return what an error says without its detail, which may quote values."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return str(primary or error)
