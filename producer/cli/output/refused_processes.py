"""What a command says, and how it ends, where the processes of its own cluster cannot reach what it reaches itself.

A limit of connections, an entry of pg_hba.conf, a pooler that is full: the processes are refused and note it
(`connection_refusals`). Who is refused now and then works on with what it has; only a run that stands still is spoken
of, and ended where nobody is at work on it.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import TargetLimitError, TargetLoginError, TargetUnreachableError
from migration.exit_status import ExitStatus
from migration.model import Phase
from migration.start_commands import start_command
from migration.target.connection_limits import connection_limits, needed_connections
from migration.target.connection_refusals import Refusal, latest_refusal
from producer.cli.server_wait_notes import session_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.ledger.run_progress import RunProgress
    from migration.target.connection_limits import ConnectionLimit
    from producer.cli.run_session import Session
    from producer.embedded.embedded_cluster import LocalCluster

_TOLD_SECONDS: Final = 5.0
"""After so long without progress a refusal is spoken of."""
_ENDED_SECONDS: Final = 40.0
"""After so long the run is ended: until then somebody may lift the limit, and it goes on."""
_RECENT_SECONDS: Final = 12.0
"""The processes try again more often than that."""
_LIMIT_SIGNS: Final = ("too many", "connection slots", "no more connections", "max_client_conn", "pool")
_AT_WORK: Final = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity
    WHERE application_name LIKE 'convoy%' AND application_name NOT LIKE '{own}%' AND usename = session_user
      AND datname = current_database() AND state <> 'idle' AND wait_event IS DISTINCT FROM 'advisory'
      AND clock_timestamp() - coalesce(xact_start, query_start) > interval '3 seconds')
"""
"""A statement or transaction of the run that takes long; who waits for another's turn does nothing."""


class RefusedProcesses:
    """Looks at the notes of a command's own cluster for as long as its run stands still."""

    def __init__(self, session: Session, cluster: LocalCluster) -> None:
        self._session = session
        self._cluster = cluster
        self._seen: object = None
        self._since = time.monotonic()

    def waits_of(self, progress: RunProgress) -> tuple[str, ...]:
        """Return what the run waits for, in sentences; where processes are refused, why.

        Raises:
            TargetLimitError: a limit of connections has kept the run from moving for so long that it is ended.
            TargetUnreachableError: something else has, a login that is refused.
        """
        # The processes are this command's own, and nobody is to start more of them.
        waits = tuple(wait for wait in progress.waits if not _asks_for_processes(wait))
        now = time.monotonic()
        seen = (progress.phase, progress.percent, progress.rows_done, progress.last_progress_at)
        if seen != self._seen or progress.paused_at is not None or progress.phase is Phase.READY:
            self._seen, self._since = seen, now
        folder = self._cluster.private_folder
        if folder is None or now - self._since < _TOLD_SECONDS:
            return waits
        refusal = latest_refusal(folder, _RECENT_SECONDS)
        if refusal is None:
            return waits
        limit = self._limit(refusal)
        if now - self._since > _ENDED_SECONDS and not self._is_at_work():
            raise _error_of(refusal, limit, self._cluster.workers)
        return (_sentence(refusal, limit, self._cluster.workers), *waits)

    def _limit(self, refusal: Refusal) -> ConnectionLimit | None:
        """Return the limit that is met; None: it is none of the server's."""
        if refusal.code == TargetLoginError.code:
            return None
        wanted = needed_connections(self._cluster.workers)
        with suppress(Exception):  # the refusal says what it can without
            limits = connection_limits(self._ask, wanted)
            named = [limit for limit in limits if limit.whose.split()[1] in refusal.what.split()]
            if any(sign in refusal.what for sign in _LIMIT_SIGNS) or (limits and not limits[0].room):
                return (named or limits)[0]
        return None

    def _is_at_work(self) -> bool:
        with suppress(Exception):  # whoever cannot ask does not end a run for it
            return bool(self._ask(_AT_WORK.format(own=session_name()))[0][0])
        return True

    def _ask(self, statement: str) -> Sequence[Any]:
        with self._session.engine.connect() as connection:
            return connection.execute(text(statement)).all()


def _asks_for_processes(wait: str) -> bool:
    return start_command("producer") in wait or start_command("worker") in wait


def _what(refusal: Refusal, limit: ConnectionLimit | None, workers: int) -> str:
    if limit is None:
        return f"The processes of this command do not reach the target: {refusal.what}"
    return (
        f"The processes of this command get no connection: {limit.whose} may have {limit.most}, and a run with"
        f" {workers} workers needs up to {needed_connections(workers)}"
    )


def _remedy(refusal: Refusal, limit: ConnectionLimit | None) -> str:
    if limit is None:
        return refusal.remedy
    fewer = ", or use fewer workers (--workers 1)" if limit.most >= needed_connections(1) else ""
    return f"Raise the limit ({limit.lift}){fewer}"


def _sentence(refusal: Refusal, limit: ConnectionLimit | None, workers: int) -> str:
    said = f" ({refusal.what})" if limit is not None else ""
    return (
        f"{_what(refusal, limit, workers)}{said}. {_remedy(refusal, limit)}; the run goes on by itself then."
    )


def _error_of(refusal: Refusal, limit: ConnectionLimit | None, workers: int) -> ConvoyError:
    details = f"They were told: {refusal.what}" if limit is not None else ""
    lift = (NextStep(f"Raise the limit of {limit.whose}", limit.lift),) if limit is not None else ()
    kind: type[ConvoyError] = TargetLimitError
    if limit is None:
        kind = TargetLoginError if refusal.code == TargetLoginError.code else TargetUnreachableError
    error = kind(
        _what(refusal, limit, workers), remedy=_remedy(refusal, limit), details=details, next_steps=lift
    )
    error.exit_status = ExitStatus.FAILED  # the run had begun
    return error
