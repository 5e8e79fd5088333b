"""Totals of what was done and what has happened: for metrics, which must never fall, whatever becomes of a run.

They are written in the transaction of what they count, so that nothing is counted that was rolled back and nothing
that was committed is missed. Each process of the server adds to rows of its own (`pg_backend_pid()`), because a row
that all workers add to would let them wait for each other until they commit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from migration.model import Mode, Phase
from migration.observers.run_happenings import (
    Happening,
    PhaseEntered,
    StepGivenBack,
    StepsRecovered,
    WorkerStopped,
)

BOUNDS_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper ends of the buckets in the ledger; others need a revision of it."""
_QUIET_MINUTES: Final = 10

Counts = Mapping[tuple[str, str], int]
"""By name and label of an entry in `convoy.event_totals`."""


@dataclass(frozen=True, slots=True)
class WorkDone:
    """What steps of one run and phase have done together; counts of the whole, bytes as they were moved."""

    step_ids: Sequence[int]
    mode: Mode
    phase: Phase
    rows: int
    rows_quarantined: int
    bytes: int


def _buckets(seconds: str) -> str:
    counted = ", ".join(f"count(*) FILTER (WHERE {seconds} <= {bound})" for bound in BOUNDS_SECONDS)
    return f"ARRAY[{counted}]"


def _added(column: str) -> str:
    return f"{column} = t.{column} + excluded.{column}"


def _added_buckets(column: str) -> str:
    """A row that is new, or older than the buckets, has an array that is shorter."""
    return (
        f"{column} = ARRAY(SELECT coalesce(a, 0) + coalesce(b, 0)"
        f" FROM unnest(t.{column}, excluded.{column}) WITH ORDINALITY AS u (a, b, nth) ORDER BY nth)"
    )


def _gathered_buckets(column: str) -> str:
    return (
        f"ARRAY(SELECT sum(b)::bigint FROM gone o CROSS JOIN LATERAL unnest(o.{column}) WITH ORDINALITY AS u (b, nth)"
        f" WHERE o.mode = g.mode AND o.phase = g.phase GROUP BY nth ORDER BY nth)"
    )


_SUMS: Final = ("steps", "rows", "rows_quarantined", "bytes", "seconds", "waited")
_BUCKETS: Final = ("seconds_buckets", "waited_buckets")
_COLUMNS: Final = ", ".join((*_SUMS, *_BUCKETS))
_ADD_STEPS: Final = f"""
    ON CONFLICT (shard, mode, phase) DO UPDATE SET changed_at = excluded.changed_at,
        {", ".join([*map(_added, _SUMS), *map(_added_buckets, _BUCKETS)])}
"""
_ADD_EVENTS: Final = """
    ON CONFLICT (shard, name, label) DO UPDATE SET value = t.value + excluded.value, changed_at = excluded.changed_at
"""
# Steps of a group share their time. What was sent again was sent last.
_COUNT_STEPS: Final = text(
    f"""
    INSERT INTO convoy.step_totals AS t (shard, mode, phase, {_COLUMNS}, changed_at)
    SELECT pg_catalog.pg_backend_pid(), :mode, :phase, count(*), :rows, :rows_quarantined, :bytes,
           coalesce(sum(took), 0), coalesce(sum(waited), 0), {_buckets("took")}, {_buckets("waited")}, clock_timestamp()
    FROM (
        SELECT greatest(extract(epoch FROM clock_timestamp() - claimed_at), 0)::float8 / :number AS took,
               greatest(extract(epoch FROM claimed_at - sent_at), 0)::float8 AS waited
        FROM convoy.steps WHERE id = ANY(:step_ids)
    ) done
    {_ADD_STEPS}
    """
)
_COUNT_EVENTS: Final = text(
    f"""
    INSERT INTO convoy.event_totals AS t (shard, name, label, value, changed_at)
    SELECT pg_catalog.pg_backend_pid(), name, label, value, clock_timestamp()
    FROM unnest(CAST(:names AS text[]), CAST(:labels AS text[]), CAST(:amounts AS bigint[])) AS n (name, label, value)
    {_ADD_EVENTS}
    """
)
_GONE: Final = f"""
    DELETE FROM convoy.{{table}} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM convoy.{{table}}
        WHERE shard <> 0 AND changed_at < clock_timestamp() - interval '{_QUIET_MINUTES} minutes'
        FOR UPDATE SKIP LOCKED))
    RETURNING *
"""
_GATHER_STEPS: Final = text(
    f"""
    WITH gone AS ({_GONE.format(table="step_totals")})
    INSERT INTO convoy.step_totals AS t (shard, mode, phase, {_COLUMNS}, changed_at)
    SELECT 0, g.mode, g.phase, {", ".join(f"sum(g.{name})" for name in _SUMS)},
           {", ".join(map(_gathered_buckets, _BUCKETS))}, clock_timestamp()
    FROM gone g GROUP BY g.mode, g.phase
    {_ADD_STEPS}
    """
)
_GATHER_EVENTS: Final = text(
    f"""
    WITH gone AS ({_GONE.format(table="event_totals")})
    INSERT INTO convoy.event_totals AS t (shard, name, label, value, changed_at)
    SELECT 0, name, label, sum(value), clock_timestamp() FROM gone GROUP BY name, label
    {_ADD_EVENTS}
    """
)


