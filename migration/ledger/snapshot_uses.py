"""What the ledger knows about runs that read snapshots."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, text

from migration.model import Phase
from migration.source.snapshots.snapshot_retention import Use

_USES = text(
    """
    SELECT CAST(r.id AS text) AS id, r.phase,
           greatest(coalesce(extract(epoch FROM clock_timestamp() - r.finished_at), 0), 0)::float8 AS ended_seconds,
           EXISTS (SELECT FROM convoy.quarantine q WHERE q.run_id = r.id) AS has_quarantine,
           EXISTS (SELECT FROM convoy.events e
                   WHERE e.run_id = r.id AND e.kind = 'act' AND e.data->>'act' = 'purged') AS is_purged,
           r.given_up_at IS NOT NULL AS is_given_up,
           ARRAY(SELECT s.sha256 FROM convoy.sources s WHERE s.run_id = r.id AND s.sha256 = ANY(:hashes)) AS hashes
    FROM convoy.runs r
    WHERE CAST(r.id AS text) = ANY(:run_ids)
       OR EXISTS (SELECT FROM convoy.sources s WHERE s.run_id = r.id AND s.sha256 = ANY(:hashes))
    """
)


def read_uses(
    connection: Connection, hashes: Collection[str], run_ids: Collection[str]
) -> tuple[dict[str, Use], dict[str, list[str]]]:
    """Return the runs that have one of these ids or have read one of these snapshots, and who has read which."""
    uses: dict[str, Use] = {}
    users: dict[str, list[str]] = {}
    for row in connection.execute(_USES, {"hashes": list(hashes), "run_ids": list(run_ids)}):
        uses[row.id] = Use(
            Phase(row.phase), row.ended_seconds, row.has_quarantine, row.is_purged, row.is_given_up
        )
        for sha256 in row.hashes:
            users.setdefault(sha256, []).append(row.id)
    return uses, users
