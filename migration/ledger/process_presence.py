"""Who is there to work: producers and workers that have given a sign of life, and what they do now.

Each process says so itself, in the ledger: so it is known with a silent broker, too, and in the same way for a
Procfile, containers and the cluster of one command. Celery's own `inspect ping` asks by the broker, and waits for
who is not there.
"""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from migration.ledger.run_acts import convoy_version

BEAT_SECONDS: Final = 10.0
"""Between two signs of life."""
ALIVE_SECONDS: Final = 35.0
"""So old may the last one be: three may be late, on a machine that has much to do."""
_SHOWN_SECONDS: Final = 3600.0
"""So long one that fell silent without a goodbye is shown."""
_KEPT_SECONDS: Final = 86_400.0
_MOST_SHOWN: Final = 1_000


class ProcessKind(StrEnum):
    """Of which sort a process is."""

    PRODUCER = "producer"
    WORKER = "worker"


QUEUES: Final[Mapping[ProcessKind, str]] = MappingProxyType(
    {ProcessKind.PRODUCER: "control", ProcessKind.WORKER: "copy"}
)
"""From which queue each kind has to take messages, to be of use; a test holds them beside `migration.queue`."""
_TAKES: Final = " takes "
_LONGEST_QUEUES: Final = 200


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process of the cluster. `name` is Celery's node name, `slots` how much it does at once."""

    kind: ProcessKind
    name: str
    slots: int
    host: str = field(default_factory=socket.gethostname)
    pid: int = field(default_factory=os.getpid)
    version: str = field(default_factory=convoy_version)

    def announced(self, queues: Collection[str] | None) -> dict[str, Any]:
        """Return the values of a sign of life.

        Who takes from other queues than its own says so behind its version: a ledger of the version before has no place
        of its own for it, and an announcement without them is that of a process which serves.

        Args:
            queues: from which it takes messages now; None: it does not know.
        """
        values = asdict(self)
        if queues is not None and QUEUES[self.kind] not in queues:
            values["version"] += _TAKES + ", ".join(sorted(queues))[:_LONGEST_QUEUES]
        return values


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A living process that takes nothing from the queue of its kind; `queues` names what it takes from, or nothing."""

    kind: ProcessKind
    name: str
    queues: str

    def sentence(self) -> str:
        """Return what is wrong with it, without its name: some who read this need no token."""
        wanted = QUEUES[self.kind]
        if not self.queues:
            return f"A {self.kind} is there and takes from no queue: its consumer of `{wanted}` is cancelled"
        return f"A {self.kind} is there and takes from `{self.queues}`, not `{wanted}`"

    def remedy(self) -> str:
        """Return what makes it serve."""
        wanted, app = QUEUES[self.kind], shlex.quote(f"{self.kind}.app")
        command = f"celery -A {app} control add_consumer {wanted} -d {shlex.quote(self.name)}"
        return f"Start it with `-Q {wanted}`, or have it take from there by `{command}`"


@dataclass(frozen=True, slots=True)
class CurrentWork:
    """A step that a process has in hand: table by name, chunk by its position in the table; None: of all of them."""

    run_id: str
    phase: str
    source: str | None
    """Of the table."""
    table: str | None
    chunk: int | None


@dataclass(frozen=True, slots=True)
class ProcessPresence:
    """A process as the ledger knows it."""

    kind: ProcessKind
    name: str
    host: str
    version: str
    slots: int
    started_at: datetime
    seen_at: datetime
    alive: bool
    elsewhere: Elsewhere | None = None
    doing: tuple[CurrentWork, ...] = ()

    @property
    def serves(self) -> bool:
        """Whether it is alive, and takes messages from the queue of its kind."""
        return self.alive and self.elsewhere is None


@dataclass(frozen=True, slots=True)
class PresenceCount:
    """How many producers and workers are alive and take messages from the queue of their kind.

    `knows_workers` says whether any worker has ever been seen, `elsewhere` which processes live and do not serve.
    """

    producers: int
    workers: int
    knows_workers: bool
    elsewhere: tuple[Elsewhere, ...] = ()

    def instead_of(self, kind: ProcessKind) -> Elsewhere | None:
        """Return a process of a kind of which none serves, and this one lives; None where one does, or none is."""
        serve = self.producers if kind is ProcessKind.PRODUCER else self.workers
        return None if serve else next((one for one in self.elsewhere if one.kind is kind), None)


# psycopg's own style: a sign of life is given on a connection of its own, without an engine.
SIGN_SQL: Final = f"""
WITH old AS (
    DELETE FROM convoy.processes WHERE seen_at < clock_timestamp() - interval '{_KEPT_SECONDS} s'
)
INSERT INTO convoy.processes (kind, name, host, pid, version, slots, started_at, seen_at)
VALUES (%(kind)s, %(name)s, %(host)s, %(pid)s, %(version)s, %(slots)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (kind, name, host, pid) DO UPDATE SET
    seen_at = excluded.seen_at, version = excluded.version, slots = excluded.slots, stopped_at = NULL,
    started_at = CASE WHEN %(is_first)s THEN excluded.started_at ELSE processes.started_at END
"""
GOODBYE_SQL: Final = """
UPDATE convoy.processes SET stopped_at = clock_timestamp()
WHERE kind = %(kind)s AND name = %(name)s AND host = %(host)s AND pid = %(pid)s
"""

_IS_ALIVE: Final = (
    f"stopped_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => {ALIVE_SECONDS})"
)
_SERVES: Final = f"{_IS_ALIVE} AND strpos(version, '{_TAKES}') = 0"
# Of a name that was started anew, on another host or as another process, the living one counts.
_READ: Final = text(
    f"""
    SELECT kind, name, host, version, slots, started_at, seen_at, alive FROM (
        SELECT DISTINCT ON (kind, name) *, {_IS_ALIVE} AS alive FROM convoy.processes
        ORDER BY kind, name, {_IS_ALIVE} DESC, seen_at DESC) newest
    WHERE alive
       OR (stopped_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => {_SHOWN_SECONDS}))
    ORDER BY kind, alive DESC, name LIMIT {_MOST_SHOWN}
    """
)
_COUNT: Final = text(
    f"""
    SELECT count(DISTINCT name) FILTER (WHERE kind = '{ProcessKind.PRODUCER}' AND {_SERVES}) AS producers,
           count(DISTINCT name) FILTER (WHERE kind = '{ProcessKind.WORKER}' AND {_SERVES}) AS workers,
           coalesce(bool_or(kind = '{ProcessKind.WORKER}'), false) AS knows_workers,
           coalesce(jsonb_agg(jsonb_build_array(kind, name, version) ORDER BY kind, name)
                    FILTER (WHERE {_IS_ALIVE} AND NOT ({_SERVES})), '[]') AS elsewhere
    FROM convoy.processes
    """
)
STEPS_AT_WORK: Final = f"""
    FROM (SELECT s.*, regexp_replace(s.worker, ':[0-9]+$', '') AS node FROM convoy.steps s
          WHERE s.state = 'running' AND s.worker IS NOT NULL) s
    WHERE CASE WHEN EXISTS (SELECT FROM convoy.processes p WHERE p.kind = '{ProcessKind.WORKER}' AND p.name = s.node)
               THEN EXISTS (SELECT FROM convoy.processes p WHERE p.kind = '{ProcessKind.WORKER}' AND p.name = s.node
                            AND {_IS_ALIVE})
               ELSE s.lease_expires_at > clock_timestamp() END
