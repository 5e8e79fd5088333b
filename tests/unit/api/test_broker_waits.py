from __future__ import annotations

import pytest

from api.broker_waits import BROKER_ANSWERS, SILENT_BROKER, BrokerSeen, told_with_broker
from migration.ledger.run_waits import UNTAKEN_STEPS

# As the ledger words them, in migration/ledger/run_waits.py and migration/queue.py.
UNTAKEN = (
    f"{UNTAKEN_STEPS} Does the broker answer (`migration-cli doctor`)? Is one running on this broker, with this very"
    " target? Start it with: celery -A worker.app worker -Q copy"
)
WRITTEN = (
    "The message broker does not answer (broker: 127.0.0.1:6379). Start it, or correct MIGRATION_BROKER_URL."
)
FAILED = f"The last attempt at a step failed, and is made again: {WRITTEN}"
LOCK = "It waits for a lock that process 7 of PostgreSQL holds."


@pytest.mark.parametrize(
    ("waits", "seen", "told"),
    [
        ((), BrokerSeen.SILENT, (SILENT_BROKER,)),
        ((UNTAKEN,), BrokerSeen.SILENT, (SILENT_BROKER,)),
        ((LOCK, UNTAKEN), BrokerSeen.SILENT, (SILENT_BROKER, LOCK)),
        ((UNTAKEN, WRITTEN), BrokerSeen.SILENT, (WRITTEN,)),
        ((LOCK, FAILED), BrokerSeen.SILENT, (FAILED, LOCK)),
        ((WRITTEN,), BrokerSeen.BACK, (BROKER_ANSWERS,)),
        ((WRITTEN,), BrokerSeen.ANSWERS, (BROKER_ANSWERS,)),
        ((FAILED, UNTAKEN, LOCK), BrokerSeen.BACK, (BROKER_ANSWERS, LOCK)),
        ((UNTAKEN,), BrokerSeen.BACK, (BROKER_ANSWERS,)),
        ((UNTAKEN,), BrokerSeen.ANSWERS, (UNTAKEN,)),
        ((LOCK,), BrokerSeen.BACK, (LOCK,)),
        ((), BrokerSeen.BACK, ()),
        ((LOCK, UNTAKEN, WRITTEN), BrokerSeen.UNKNOWN, (LOCK, UNTAKEN, WRITTEN)),
    ],
)
def test_status_says_of_the_broker_what_is_so_now(
    waits: tuple[str, ...], seen: BrokerSeen, told: tuple[str, ...]
) -> None:
    assert told_with_broker(waits, seen) == told
