"""Which processes are on a broker, and of which version they are: asked by Celery's remote control, never stored.

A version is that of the package and of the ledger it needs, `0.2.0+ledger.0014`: processes of one package whose ledgers
differ, as between two commits, are not the same.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from celery.worker.control import inspect_command

from migration.ledger.ledger_database import newest_revision
from migration.ledger.ledger_releases import Age, age_of

if TYPE_CHECKING:
    from celery import Celery

logger = logging.getLogger(__name__)

COMMAND: Final = "convoy_version"
_ANSWER_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class ProcessVersion:
    """A producer or worker. `version` is None for one that is older than the question."""

    name: str
    version: str | None
    queues: tuple[str, ...] = ()


@lru_cache(maxsize=1)
def own_version() -> str:
    """Return the version of this process."""
    return f"{version('convoy-migrate')}+ledger.{newest_revision()}"


@inspect_command(name=COMMAND)  # type: ignore[untyped-decorator]
def _tell_version(_state: Any) -> dict[str, str]:
    return {"version": own_version()}


def warn_of_other_versions(app: Celery) -> None:
    """Say in the log which processes on the broker are of another version; a broker that is away says nothing."""
    own = own_version()
    try:
        others = [(one, age_of(one.version, own)) for one in ask_processes(app)]
    except Exception:  # noqa: BLE001  # only a look: whatever keeps it from being taken is told by those who need it
        return
    told = [
        f"{one.name} ({one.version or 'before 0.2.0'}) is {age}" for one, age in others if age is not Age.SAME
    ]
    if told:
        logger.warning(
            "This is %s, and %s: install the newest of them everywhere (docs/upgrading.md)",
            own,
            ", ".join(told),
        )


def ask_processes(
    app: Celery, *, queues: bool = False, answer_seconds: float = _ANSWER_SECONDS
) -> list[ProcessVersion]:
    """Return the processes that answer in time, by name; an old one answers the ping, not the question.

    Args:
        app: on the broker.
        queues: whether to ask which queues they take messages from, too.
        answer_seconds: how long to wait for each question.
    """
    asked = app.control.inspect(timeout=answer_seconds)
    names = sorted(asked.ping() or {})
    if not names:
        return []
    versions = asked._request(COMMAND) or {}  # noqa: SLF001  # Celery's own way to a command that is not its own
    taken = (asked.active_queues() or {}) if queues else {}
    return [
        ProcessVersion(
            name,
            (versions.get(name) or {}).get("version"),
            tuple(str(queue["name"]) for queue in taken.get(name) or ()),
        )
        for name in names
    ]