def count_steps(connection: Connection, work: WorkDone) -> None:
    """Add finished steps to the totals, in the transaction that finishes them."""
    connection.execute(
        _COUNT_STEPS,
        {
            "mode": work.mode.value,
            "phase": work.phase.value,
            "rows": work.rows,
            "rows_quarantined": work.rows_quarantined,
            "bytes": work.bytes,
            "step_ids": list(work.step_ids),
            "number": float(len(work.step_ids)),
        },
    )


def add_to_totals(connection: Connection, counts: Counts) -> None:
    """Add to totals of what has happened, in the transaction that it belongs to."""
    if counts:
        keys = sorted(counts)
        values = {
            "names": [name for name, _ in keys],
            "labels": [label for _, label in keys],
            "amounts": [counts[key] for key in keys],
        }
        connection.execute(_COUNT_EVENTS, values)


def count_happening(connection: Connection, happening: Happening) -> None:
    """Add a happening to the totals, in the transaction of its entry in the log of the run."""
    counted = _COUNTED.get(type(happening))
    if counted is not None:
        add_to_totals(connection, {key: number for key, number in counted(happening).items() if number})


def gather_totals(engine: Engine) -> None:
    """Add up what nobody has added to for some minutes; no total changes by it."""
    with engine.begin() as connection:
        connection.execute(_GATHER_STEPS)
        connection.execute(_GATHER_EVENTS)


def reason_kind(reason: str) -> str:
    """Return which of a few kinds the reason of a quarantined value is of; reasons themselves may quote anything.

    >>> reason_kind("text is longer than 40 characters")
    'too_long'
    """
    return next((kind for pattern, kind in _REASONS if pattern.search(reason)), "other")


_REASONS: Final = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"^no parent row in ", "no_parent"),
        (r"^\w+ value in a column of type ", "storage_class"),
        (r"NUL", "nul"),
        (r"UTF-8", "not_utf8"),
        (r"JSON", "json"),
        (r"^text is longer|^trailing blanks", "too_long"),
        (r"(?i)uuid|sixteen bytes|16 bytes", "uuid"),
        (r"date|time|clock|seconds|duration|ISO 8601", "time"),
        (r"^number|^text is not a (whole )?number|neither true nor false", "number"),
    )
)
REASON_KINDS: Final = tuple(sorted({kind for _, kind in _REASONS} | {"other"}))


def _phase_entered(happening: PhaseEntered) -> Counts:
    if happening.left is None:
        return {("runs_started", ""): 1}
    return {("runs_ended", happening.phase.value): 1} if happening.phase.is_end else {}


def _given_back(happening: StepGivenBack) -> Counts:
    phase = happening.step.phase.value
    return {("attempts_failed", phase): 1, ("steps_failed", phase): int(happening.final)}


def _recovered(happening: StepsRecovered) -> Counts:
    phase = happening.phase.value
    return {("leases_expired", phase): happening.lost, ("messages_lost", phase): happening.stalled}


_COUNTED: Final[dict[type[Happening], Callable[[Any], Counts]]] = {
    PhaseEntered: _phase_entered,
    StepGivenBack: _given_back,
    StepsRecovered: _recovered,
    WorkerStopped: lambda _: {("workers_stopped", ""): 1},
}
