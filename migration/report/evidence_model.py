"""The part of a report that somebody who signs for a run asks for: who, when, by what, on which server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ServerReport:
    """Which server and database it was. `system_identifier` is made by initdb; null where the role may not read it."""

    system_identifier: str | None = None
    version: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True)
class ActReport:
    """Who has done what, when and where. `data` holds what belongs to it, such as the rows that a rollback counted."""

    act: str
    at: str
    person: str
    host: str
    convoy_version: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """What somebody who signs for the run wants to see beside its figures; never a password or key."""

    convoy_version: str = ""
    digest_algorithm: str = ""
    operator: str = ""
    """Who has started the run: a user of the operating system, or `token NAME`, of the API."""
    client_host: str = ""
    server: ServerReport = field(default_factory=ServerReport)
    mapping_file: str | None = None
    mapping_sha256: str | None = None
    application: str | None = None
    """Name of the application's profile, by which the run went."""
    application_sha256: str | None = None
    """Of the profile's file."""
    options: dict[str, Any] = field(default_factory=dict)
    """Every option of the run."""
    accepted_losses: tuple[str, ...] = ()
    """Losses that somebody has signed for."""
    cut_over: ActReport | None = None
    rolled_back: ActReport | None = None
    acts: tuple[ActReport, ...] = ()
    """All of them, in their order."""
