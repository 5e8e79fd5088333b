"""What a run's status says of the broker, put right by what the API has just found: the ledger knows of it from others.

What a process of the run has written down stays there for a while, and says nothing of now. Where the broker is silent
no worker is to blame, and where it answers nobody has to start it.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from migration.ledger.run_waits import UNTAKEN_STEPS

if TYPE_CHECKING:
    from api.server_watch import ServerWatch
    from migration.queue import QueueLengths

STALE_SECONDS: Final = 15.0
_BACK_SECONDS: Final = 40.0
"""Celery's processes try to reach a broker that was away every 30 s at last."""
SILENCE: Final = "The message broker does not answer"
SILENT_BROKER: Final = (
    f"{SILENCE}, so no step reaches a worker; the run goes on by itself once it does."
    " Its address is in MIGRATION_BROKER_URL; `migration-cli doctor` looks at it."
)
BROKER_ANSWERS: Final = (
    "The message broker answers again; producer and workers come back to it by themselves within half a minute."
    " Where they do not, `migration-cli doctor` on their hosts looks for what keeps them from it."
)


class BrokerSeen(Enum):
    """How the API has found the broker."""

    UNKNOWN = auto()
    SILENT = auto()
    BACK = auto()
    """It answers, and did not a moment ago."""
    ANSWERS = auto()


def seen_by(watch: ServerWatch[QueueLengths]) -> BrokerSeen:
    """Return what the last look has found, if that was lately."""
    last = watch.last()
    if last is None or last.age_seconds > STALE_SECONDS:
        return BrokerSeen.UNKNOWN
    if last.problem is not None:
        return BrokerSeen.SILENT
    return BrokerSeen.BACK if watch.has_been_well_for() < _BACK_SECONDS else BrokerSeen.ANSWERS


def told_with_broker(waits: tuple[str, ...], seen: BrokerSeen) -> tuple[str, ...]:
    """Return the sentences of a status as they are true now; the one on the broker comes first."""
    if seen is BrokerSeen.UNKNOWN:
        return waits
    of_broker = [sentence for sentence in waits if SILENCE in sentence]
    is_untaken = [sentence for sentence in waits if sentence.startswith(UNTAKEN_STEPS)]
    others = [sentence for sentence in waits if sentence not in (*of_broker, *is_untaken)]
    if seen is BrokerSeen.SILENT:
        return (*(of_broker or (SILENT_BROKER,)), *others)
    if of_broker or (is_untaken and seen is BrokerSeen.BACK):
        return (BROKER_ANSWERS, *others)
    return waits
