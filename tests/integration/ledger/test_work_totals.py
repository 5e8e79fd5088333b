from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from migration.ledger.event_log_observer import log_happenings
from migration.ledger.run_records import create_run
from migration.ledger.scrape_figures import LedgerFigures, read_figures
from migration.ledger.work_totals import (
    BOUNDS_SECONDS,
    REASON_KINDS,
    WorkDone,
    add_to_totals,
    count_steps,
    gather_totals,
    reason_kind,
)
from migration.model import Mode, Phase, Source
from migration.observers.run_happenings import StepsRecovered, WorkerStopped
from migration.run_options import RunOptions

OPTIONS = RunOptions(sources=(Source("s", "s.db"),), target_schema="s")


@pytest.fixture
def run_id(ledger: Engine) -> str:
    return create_run(ledger, OPTIONS)


def _steps(ledger: Engine, run_id: str, *seconds: float, waited: float = 0.2) -> list[int]:
    statement = text(
        """
        INSERT INTO convoy.steps (run_id, phase, state, claimed_at, sent_at)
        SELECT :run_id, 'copying', 'done', clock_timestamp() - make_interval(secs => s),
               clock_timestamp() - make_interval(secs => s + :waited)
        FROM unnest(CAST(:seconds AS float8[])) AS s RETURNING id
        """
    )
    with ledger.begin() as connection:
        values = {"run_id": run_id, "seconds": list(seconds), "waited": waited}
        return list(connection.execute(statement, values).scalars())


def _work(step_ids: list[int], mode: Mode = Mode.MIGRATE) -> WorkDone:
    return WorkDone(step_ids, mode, Phase.COPYING, rows=10, rows_quarantined=1, bytes=100)


def _figures(ledger: Engine) -> LedgerFigures:
    with ledger.connect() as connection:
        return read_figures(connection)


def _copied(ledger: Engine) -> Any:
    return _figures(ledger).migrated["copying"]


def test_finished_steps_are_added_with_their_time_and_their_wait(ledger: Engine, run_id: str) -> None:
    for step_id in _steps(ledger, run_id, 3.0, 40.0):
        with ledger.begin() as connection:
            count_steps(connection, _work([step_id]))
    row = _copied(ledger)
    assert (row.steps, row.rows, row.rows_quarantined, row.bytes) == (2, 20, 2, 200)
    assert 43 <= row.seconds < 60
    assert row.waited == pytest.approx(0.4, abs=0.01)
    totals = [sum(column) for column in zip(*row.seconds_buckets, strict=True)]
    assert dict(zip(BOUNDS_SECONDS, totals, strict=True))[2.5] == 0
    assert dict(zip(BOUNDS_SECONDS, totals, strict=True))[10.0] == 1
    assert dict(zip(BOUNDS_SECONDS, totals, strict=True))[60.0] == 2


def test_steps_of_a_group_share_their_time(ledger: Engine, run_id: str) -> None:
    with ledger.begin() as connection:
        count_steps(connection, _work(_steps(ledger, run_id, 8.0, 8.0, 8.0, 8.0)))
    row = _copied(ledger)
    assert row.steps == 4
    assert 8 <= row.seconds < 20


def test_what_is_rolled_back_is_not_counted(ledger: Engine, run_id: str) -> None:
    step_ids = _steps(ledger, run_id, 1.0)
    with ledger.connect() as connection:
        count_steps(connection, _work(step_ids))
        add_to_totals(connection, {("findings", "missing_row"): 3})
        connection.rollback()
    figures = _figures(ledger)
    assert "copying" not in figures.migrated
    assert ("findings", "missing_row") not in figures.happened


def test_rows_of_a_dry_run_are_not_those_of_a_migration(ledger: Engine, run_id: str) -> None:
    with ledger.begin() as connection:
        count_steps(connection, _work(_steps(ledger, run_id, 1.0), Mode.DRY_RUN))
    figures = _figures(ledger)
    assert "copying" not in figures.migrated
    assert [row.steps for row in figures.all_steps["copying"]] == [1]


def test_nobody_waits_for_a_transaction_that_counts(ledger: Engine, run_id: str) -> None:
    first, second = _steps(ledger, run_id, 1.0, 1.0)
    with ledger.begin() as slow:
        count_steps(slow, _work([first]))
        add_to_totals(slow, {("findings", "missing_row"): 1, ("runs_ended", "failed"): 1})
        with ledger.begin() as other:
            other.execute(text("SET LOCAL lock_timeout = '2s'"))
            add_to_totals(other, {("runs_ended", "failed"): 1, ("findings", "missing_row"): 1})
            count_steps(other, _work([second]))
        gather_totals(ledger)
    assert _copied(ledger).steps == 2
    assert _figures(ledger).happened["findings", "missing_row"] == 2


