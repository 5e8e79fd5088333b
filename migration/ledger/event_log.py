"""The append-only log of a run, for the dashboard, the API and the report's timeline."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from migration.ledger.ledger_tables import events


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of the log; ids grow. `kind` is an EventName, or that of another version."""

    id: int
    at: datetime
    kind: str
    data: dict[str, Any]


def read_events(engine: Engine, run_id: str, after_id: int = 0) -> list[Event]:
    """Return the events of a run with an id above `after_id`, oldest first."""
    statement = (
        select(events.c.id, events.c.at, events.c.kind, events.c.data)
        .where(events.c.run_id == run_id, events.c.id > after_id)
        .order_by(events.c.id)
    )
    with engine.connect() as connection:
        return [Event(*row) for row in connection.execute(statement)]
