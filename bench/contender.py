"""What takes part in a measurement, and what is measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from bench.database_recipe import DataSet
from bench.server import BenchServer
from migration.model import Phase

ONE_SHOT = "one-shot"
ON_A_CLUSTER = "on a running cluster"
_PEER = "peer"


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one contender."""

    seconds: float
    client_cpu_seconds: float
    server_cpu_seconds: float
    rows: int
    """That stand in the target afterwards."""
    peak_bytes: Mapping[str, int]
    """Of the largest process, by kind of process."""
    phases: Mapping[str, float] = field(default_factory=dict)
    """Seconds by phase, for Convoy."""
    cpu_by_process: Mapping[str, float] = field(default_factory=dict)
    """The client's CPU seconds by kind of process, for Convoy."""
    together_bytes: int = 0
    """Of all of the client's processes at the same time; 0: not looked at."""
    left_seconds: float = 0.0
    """For how long something that the command had started ran on after its end."""
    note: str = ""
    """What a reader has to know of how it was measured: options beyond its defaults, and why."""

    @property
    def outside_phases_seconds(self) -> float | None:
        """Seconds that belong to no phase: starting, waiting to be taken on, stopping; None without phases."""
        worked = [seconds for phase, seconds in self.phases.items() if phase != Phase.PENDING]
        return self.seconds - sum(worked) if worked else None


@dataclass(frozen=True, slots=True)
class Job:
    """One data set on one server, and what Convoy's own run has left for the others."""

    data: DataSet
    source: Path
    server: BenchServer
    folder: Path
    create_sql: Sequence[str] = ()
    """The typed tables without keys or indexes, as Convoy has planned them for schema public."""
    tables: Sequence[tuple[str, str, int]] = ()
    """Source name, target name and rows."""
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Columns of each table, by its target name."""
    keys_sql: Sequence[str] = ()
    """The keys, constraints and indexes that stand on Convoy's tables, as PostgreSQL tells them."""

    @property
    def peer_url(self) -> str:
        """The database of everybody but Convoy."""
        return self.server.url(_PEER)

    def fresh_database(self) -> None:
        """Make the peers' database anew, and start from a clean disk."""
        make_database(self.server, _PEER)

    def fresh_tables(self) -> None:
        """Make the peers' database anew, with empty typed tables."""
        self.fresh_database()
        with psycopg.connect(self.peer_url) as connection:
            for statement in self.create_sql:
                connection.execute(statement.encode())

    def count_rows(self) -> int:
        """Return the rows of all user tables in the peers' database."""
        return count_rows(self.peer_url)


def make_database(server: BenchServer, name: str) -> None:
    """Make a database anew, and start from a clean disk."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        named = sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(named))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(named))
        connection.execute("CHECKPOINT")


def count_rows(url: str) -> int:
    """Return the rows of all user tables of a database but Convoy's own."""
    with psycopg.connect(url) as connection:
        named = connection.execute(
            "SELECT schemaname, relname FROM pg_stat_user_tables WHERE schemaname <> 'convoy'"
        ).fetchall()
        counts = [
            connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*name))).fetchone()
            for name in named
        ]
    return sum(count[0] for count in counts if count)


class Contender(Protocol):
    """Something that brings a SQLite database into PostgreSQL."""

    name: str
    work: str
    """What it does in the time that is measured, in plain words."""
    how: str
    """ONE_SHOT where the time is that of a command, its start and end included; else ON_A_CLUSTER."""

    fills_typed_tables: bool
    """Whether it loads into tables like Convoy's, so that what arrives can be compared."""

    def prepare(self, job: Job, /) -> None:
        """Get ready for a data set; not measured."""

    def run(self, job: Job) -> Measured:
        """Bring it over once.

        Raises:
            FailedError: it could not.
        """