def test_gathering_changes_no_total_and_may_be_done_by_many_at_once(ledger: Engine, run_id: str) -> None:
    for number in range(6):
        with ledger.begin() as connection:
            count_steps(connection, _work(_steps(ledger, run_id, 0.5 * number)))
            add_to_totals(connection, {("findings", f"kind_{number % 2}"): number})
            # As if each were of another process of the server, some minutes ago.
            for table in ("step_totals", "event_totals"):
                connection.execute(
                    text(
                        f"UPDATE convoy.{table} SET shard = -{number + 1},"
                        " changed_at = changed_at - interval '1 hour' WHERE shard > 0"
                    )
                )
    before, happened = _copied(ledger), _figures(ledger).happened
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(gather_totals, [ledger] * 3))
    after = _copied(ledger)
    for name in ("steps", "rows", "rows_quarantined", "bytes", "seconds", "waited"):
        assert getattr(after, name) == pytest.approx(getattr(before, name))
    assert [sum(column) for column in zip(*after.seconds_buckets, strict=True)] == [
        sum(column) for column in zip(*before.seconds_buckets, strict=True)
    ]
    assert _figures(ledger).happened == happened
    with ledger.connect() as connection:
        shards = connection.execute(
            text("SELECT array_agg(DISTINCT shard) FROM convoy.step_totals")
        ).scalar_one()
    assert shards == [0]
    gather_totals(ledger)  # a second time there is nothing, and a new one is added to what is there
    with ledger.begin() as connection:
        count_steps(connection, _work(_steps(ledger, run_id, 1.0)))
        connection.execute(text("UPDATE convoy.step_totals SET changed_at = changed_at - interval '1 hour'"))
    gather_totals(ledger)
    assert _copied(ledger).steps == before.steps + 1


def test_what_happens_to_runs_is_counted_with_its_entry_in_the_log(ledger: Engine, run_id: str) -> None:
    with ledger.begin() as connection:
        log_happenings(
            connection,
            [
                StepsRecovered(run_id, Phase.COPYING, 2, 0),
                WorkerStopped(run_id, 1, "chunk 1", "w", "It was silent"),
            ],
        )
    happened = _figures(ledger).happened
    assert happened["leases_expired", "copying"] == 2
    assert ("messages_lost", "copying") not in happened
    assert happened["workers_stopped", ""] == 1
    assert happened["runs_started", ""] == 1


def test_open_steps_and_quiet_time_are_those_of_runs_that_go_on(ledger: Engine, run_id: str) -> None:
    figures = _figures(ledger)
    assert figures.waiting["control", "waiting"] == 1
    assert figures.quiet_seconds < 60
    with ledger.begin() as connection:
        connection.execute(
            text("UPDATE convoy.runs SET phase = 'copying', created_at = created_at - interval '1 hour'")
        )
        connection.execute(text("UPDATE convoy.events SET at = at - interval '1 hour'"))
        connection.execute(
            text("INSERT INTO convoy.events (run_id, kind, data) VALUES (:run_id, 'waiting', :data)"),
            {"run_id": run_id, "data": json.dumps({"phase": "copying", "reason": "x"})},
        )
        for state, number in (("pending", 3), ("running", 2), ("done", 5)):
            connection.execute(
                text(
                    "INSERT INTO convoy.steps (run_id, phase, state, worker, lease_expires_at)"
                    " SELECT :run_id, 'copying', :state, 'w@host:1', now() + interval '1 min'"
                    " FROM generate_series(1, :number)"
                ),
                {"run_id": run_id, "state": state, "number": number},
            )
    figures = _figures(ledger)
    assert (figures.waiting["copy", "waiting"], figures.waiting["copy", "running"]) == (3, 2)
    assert figures.quiet_seconds >= 3600  # to wait is no progress
    with ledger.begin() as connection:  # the worker dies, and nobody has taken its steps yet
        connection.execute(text("UPDATE convoy.steps SET lease_expires_at = now() WHERE state = 'running'"))
    figures = _figures(ledger)
    assert (figures.waiting["copy", "waiting"], figures.waiting["copy", "running"]) == (5, 0)
    with ledger.begin() as connection:
        connection.execute(text("UPDATE convoy.runs SET paused_at = now()"))
    figures = _figures(ledger)
    assert figures.waiting["copy", "waiting"] == 0
    assert figures.quiet_seconds == 0


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("no parent row in author has this key", "no_parent"),
        ("blob value in a column of type integer", "storage_class"),
        ("blob is not valid UTF-8 text", "not_utf8"),
        ("text is longer than 40 characters", "too_long"),
        ("number does not fit 32 bits", "number"),
        ("text is not a whole number", "number"),
        ("there is no such date and time", "time"),
        ("seconds have more than 3 decimal places", "time"),
        ("JSON holds the character NUL, which jsonb cannot store", "nul"),
        ('new row for relation "book" violates check constraint', "other"),
    ],
)
def test_reasons_are_of_few_kinds(reason: str, kind: str) -> None:
    assert reason_kind(reason) == kind
    assert kind in REASON_KINDS
