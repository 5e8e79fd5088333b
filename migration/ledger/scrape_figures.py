"""The figures of the ledger that metrics show, read at once by a few statements.

Their time depends on what is open, not on what was done: what was done is in totals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

from migration.ledger.disk_room_notices import read_full_disks
from migration.ledger.process_presence import STEPS_AT_WORK, count_alive
from migration.model import Mode, Phase

STEP_PHASES: Final = tuple(
    phase.value for phase in (Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING)
)
"""The phases that have steps."""

_TOTALS: Final = text(
    """
    SELECT mode, phase, sum(steps) AS steps, sum(rows) AS rows, sum(rows_quarantined) AS rows_quarantined,
           sum(bytes) AS bytes, sum(seconds) AS seconds, sum(waited) AS waited,
           array_agg(to_json(seconds_buckets)) AS seconds_buckets, array_agg(to_json(waited_buckets)) AS waited_buckets
    FROM convoy.step_totals GROUP BY mode, phase
    """
)
_HAPPENED: Final = text("SELECT name, label, sum(value) FROM convoy.event_totals GROUP BY name, label")
_RUNS: Final = text("SELECT phase, count(*) FROM convoy.runs GROUP BY phase")
# Run by run and state by state, so that an index answers it without a look at a table; a scaler may ask the same.
_OPEN_STEPS: Final = text(
    """
    SELECT coalesce(sum(open.number), 0)::bigint
    FROM convoy.runs r
    CROSS JOIN (VALUES ('pending'), ('running')) AS w (state)
    CROSS JOIN LATERAL unnest(CASE r.phase WHEN 'indexing' THEN ARRAY['indexing', 'validating'] ELSE ARRAY[r.phase] END)
        AS p (phase)
    CROSS JOIN LATERAL (
        SELECT count(*) AS number FROM convoy.steps s
        WHERE s.run_id = r.id AND s.phase = p.phase AND s.state = w.state
    ) open
    WHERE r.phase IN ('profiling', 'copying', 'indexing', 'validating') AND r.paused_at IS NULL
    """
)
_RUNNING_STEPS: Final = text(
    f"""
    SELECT count(*) FROM (SELECT s.* {STEPS_AT_WORK}) s JOIN convoy.runs r ON r.id = s.run_id
    WHERE (s.phase = r.phase OR (r.phase = 'indexing' AND s.phase = 'validating')) AND r.paused_at IS NULL
    """
)
_OPEN_RUNS: Final = text(
    """
    SELECT count(*) FILTER (WHERE phase = 'pending') AS pending,
           count(*) FILTER (WHERE phase <> 'pending') AS running
    FROM convoy.runs WHERE phase IN ('pending', 'snapshotting', 'cutting_over') AND paused_at IS NULL
    """
)
# Entries that say that nothing goes on are no progress.
_QUIET: Final = text(
    """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - greatest(r.created_at, v.claimed_at, e.at))), 0)::float8
    FROM convoy.runs r
    LEFT JOIN convoy.run_service v ON v.run_id = r.id
    LEFT JOIN LATERAL (
        SELECT at FROM convoy.events WHERE run_id = r.id AND kind IN ('phase', 'planned', 'resume', 'cutover', 'act')
        ORDER BY id DESC LIMIT 1) e ON true
    WHERE r.phase IN ('pending', 'snapshotting', 'profiling', 'copying', 'indexing', 'validating', 'cutting_over')
      AND r.paused_at IS NULL
    """
)


def _numbers(rows: Sequence[Any]) -> dict[str, int]:
    return {str(row[0]): int(row[1]) for row in rows}


@dataclass(frozen=True, slots=True)
class LedgerFigures:
    """What one scrape has read. Sums are over all modes, but those of `migrated`, which wrote rows."""

    runs: Mapping[str, int]
    migrated: Mapping[str, Any]
    """By phase: the row of `_TOTALS` of real migrations."""
    all_steps: Mapping[str, list[Any]]
    """By phase: the rows of all modes."""
    happened: Mapping[tuple[str, str], int]
    waiting: Mapping[tuple[str, str], int]
    """By queue and state."""
    quiet_seconds: float
    producers: int
    workers: int
    full_disks: frozenset[str]


def read_figures(connection: Connection) -> LedgerFigures:
    """Read all that the metrics need, in nine statements whose time does not grow with finished runs."""
    totals = connection.execute(_TOTALS).all()
    running = connection.execute(_RUNNING_STEPS).scalar_one()
    # One may have ended meanwhile.
    waiting = max(0, connection.execute(_OPEN_STEPS).scalar_one() - running)
    of_runs = connection.execute(_OPEN_RUNS).one()
    present = count_alive(connection)
    return LedgerFigures(
        runs=_numbers(connection.execute(_RUNS).all()),
        migrated={row.phase: row for row in totals if row.mode == Mode.MIGRATE.value},
        all_steps={phase: [row for row in totals if row.phase == phase] for phase in STEP_PHASES},
        happened={(name, label): int(value) for name, label, value in connection.execute(_HAPPENED)},
        waiting={
            ("copy", "waiting"): waiting,
            ("copy", "running"): running,
            ("control", "waiting"): of_runs.pending,
            ("control", "running"): of_runs.running,
        },
        quiet_seconds=connection.execute(_QUIET).scalar_one(),
        producers=present.producers,
        workers=present.workers,
        full_disks=frozenset(disk.name for disk in read_full_disks(connection)),
    )
