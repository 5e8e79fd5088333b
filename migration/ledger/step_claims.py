"""Who works on what: a worker asks for the step whose turn it is, and takes it in the same statement.

A message to the workers is a wake-up call for so many steps, of whatever run. So a big run's queue is nobody else's
queue, and a priority, a limit or a pause takes effect with the next step.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, TextualSelect, text

from migration.ledger.ledger_tables import chunks, runs, sources, steps, tables
from migration.ledger.step_records import Step
from migration.model import Phase

LEVEL_BYTES: Final = 32 * 1024 * 1024
"""Runs that were given less than this are served before all others of their priority; from there on, each doubling
is a level of its own: those of a lower level first, and in a level the oldest. So small runs end in the time of their
own order, and large ones share what is left."""
STARVING_SECONDS: Final = 10.0
"""A run that was given nothing for so long gets the next step, whatever its level and priority."""
LOST_SECONDS: Final = 2.0
"""A worker locks its step at once. One that is marked as running, is not locked and was claimed longer ago than this
has lost its worker."""
MOST_IN_A_GROUP: Final = 32
SMALL_BYTES: Final = 128 * 1024
"""Steps that weigh no more than this are claimed together, worked on in one transaction, and ended so."""
_LOOKED_AT_SECONDS: Final = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Another claim, begun before this one was committed, may have the row for the time of its statement: as it locks a
step it finds that this is not what waited any more."""

# Written out, because every step pays for it: one round trip, and nothing to be composed. `free` holds WORKED_AHEAD.
_TAKE: Final = """
    claimed AS (
        UPDATE convoy.steps s
        SET state = 'running', attempts = s.attempts + 1, worker = :worker, claimed_at = clock_timestamp(),
            lease_expires_at = clock_timestamp() + make_interval(secs => :lease_seconds)
        FROM free WHERE s.id = free.id
        RETURNING s.id, s.run_id, s.phase, s.stage, s.table_id, s.chunk_id, s.spec, s.attempts, s.weight
    ), copied AS (
        UPDATE convoy.chunks c SET state = 'running', attempts = claimed.attempts, worker = :worker
        FROM claimed WHERE c.id = claimed.chunk_id AND claimed.phase = 'copying'
    ), served AS (
        INSERT INTO convoy.run_service AS v (run_id, bytes, claimed_at)
        SELECT run_id, sum(weight), clock_timestamp() FROM claimed GROUP BY run_id
        ON CONFLICT (run_id) DO UPDATE SET bytes = v.bytes + excluded.bytes, claimed_at = excluded.claimed_at
    )
    SELECT claimed.id, claimed.run_id, claimed.phase, claimed.stage, claimed.table_id, claimed.chunk_id, claimed.spec,
           claimed.attempts, o.label AS source, t.name AS table, c.position AS chunk, r.traceparent
    FROM claimed
    JOIN convoy.runs r ON r.id = claimed.run_id
    LEFT JOIN convoy.chunks c ON c.id = claimed.chunk_id
    LEFT JOIN convoy.tables t ON t.id = coalesce(claimed.table_id, c.table_id)
    LEFT JOIN convoy.sources o ON o.id = t.source_id
    ORDER BY claimed.weight DESC, claimed.id
"""
_NAMED: Final = """
    WITH free AS (
        SELECT s.id FROM convoy.steps s JOIN convoy.runs r ON r.id = s.run_id
        WHERE s.id = :step_id AND s.state IN ('pending', 'running') AND r.paused_at IS NULL
          AND (r.phase = s.phase OR (r.phase = 'indexing' AND s.phase = 'validating'))
        FOR UPDATE OF s SKIP LOCKED
    ),
"""
# The lateral query is asked run by run, in the order of the runs, until one has a step: it locks no other.
_IN_TURN: Final = f"""
    WITH turn AS (
        SELECT r.id, r.phase, r.max_workers IS NULL AND r.mode = 'migrate' AS has_groups FROM (
            SELECT r.id, r.phase, r.mode, r.max_workers, r.priority, v.claimed_at,
                   coalesce(v.claimed_at, r.created_at)
                       < clock_timestamp() - make_interval(secs => {STARVING_SECONDS}) AS is_starving,
                   floor(ln(greatest(coalesce(v.bytes, 0) / {LEVEL_BYTES}::float8, 0.5)) / ln(2)) AS level
            FROM convoy.runs r LEFT JOIN convoy.run_service v ON v.run_id = r.id
            WHERE r.phase IN ('profiling', 'copying', 'indexing', 'validating') AND r.paused_at IS NULL
              AND r.id <> ALL (CAST(:set_aside AS uuid[]))
              AND (r.max_workers IS NULL OR r.max_workers > (
                  SELECT count(*) FROM convoy.steps s WHERE s.run_id = r.id AND s.state = 'running'))
        ) r
        ORDER BY is_starving DESC, priority DESC, CASE WHEN is_starving THEN claimed_at END NULLS FIRST, level, id
    ), first AS (
        SELECT step.*, turn.has_groups FROM turn CROSS JOIN LATERAL (
            SELECT * FROM (
                SELECT s.id, s.run_id, s.phase, s.stage, s.weight, s.attempts, s.table_id, s.chunk_id, s.state
                FROM convoy.steps s
                WHERE s.run_id = turn.id AND s.phase = turn.phase AND s.state = 'pending' AND s.sent_at IS NOT NULL
                ORDER BY s.weight DESC, s.id LIMIT 1 FOR UPDATE SKIP LOCKED) of_the_phase
            UNION ALL
            SELECT * FROM (
                SELECT s.id, s.run_id, s.phase, s.stage, s.weight, s.attempts, s.table_id, s.chunk_id, s.state
                FROM convoy.steps s
                WHERE s.run_id = turn.id AND turn.phase = 'indexing' AND s.phase = 'validating'
                  AND s.state = 'pending' AND s.sent_at IS NOT NULL
                ORDER BY s.weight DESC, s.id LIMIT 1 FOR UPDATE SKIP LOCKED) ahead_of_it
            UNION ALL
            SELECT * FROM (
                SELECT s.id, s.run_id, s.phase, s.stage, s.weight, s.attempts, s.table_id, s.chunk_id, s.state
                FROM convoy.steps s
                WHERE s.run_id = turn.id AND s.state = 'running'
                  AND (s.phase = turn.phase OR (turn.phase = 'indexing' AND s.phase = 'validating'))
                  AND s.claimed_at < clock_timestamp() - make_interval(secs => :lost_seconds)
                LIMIT 1 FOR UPDATE SKIP LOCKED) lost
            LIMIT 1
        ) step LIMIT 1
    ), free AS (
        SELECT id FROM first
        UNION ALL
        SELECT brother.id FROM first CROSS JOIN LATERAL (
            SELECT s.id FROM convoy.steps s
            WHERE s.run_id = first.run_id AND s.phase = first.phase AND s.stage = first.stage
              AND s.state = 'pending' AND s.sent_at IS NOT NULL AND s.attempts = 0
              AND coalesce(s.chunk_id, s.table_id) IS NOT NULL
              AND s.weight <= first.weight AND s.id <> first.id
            ORDER BY s.weight DESC, s.id LIMIT CAST(:most AS bigint) - 1 FOR UPDATE SKIP LOCKED
        ) brother
        WHERE :most > 1 AND first.has_groups AND first.state = 'pending' AND first.attempts = 0
          AND first.weight <= :small_bytes AND coalesce(first.chunk_id, first.table_id) IS NOT NULL
    ),
"""


