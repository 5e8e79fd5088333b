"""Which cluster begins a run: the one that it was sent to, until its snapshot is there.

Every producer looks at all runs of its ledger and moves those that nobody moves. But the file of a run may lie on one
host alone, and the password of its URL may be known to one process alone: the command that asked for the run, with the
cluster that it has for itself. Others would find no such file, and fail the run for good; and that cluster knows
nothing of the files of theirs. From the snapshot on, whoever can reach it goes on.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

from migration.ledger.event_names import EventName
from migration.ledger.run_acts import Act
from migration.ledger.run_records import RunRecord
from migration.model import Phase
from migration.own_cluster import own_cluster

_BEFORE_SNAPSHOT: Final = frozenset({Phase.PENDING, Phase.SNAPSHOTTING})
_LAST_ASKED: Final = text(
    """
    SELECT data->'data'->>'cluster' AS cluster, data->>'host' AS host FROM convoy.events
    WHERE run_id = :run_id AND kind = :act AND data->>'act' = ANY(:asked) ORDER BY id DESC LIMIT 1
    """
)


def begins_here(connection: Connection, run: RunRecord) -> bool:
    """Whether this process may move a run: it has its snapshot, or was sent to the cluster of this process."""
    if run.phase not in _BEFORE_SNAPSHOT:
        return True
    return _asked(connection, run)[0] == own_cluster()


def host_that_begins(connection: Connection, run: RunRecord) -> str | None:
    """Return the host of the command whose cluster alone begins a run; None: any of those that serve everybody do."""
    if run.phase not in _BEFORE_SNAPSHOT:
        return None
    cluster, host = _asked(connection, run)
    return host if cluster else None


def _asked(connection: Connection, run: RunRecord) -> tuple[str, str]:
    """Return the cluster for which a run was last started or resumed, and the host of whoever did."""
    values = {
        "run_id": run.id,
        "act": EventName.ACT.value,
        "asked": [Act.STARTED.value, Act.RESUMED.value],
    }
    row = connection.execute(_LAST_ASKED, values).one_or_none()
    return ("", "") if row is None else (row.cluster or "", row.host or "")
