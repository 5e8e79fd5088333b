"""Runs by page and filter, the newest first."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self
from uuid import UUID

from sqlalchemy import Connection, cast, select, text, tuple_

from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import RunRecord, record_of
from migration.model import Mode, Phase

MAX_CURSOR_CHARS: Final = 200
# As it is, and not as a pattern: names hold % and _.
_HAS_SOURCE: Final = text(
    """
    EXISTS (SELECT FROM pg_catalog.jsonb_array_elements(convoy.runs.options -> 'sources') source
            WHERE strpos(lower(source ->> 'label'), lower(:source)) > 0
               OR strpos(lower(source ->> 'location'), lower(:source)) > 0)
    """
)
_NO_CURSOR: Final = "is no cursor; `next` of a page has it"


@dataclass(frozen=True, slots=True)
class RunCursor:
    """The last run of a page. Ids are made by the clocks of hosts, so it is the server's time that counts first."""

    created_at: datetime
    run_id: str

    @property
    def token(self) -> str:
        """Return it as text that goes into a URL."""
        return urlsafe_b64encode(f"{self.created_at.isoformat()}/{self.run_id}".encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str) -> Self:
        """Return what a token stands for.

        Raises:
            ValueError: it is none.
        """
        try:
            written = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
            time, _, run_id = written.partition("/")
            cursor = cls(datetime.fromisoformat(time), str(UUID(run_id)))
        except ValueError:
            raise ValueError(_NO_CURSOR) from None
        if cursor.created_at.tzinfo is None:
            raise ValueError(_NO_CURSOR)
        return cursor


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What runs are wanted; what is left out does not count. `source` is a part of a source's label or location."""

    phases: tuple[Phase, ...] = ()
    modes: tuple[Mode, ...] = ()
    source: str = ""
    since: datetime | None = None
    """Created then or later."""


def read_run_page(
    connection: Connection, wanted: RunFilter, limit: int, after: RunCursor | None = None
) -> tuple[Sequence[RunRecord], RunCursor | None]:
    """Return a page of runs, and the cursor of the following one; None where it is the last."""
    statement = select(runs).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(limit + 1)
    if wanted.phases:
        statement = statement.where(runs.c.phase.in_([phase.value for phase in wanted.phases]))
    if wanted.modes:
        statement = statement.where(runs.c.mode.in_([mode.value for mode in wanted.modes]))
    if wanted.since is not None:
        statement = statement.where(runs.c.created_at >= wanted.since)
    if wanted.source:
        statement = statement.where(_HAS_SOURCE.bindparams(source=wanted.source))
    if after is not None:
        place = tuple_(runs.c.created_at, runs.c.id)
        statement = statement.where(place < tuple_(after.created_at, cast(after.run_id, runs.c.id.type)))
    found = [record_of(row) for row in connection.execute(statement)]
    page = found[:limit]
    last = RunCursor(page[-1].created_at, page[-1].id) if len(found) > limit else None
    return page, last
