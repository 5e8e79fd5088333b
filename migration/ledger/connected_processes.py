"""How many producers and worker processes PostgreSQL sees, by the names that they give their connections.

A worker process connects with its first step and stays so; one that has had none yet is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from migration.ledger.frozen_producers import PRODUCER_PREFIX

_CONNECTED: Final = text(
    r"""
    SELECT count(DISTINCT application_name) FILTER (WHERE starts_with(application_name, :producer)) AS producers,
           count(DISTINCT application_name) FILTER (
               WHERE NOT starts_with(application_name, :producer) AND application_name ~ '^convoy .*:\d+$') AS workers
    FROM pg_catalog.pg_stat_activity WHERE datname = current_database()
    """
)


@dataclass(frozen=True, slots=True)
class ConnectedProcesses:
    """Numbers of processes that are connected to the ledger's database."""

    producers: int
    workers: int


def count_connected(connection: Connection) -> ConnectedProcesses:
    """Return how many producers and worker processes are connected now."""
    row = connection.execute(_CONNECTED, {"producer": PRODUCER_PREFIX}).one()
    return ConnectedProcesses(row.producers, row.workers)
