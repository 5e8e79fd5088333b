"""Says in the producer's log that a broker is shared with a cluster of another database, and what comes of it."""

from __future__ import annotations

import logging

from migration.announced_targets import other_databases, read_claims, shared_broker

logger = logging.getLogger(__name__)


class SharedBrokerNotice:
    """Says once for each cluster that is found whose messages come here, and to whom ours go."""

    def __init__(self) -> None:
        self._told: tuple[str, ...] = ()

    def look(self, broker: str, identity: str, shown: str, target: str) -> None:
        """Look at the claims of others on the same name.

        Raises:
            BrokerError: the broker does not answer.
        """
        others = other_databases(read_claims(broker), identity, target)
        if others and others != self._told:
            logger.error("%s", shared_broker(shown, others, target))
        self._told = others


def tell_of_unknown_run(run_id: str, shown: str) -> None:
    """Say why a message names a run that the ledger of `shown` does not have: the ledger of another may."""
    logger.warning(
        "Run %s is not in the ledger of %s, and is left alone: it was removed, or its message came from a cluster with"
        " another database. Give each cluster a broker of its own, or a database of it (the number after the slash in"
        " MIGRATION_BROKER_URL); `migration-cli doctor` looks for such a one",
        run_id,
        shown,
    )