def _claim(free: str) -> TextualSelect:
    columns = ("id", "run_id", "phase", "stage", "table_id", "chunk_id", "spec", "attempts")
    names = (sources.c.label.label("source"), tables.c.name.label("table"), chunks.c.position.label("chunk"))
    trace = runs.c.traceparent
    return text(free + _TAKE).columns(*(steps.c[name] for name in columns), *names, trace)


_CLAIM_NAMED: Final = _claim(_NAMED)
_CLAIM_IN_TURN: Final = _claim(_IN_TURN)
_LOCK_ALL: Final = text(
    """
    SELECT id FROM convoy.steps
    WHERE id = ANY(:step_ids) AND state = 'running' AND worker = :worker AND attempts = 1
    FOR UPDATE SKIP LOCKED
    """
)
_RETURN: Final = text(
    """
    WITH returned AS (
        UPDATE convoy.steps SET state = 'pending', attempts = attempts - 1, lease_expires_at = clock_timestamp(),
               sent_at = NULL
        WHERE id = ANY(:step_ids) AND state = 'running' AND worker = :worker AND attempts = 1
        RETURNING chunk_id, phase
    )
    UPDATE convoy.chunks c SET state = 'pending', attempts = 0
    FROM returned WHERE c.id = returned.chunk_id AND returned.phase = 'copying'
    """
)
_LOCK: Final = text(
    "SELECT id FROM convoy.steps WHERE id = :step_id AND state = 'running' FOR UPDATE SKIP LOCKED"
)
_BEYOND_LIMIT: Final = text(
    """
    UPDATE convoy.steps SET state = 'pending', attempts = attempts - 1, lease_expires_at = NULL
    WHERE id = :step_id AND state = 'running' AND id NOT IN (
        SELECT s.id FROM convoy.steps s WHERE s.run_id = :run_id AND s.state = 'running'
        ORDER BY s.claimed_at, s.id LIMIT (SELECT max_workers FROM convoy.runs WHERE id = :run_id))
    RETURNING id
    """
)
_WAITS_WITHIN_LIMIT: Final = text(
    """
    SELECT EXISTS (
        SELECT FROM convoy.runs r
        WHERE r.id = :run_id AND r.paused_at IS NULL AND r.max_workers > (
                  SELECT count(*) FROM convoy.steps s WHERE s.run_id = r.id AND s.state = 'running')
          AND EXISTS (
              SELECT FROM convoy.steps s
              WHERE s.run_id = r.id AND s.state = 'pending' AND s.sent_at IS NOT NULL
                AND (s.phase = r.phase OR (r.phase = 'indexing' AND s.phase = 'validating'))))
    """
)
_UNDER_WAY: Final = text(
    """
    SELECT EXISTS (SELECT FROM convoy.steps WHERE run_id = :run_id AND phase = :phase AND state = 'running')
        OR EXISTS (SELECT FROM convoy.steps WHERE run_id = :run_id AND phase = :phase AND state = 'pending'
                   AND sent_at IS NOT NULL)
    """
)


