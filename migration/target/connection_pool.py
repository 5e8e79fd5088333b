"""The pool of an engine: a connection that is in use as the engine is let go is closed when it comes back.

A session keeps the settings of role and database that it has begun with. Whoever mends one after an error has not
mended the sessions that stand, so such an error makes them all old: each is opened anew before its next use.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext
    from sqlalchemy.pool.base import _ConnectionRecord


_BEGUN_WITH: Final = (
    *(
        "25",
        "42501",
        "42704",
        "53",
        "54",
        "55",
    ),  # timeouts, read only; rights, a default_tablespace that is gone ...
    *("57014", "57P05", "58", "F0"),
)
"""SQLSTATEs, and classes of them, of what may be due to a setting that a session has begun with."""


def is_of_session(state: str) -> bool:
    """Whether an error of this SQLSTATE may be due to a setting of role, database or server, and pass in a new session.

    >>> is_of_session("53400"), is_of_session("23505")
    (True, False)
    """
    return state.startswith(_BEGUN_WITH)


def renew_after(context: ExceptionContext) -> None:
    """Make the sessions of an engine old where an error may be due to a setting that they have begun with."""
    state = getattr(context.original_exception, "sqlstate", None) or ""
    if context.engine is not None and isinstance(context.engine.pool, ClosingPool) and is_of_session(state):
        context.engine.pool.renew()


class ClosingPool(QueuePool):
    """SQLAlchemy's pool would keep it, in a pool that nobody asks any more, until the collector finds it."""

    _is_over = False

    def renew(self) -> None:
        """Let no connection be used again that stands now; one that is in use is closed when it comes back."""
        self._invalidate_time = time.time()

    def dispose(self) -> None:
        """Close what is here, and from now on whatever comes back."""
        self._is_over = True
        super().dispose()

    def _do_return_conn(self, record: _ConnectionRecord | Any) -> None:
        if self._is_over:
            record.close()
        else:
            super()._do_return_conn(record)
