"""Many rows of the ledger in one statement."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine, select

from migration.ledger.ledger_tables import chunks, objects, steps
from migration.ledger.record_sets import ROWS_AT_ONCE, insert_set, update_set


def test_records_keep_their_order_nulls_and_documents_over_several_parts(
    ledger: Engine, new_run: Callable[..., str]
) -> None:
    run_id = new_run()
    spec = {"text": "a 'b' \\ % :x \u4e2d", "none": None, "number": 0.1, "list": [1, {"a": True}]}
    records = [
        {
            "run_id": run_id,
            "phase": "copying",
            "spec": spec | {"place": place},
            "table_id": None,
            "weight": 2**62,
        }
        for place in range(ROWS_AT_ONCE + 3)
    ]
    with ledger.begin() as connection:
        ids = insert_set(connection, steps, records, returning="id")
        rows = connection.execute(select(steps).where(steps.c.run_id == run_id).order_by(steps.c.id)).all()
        assert ids == [row.id for row in rows]
        assert [row.spec for row in rows] == [record["spec"] for record in records]
        assert {(row.table_id, row.weight, row.state) for row in rows} == {(None, 2**62, "pending")}
        update_set(
            connection,
            steps,
            [{"id": id_, "result": None, "error": f"e{id_}", "attempts": 3} for id_ in ids[:2]],
            also_sql="state = 'failed'",
        )
        rows = connection.execute(select(steps).where(steps.c.id.in_(ids[:3])).order_by(steps.c.id)).all()
    assert [(row.state, row.error, row.attempts, row.result) for row in rows] == [
        ("failed", f"e{ids[0]}", 3, None),
        ("failed", f"e{ids[1]}", 3, None),
        ("pending", None, 0, None),
    ]


def test_doubles_are_kept_to_the_last_bit_and_nothing_is_nothing(
    ledger: Engine, new_run: Callable[..., str]
) -> None:
    run_id = new_run()
    with ledger.begin() as connection:
        assert insert_set(connection, chunks, [], returning="id") == []
        update_set(connection, chunks, [])
        insert_set(
            connection,
            objects,
            [{"run_id": run_id, "kind": "index", "name": "i", "state": "created", "owner": "t"}],
        )
        insert_set(
            connection,
            objects,
            [{"run_id": run_id, "kind": "index", "name": "i", "state": "skipped", "owner": "t"}],
            on_conflict_sql="ON CONFLICT (run_id, kind, owner, name) DO UPDATE SET state = excluded.state",
        )
        states = connection.execute(select(objects.c.state).where(objects.c.run_id == run_id)).scalars().all()
        (step,) = insert_set(
            connection,
            steps,
            [{"run_id": run_id, "phase": "copying", "spec": {"x": 0.1 + 0.2}}],
            returning="id",
        )
        spec = connection.execute(select(steps.c.spec).where(steps.c.id == step)).scalar_one()
    assert (states, spec) == (["skipped"], {"x": 0.1 + 0.2})