"""
"""FROM and WHERE of steps `s` that a living worker has in hand: what people and monitoring are told is running.

A step that is marked so and whose worker is dead waits, until another takes it.

A worker's name in a step ends with the process id of its pool child. One that gives no signs of life (of a version
before) counts as long as its lease does.
"""
_WORKERS_OF_RUN: Final = text(f"SELECT DISTINCT s.worker {STEPS_AT_WORK} AND s.run_id = :run_id ORDER BY 1")
_ANY_AT_WORK: Final = text(f"SELECT EXISTS (SELECT {STEPS_AT_WORK})")
_NO_WAIT: Final = text("SET LOCAL lock_timeout = '1s'")
_FORGET: Final = text("DELETE FROM convoy.processes WHERE host = :host AND pid = ANY(:pids)")
_DOING: Final = text(
    f"""
    SELECT node, run_id::text, phase, source, table_name, chunk FROM (
        SELECT s.node, s.run_id, s.phase, o.label AS source, t.name AS table_name, c.position AS chunk,
               row_number() OVER (PARTITION BY s.node ORDER BY s.claimed_at, s.id) AS place
        FROM (SELECT s.* {STEPS_AT_WORK}) s
        JOIN convoy.runs r ON r.id = s.run_id AND NOT (r.phase = ANY(:ends))
        LEFT JOIN convoy.chunks c ON c.id = s.chunk_id
        LEFT JOIN convoy.tables t ON t.id = coalesce(s.table_id, c.table_id)
        LEFT JOIN convoy.sources o ON o.id = t.source_id) found
    WHERE place <= :most ORDER BY node, place
    """
)
_MOST_AT_ONCE: Final = 20
"""Steps of one worker that are named: small tables are loaded in groups."""


def count_alive(connection: Connection) -> PresenceCount:
    """Return how many producers and workers have given a sign of life just now; for metrics, too."""
    found = connection.execute(_COUNT).one()
    elsewhere = (_elsewhere(ProcessKind(kind), name, version) for kind, name, version in found.elsewhere)
    return PresenceCount(
        found.producers, found.workers, found.knows_workers, tuple(one for one in elsewhere if one)
    )


def _elsewhere(kind: ProcessKind, name: str, version: str) -> Elsewhere | None:
    _, takes, queues = version.partition(_TAKES)
    return Elsewhere(kind, name, queues) if takes else None


def read_processes(connection: Connection, ended_phases: Iterable[str]) -> tuple[ProcessPresence, ...]:
    """Return producers and workers, the living first: those that said goodbye are left out.

    Args:
        connection: to the ledger.
        ended_phases: phases of runs that nobody works on, whatever their steps say.
    """
    doing: dict[str, list[CurrentWork]] = {}
    for row in connection.execute(_DOING, {"ends": list(ended_phases), "most": _MOST_AT_ONCE}):
        work = CurrentWork(row.run_id, row.phase, row.source, row.table_name, row.chunk)
        doing.setdefault(row.node, []).append(work)
    return tuple(_presence(row, doing) for row in connection.execute(_READ))


def _presence(row: Row[Any], doing: dict[str, list[CurrentWork]]) -> ProcessPresence:
    kind = ProcessKind(row.kind)
    work = doing.get(row.name, ()) if kind is ProcessKind.WORKER and row.alive else ()
    elsewhere = _elsewhere(kind, row.name, row.version)
    told = {**row._asdict(), "kind": kind, "version": row.version.partition(_TAKES)[0]}
    return ProcessPresence(**told, elsewhere=elsewhere, doing=tuple(work))


def workers_at(connection: Connection, run_id: str) -> tuple[str, ...]:
    """Return the living workers that run a step of a run now, each with the process id of its pool child."""
    return tuple(connection.execute(_WORKERS_OF_RUN, {"run_id": run_id}).scalars())


def forget_processes(connection: Connection, pids: Iterable[int]) -> None:
    """Forget processes of this host that were killed on purpose, and so said no goodbye.

    It is worth no wait: where somebody has locked the rows, an error says so, and they expire.
    """
    connection.execute(_NO_WAIT)
    values = {"host": socket.gethostname(), "pids": list(pids)}
    connection.execute(_FORGET, values)


def is_any_at_work(connection: Connection) -> bool:
    """Return whether a living worker runs a step of any run."""
    return bool(connection.execute(_ANY_AT_WORK).scalar_one())
