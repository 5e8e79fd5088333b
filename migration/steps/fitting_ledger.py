"""A process of the cluster works on a ledger of its own version only: looked at before its first message.

What an older program means by a column may be another thing, and a newer one asks for columns that are not there yet:
its steps would fail for good, though nothing is wrong with their run.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import sqlalchemy.exc

from migration.convoy_error import ConvoyError
from migration.ledger.ledger_database import check_ledger_is_not_newer, newest_revision, standing_revisions
from migration.ledger.ledger_releases import shown_revision
from migration.settings import Settings
from migration.steps.step_context import target_url
from migration.target.session_bounds import SessionBounds
from migration.target.target_connection import make_engine
from migration.version_errors import LedgerTooNewError

logger = logging.getLogger(__name__)

LOCAL_HOST = "@local"
"""Ends the names of processes that one command starts for itself: they are of its own version."""
_LOOK_SECONDS = 2.0
_BOUNDS = SessionBounds(connect_seconds=5, statement_seconds=5, lock_seconds=2)


def look_at_ledger(settings: Settings) -> str | None:
    """Return the revision of an older ledger; None: it fits, there is none yet, or nothing can be found out now.

    Raises:
        LedgerTooNewError: a newer Convoy has made or upgraded it.
    """
    try:
        engine = make_engine(target_url(settings), "convoy start", bounds=_BOUNDS)
        try:
            with engine.connect() as connection:
                standing = standing_revisions(connection)
        finally:
            engine.dispose()
    except (ConvoyError, sqlalchemy.exc.SQLAlchemyError):
        return None  # whoever needs the ledger says what is wrong with the way to it
    check_ledger_is_not_newer(standing or [])
    return None if not standing or standing == [newest_revision()] else max(standing)


def leave_newer_ledger(settings: Settings) -> None:
    """End this process, status 2, where the ledger is of a newer version.

    Raises:
        SystemExit: it is.
    """
    _older_or_exit(settings)


def await_upgraded_ledger(settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return once the ledger is not older than this process, which does not upgrade it: producers and commands do.

    Raises:
        SystemExit: it is newer.
    """
    told = False
    while (older := _older_or_exit(settings)) is not None:
        if not told:
            logger.warning(
                "The ledger of this database is of version %s, and this worker of a newer Convoy needs %s: it takes no"
                " message until a producer of its version has started, or somebody has typed `migration-cli status`"
                " (docs/upgrading.md)",
                shown_revision(older),
                newest_revision(),
            )
            told = True
        sleep(_LOOK_SECONDS)


def _older_or_exit(settings: Settings) -> str | None:
    try:
        return look_at_ledger(settings)
    except LedgerTooNewError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(int(error.exit_status)) from None
