"""Who did what to a run, and when: the entries `act` in its log."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any, Final

from sqlalchemy import Connection, select

from migration.ledger.event_names import EventName
from migration.ledger.ledger_tables import events
from migration.observers.run_happenings import RunActed

MAX_PERSON_CHARACTERS: Final = 255
"""The longest name of a host (RFC 1035, section 2.3.4); an address and a token's name are shorter."""


class Act(StrEnum):
    """What a person asks for, or a process does for one."""

    STARTED = "started"
    RESUMED = "resumed"
    GIVEN_UP = "given_up"  # it had failed, and is not to be resumed
    CUTOVER_ASKED = "cutover_asked"
    CUT_OVER = "cut_over"  # by whoever started, resumed or let cut over the run last, on the producer's host
    RETRIED = "retried"  # rows of the quarantine, perhaps by another mapping file
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"
    PAUSED = "paused"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class Person:
    """A user as the operating system knows them, or `token NAME` of the API, and the host that they are on.

    Both are one word of a log or report: printable, and `MAX_PERSON_CHARACTERS` long at most, whatever a ledger holds.
    """

    name: str
    host: str

    def __post_init__(self) -> None:
        """Bound what is shown."""
        for field_name in ("name", "host"):
            text = getattr(self, field_name)[:MAX_PERSON_CHARACTERS]
            shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
            object.__setattr__(self, field_name, shown)


@dataclass(frozen=True, slots=True)
class ActRecord:
    """One act. `data` holds what belongs to it: figures, names of schemas."""

    act: Act
    at: datetime
    person: Person
    convoy_version: str
    data: Mapping[str, Any] = field(default_factory=dict)


def this_person() -> Person:
    """Return the user that this process runs as, and this host."""
    try:
        name = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may run as a user without a name
        name = f"uid {os.geteuid()}"
    return Person(name, socket.gethostname())


def convoy_version() -> str:
    """Return the version of this Convoy."""
    return version("convoy-migrate")


def act_of(
    run_id: str, act: Act, person: Person | None = None, data: Mapping[str, Any] | None = None
) -> RunActed:
    """Return an act, to be written into the log of the run; without a person it is this process's user."""
    person = person or this_person()
    return RunActed(run_id, act.value, person.name, person.host, convoy_version(), dict(data or {}))


def of_cluster(cluster: str) -> dict[str, Any]:
    """Return what an act holds of the cluster that is to begin the run; nothing of those that serve everybody."""
    return {"cluster": cluster} if cluster else {}


def read_acts(connection: Connection, run_id: str) -> list[ActRecord]:
    """Return the acts of a run in their order; of runs of earlier versions there are none."""
    statement = (
        select(events.c.at, events.c.data)
        .where(events.c.run_id == run_id, events.c.kind == EventName.ACT.value)
        .order_by(events.c.id)
    )
    return [
        ActRecord(
            Act(data["act"]), at, Person(data["person"], data["host"]), data["convoy_version"], data["data"]
        )
        for at, data in connection.execute(statement)
        if data["act"] in _KNOWN
    ]


def last_act(acts: Sequence[ActRecord], *wanted: Act) -> ActRecord | None:
    """Return the latest act of one of these kinds."""
    return next((record for record in reversed(acts) if record.act in wanted), None)


_KNOWN = frozenset(act.value for act in Act)
