"""The pool of an engine: a connection that is in use as the engine is let go is closed when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy.pool import QueuePool

if TYPE_CHECKING:
    from sqlalchemy.pool.base import _ConnectionRecord


class ClosingPool(QueuePool):
    """SQLAlchemy's pool would keep it, in a pool that nobody asks any more, until the collector finds it."""

    _is_over = False

    def dispose(self) -> None:
        """Close what is here, and from now on whatever comes back."""
        self._is_over = True
        super().dispose()

    def _do_return_conn(self, record: _ConnectionRecord | Any) -> None:
        if self._is_over:
            record.close()
        else:
            super()._do_return_conn(record)