def claim(connection: Connection, step_id: int, worker: str, lease_seconds: float) -> Step | None:
    """Count an attempt at the step that is named and take its lease, in a transaction of its own.

    Returns:
        None where there is nothing to do: the step is finished, another worker holds it, its run is paused,
        or is not in the step's phase, nor in one that it may be worked ahead in.
    """
    values = {"step_id": step_id, "worker": worker, "lease_seconds": lease_seconds}
    claimed = _taken(connection, _CLAIM_NAMED, values)
    return claimed[0] if claimed else None


def claim_next(
    connection: Connection, worker: str, lease_seconds: float, *, lost_seconds: float = LOST_SECONDS
) -> Step | None:
    """Claim one step: `claim_group` without a group."""
    claimed = claim_group(connection, worker, lease_seconds, most=1, lost_seconds=lost_seconds)
    return claimed[0] if claimed else None


def claim_group(
    connection: Connection,
    worker: str,
    lease_seconds: float,
    *,
    most: int = MOST_IN_A_GROUP,
    lost_seconds: float = LOST_SECONDS,
    set_aside: Sequence[str] = (),
) -> list[Step]:
    """Count an attempt at the step whose turn it is and take its lease, in transactions of its own.

    A small one brings its next brothers along, of the same run, phase and stage. Never one that was tried before (it
    may be what kills its worker), and none of a run that counts its workers by their steps.

    Args:
        connection: one that commits each statement by itself.
        worker: who asks, as the ledger names it.
        lease_seconds: how long the steps are its own without a sign of life.
        most: steps to claim at once, at least 1.
        lost_seconds: how long ago a step was claimed that is taken from a worker which does not hold it.
        set_aside: ids of runs whose steps are not wanted.

    Returns:
        The heaviest first; empty where nothing waits that may be started now.
    """
    values = {
        "worker": worker,
        "lease_seconds": lease_seconds,
        "lost_seconds": lost_seconds,
        "most": min(most, MOST_IN_A_GROUP),
        "small_bytes": SMALL_BYTES,
        "set_aside": list(set_aside),
    }
    return _taken(connection, _CLAIM_IN_TURN, values)


def _taken(connection: Connection, statement: TextualSelect, values: dict[str, Any]) -> list[Step]:
    claimed = connection.execute(statement, values).all()
    return [Step(**{**row._asdict(), "phase": Phase(row.phase)}) for row in claimed]


def is_beyond_limit(connection: Connection, step: Step) -> bool:
    """Give a step back that was claimed at the same moment as another, where only one of them was within the limit."""
    values = {"step_id": step.id, "run_id": step.run_id}
    return connection.execute(_BEYOND_LIMIT, values).one_or_none() is not None


def waits_within_limit(connection: Connection, run_id: str) -> bool:
    """Return whether a run that has a limit of workers has steps for one more; False for a run without a limit."""
    return bool(connection.execute(_WAITS_WITHIN_LIMIT, {"run_id": run_id}).scalar_one())


def is_under_way(connection: Connection, run_id: str, phase: Phase) -> bool:
    """Return whether workers have steps of a phase in their hands, or will take them; the producer waits."""
    return bool(connection.execute(_UNDER_WAY, {"run_id": run_id, "phase": phase.value}).scalar_one())


def lock_step(connection: Connection, step_id: int) -> bool:
    """Lock a claimed step for the time of its transaction; False where somebody else has it or finished it."""
    for pause_seconds in (*_LOOKED_AT_SECONDS, None):
        if connection.execute(_LOCK, {"step_id": step_id}).one_or_none() is not None:
            return True
        if pause_seconds is not None:
            time.sleep(pause_seconds)
    return False


def lock_group(connection: Connection, steps: Sequence[Step], worker: str) -> bool:
    """Lock steps that were claimed together; False where somebody has taken or finished one of them since."""
    values = {"step_ids": [step.id for step in steps], "worker": worker}
    return len(connection.execute(_LOCK_ALL, values).all()) == len(steps)


def return_untried(connection: Connection, steps: Sequence[Step], worker: str) -> None:
    """Let steps of a group wait to be sent again as if they had not been claimed."""
    connection.execute(_RETURN, {"step_ids": [step.id for step in steps], "worker": worker})
