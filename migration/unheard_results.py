"""Celery's result backend for processes of which none waits for a result: it counts chords, and subscribes to nothing.

Celery 5.7 subscribes to the result of each message that is sent, and unsubscribes where Python happens to collect the
object that stands for it. With the broker away that is an exception which nobody can catch, and "The Celery application
must be restarted" in the log, which is not so.
"""

from __future__ import annotations

from typing import Any

from celery.backends.redis import RedisBackend


class UnheardResults(RedisBackend):  # type: ignore[misc]
    """Keeps what tasks write, for chords; whoever wants to know of a run asks the ledger."""

    def on_task_call(self, producer: Any, task_id: str) -> None:
        """Begin to wait for nothing."""

    def remove_pending_result(self, result: Any) -> Any:
        """Forget a result that nobody waits for; called as it is collected, so nothing may fail here."""
        return result
