from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from tests.integration.api.conftest import RunningApi

V1 = "/api/v1/migration"

LAY_OUT = """
WITH source AS (
    INSERT INTO convoy.sources (run_id, label, location, snapshot, sha256, bytes, schema)
    VALUES (:run_id, 'school', '/s', '/s', 's', 1, '{}') RETURNING id
), made AS (
    INSERT INTO convoy.tables (run_id, source_id, name, rows)
    SELECT :run_id, source.id, 't' || n, :chunks * 10 FROM source, generate_series(1, :tables) n RETURNING id
), cut AS (
    INSERT INTO convoy.chunks (run_id, table_id, position, key_range, rows, bytes)
    SELECT :run_id, made.id, n, '{"columns": ["id"], "after": ["1"], "upto": null}', 10, 100
    FROM made, generate_series(0, :chunks - 1) n ORDER BY made.id, n RETURNING id, table_id
)
INSERT INTO convoy.steps (run_id, phase, table_id, chunk_id, sent_at)
SELECT :run_id, phase, table_id, id, now() FROM cut, unnest(ARRAY['profiling', 'copying']) phase
"""


def lay_out(api: RunningApi, *, tables: int, chunks: int, phase: str = "copying") -> str:
    """Make a run with tables of so many chunks, each of 10 rows."""
    run_id = str(api.client.post(f"{V1}/start", json={"sources": ["school.db"]}).json()["run_id"])
    with api.engine.begin() as connection:
        connection.execute(text(LAY_OUT), {"run_id": run_id, "tables": tables, "chunks": chunks})
        connection.execute(
            text("UPDATE convoy.runs SET phase = :phase WHERE id = :id"), {"phase": phase, "id": run_id}
        )
    return run_id


def change(api: RunningApi, statement: str, run_id: str) -> None:
    with api.engine.begin() as connection:
        connection.execute(text(statement), {"run_id": run_id})


DONE = """
WITH chosen AS (SELECT id FROM convoy.chunks WHERE run_id = :run_id ORDER BY id LIMIT 3),
stepped AS (
    UPDATE convoy.steps SET state = 'done', attempts = 2, worker = 'w1', claimed_at = now() - interval '4 s',
           finished_at = now() - interval '3 s'
    WHERE phase = 'copying' AND chunk_id IN (SELECT id FROM chosen)
)
UPDATE convoy.chunks SET state = 'done', attempts = 2, worker = 'w1', rows_loaded = 8, rows_quarantined = 2,
       seconds = 0.5, finished_at = now() - interval '3 s'
WHERE id IN (SELECT id FROM chosen)
"""


def test_each_chunk_has_a_cell_where_there_are_cells_enough(api: RunningApi) -> None:
    run_id = lay_out(api, tables=2, chunks=3)
    change(api, DONE, run_id)

    found = api.client.get(f"{V1}/{run_id}/chunk-map").json()

    assert [cell["chunks"] for cell in found["cells"]] == [1] * 6
    assert [cell["done"] for cell in found["cells"]] == [1, 1, 1, 0, 0, 0]
    assert all(cell["first"] == cell["last"] for cell in found["cells"])
    assert (found["chunks"], found["phase"]) == (6, "copying")
    assert (found["rows_total"], found["rows_loaded"], found["rows_quarantined"]) == (60, 24, 6)


@pytest.mark.parametrize("cells", [1, 2, 3, 4, 5, 6, 7, 599])
def test_cells_together_hold_every_chunk_once_and_in_order(api: RunningApi, cells: int) -> None:
    run_id = lay_out(api, tables=2, chunks=3)

    found = api.client.get(f"{V1}/{run_id}/chunk-map?cells={cells}").json()["cells"]

    assert len(found) == min(cells, 6)
    assert sum(cell["chunks"] for cell in found) == 6
    assert max(cell["chunks"] for cell in found) - min(cell["chunks"] for cell in found) <= 1
    assert all(before["last"] < after["first"] for before, after in pairwise(found))


def test_the_map_is_bounded_for_tens_of_thousands_of_chunks_and_opens_by_ids(api: RunningApi) -> None:
    run_id = lay_out(api, tables=20, chunks=1_000)

    answer = api.client.get(f"{V1}/{run_id}/chunk-map?cells=600")
    cell = answer.json()["cells"][77]
    opened = api.client.get(f"{V1}/{run_id}/chunk-map?first={cell['first']}&last={cell['last']}").json()
    page = api.client.get(f"{V1}/{run_id}/chunks?limit=500").json()

    assert len(answer.content) < 100_000
    assert answer.json()["chunks"] == 20_000
    assert len(opened["cells"]) == cell["chunks"]
    assert len(page["chunks"]) == 500


def test_one_table_alone(api: RunningApi) -> None:
    run_id = lay_out(api, tables=3, chunks=2)
    found = api.client.get(f"{V1}/{run_id}/chunk-map?source=school&table=t2").json()
    assert found["chunks"] == 2
    assert api.client.get(f"{V1}/{run_id}/chunk-map?source=other&table=t2").json()["chunks"] == 0


def test_while_it_profiles_the_states_are_those_of_the_profiling(api: RunningApi) -> None:
    run_id = lay_out(api, tables=1, chunks=2, phase="profiling")
    change(
        api,
        """
        UPDATE convoy.steps SET state = 'running', worker = 'w9', attempts = 1,
               lease_expires_at = now() + interval '1 min'
        WHERE run_id = :run_id AND phase = 'profiling'
          AND chunk_id = (SELECT min(id) FROM convoy.chunks WHERE run_id = :run_id)
        """,
        run_id,
    )

    found = api.client.get(f"{V1}/{run_id}/chunk-map").json()
    chunks = api.client.get(f"{V1}/{run_id}/chunks").json()

    assert found["phase"] == chunks["phase"] == "profiling"
    assert [cell["running"] for cell in found["cells"]] == [1, 0]
    assert [(chunk["state"], chunk["worker"]) for chunk in chunks["chunks"]] == [
        ("running", "w9"),
        ("pending", None),
    ]


@pytest.mark.parametrize("phase", ["profiling", "copying"])
def test_chunks_of_a_dead_worker_wait(api: RunningApi, phase: str) -> None:
    run_id = lay_out(api, tables=1, chunks=3, phase=phase)
    change(
        api,
        f"""
        WITH given AS (
            SELECT id, CASE row_number() OVER (ORDER BY id) WHEN 1 THEN 'alive' ELSE 'dead' END AS node
            FROM convoy.chunks WHERE run_id = :run_id ORDER BY id LIMIT 2),
        signs AS (
            INSERT INTO convoy.processes (kind, name, host, pid, version, slots, started_at, seen_at)
            SELECT 'worker', node, 'host', 1, '1', 1, now(),
                   now() - CASE node WHEN 'dead' THEN interval '1 min' ELSE interval '0' END FROM given),
        s AS (UPDATE convoy.steps SET state = 'running', worker = concat(node, chr(58), 7), attempts = 1,
                     lease_expires_at = now() + interval '1 min'
              FROM given WHERE chunk_id = given.id AND phase = '{phase}')
        UPDATE convoy.chunks SET state = 'running' FROM given WHERE chunks.id = given.id AND '{phase}' = 'copying'
        """,
        run_id,
    )

    cells = api.client.get(f"{V1}/{run_id}/chunk-map").json()["cells"]
    chunks = api.client.get(f"{V1}/{run_id}/chunks").json()["chunks"]
    waiting = api.client.get(f"{V1}/{run_id}/chunks?state=pending").json()["chunks"]

    assert [cell["running"] for cell in cells] == [1, 0, 0]
    assert [chunk["state"] for chunk in chunks] == ["running", "pending", "pending"]
    assert [chunk["id"] for chunk in waiting] == [chunk["id"] for chunk in chunks[1:]]


def test_a_chunk_tells_attempts_worker_times_and_error(api: RunningApi) -> None:
    run_id = lay_out(api, tables=1, chunks=4)
    change(api, DONE, run_id)
    change(
        api,
        """
        WITH last AS (SELECT max(id) AS id FROM convoy.chunks WHERE run_id = :run_id),
        s AS (UPDATE convoy.steps SET state = 'failed', attempts = 5, error = 'The disk is full.', worker = 'w2'
              FROM last WHERE chunk_id = last.id AND phase = 'copying')
        UPDATE convoy.chunks SET state = 'failed' FROM last WHERE chunks.id = last.id
        """,
        run_id,
    )

    chunks = api.client.get(f"{V1}/{run_id}/chunks").json()["chunks"]
    [failed] = api.client.get(f"{V1}/{run_id}/chunks?state=failed").json()["chunks"]

    assert [chunk["position"] for chunk in chunks] == [0, 1, 2, 3]
    assert chunks[0] | {"id": 0, "started_at": "", "finished_at": ""} == {
        "id": 0, "source": "school", "table": "t1", "position": 0, "chunks_of_table": 4, "state": "done", "attempts": 2,
        "worker": "w1", "rows": 10, "bytes": 100, "rows_loaded": 8, "rows_quarantined": 2, "seconds": 0.5,
        "started_at": "", "finished_at": "", "error": None,
        "key_range": {"columns": ["id"], "after": ["1"], "upto": None},
    }  # fmt: skip
    assert (failed["attempts"], failed["worker"], failed["error"]) == (5, "w2", "The disk is full.")


def test_pages_of_chunks_hold_each_once(api: RunningApi) -> None:
    run_id = lay_out(api, tables=3, chunks=5)
    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        page = api.client.get(f"{V1}/{run_id}/chunks?limit=4&after={after}").json()
        seen += [chunk["id"] for chunk in page["chunks"]]
        after = page["next_after"]
    assert seen == sorted(set(seen))
    assert len(seen) == 15


def test_throughput_counts_every_chunk_that_is_done_once(api: RunningApi) -> None:
    run_id = lay_out(api, tables=1, chunks=5)
    nothing = api.client.get(f"{V1}/{run_id}/throughput").json()
    change(api, DONE, run_id)

    found = api.client.get(f"{V1}/{run_id}/throughput?spans=4").json()

    assert nothing == {
        "started_at": None, "seconds_per_span": 0.0, "rows": [], "rows_quarantined": [], "bytes": [],
    }  # fmt: skip
    assert sum(found["rows"]) == 24  # loaded, as the status says
    assert sum(found["rows_quarantined"]) == 6
    assert sum(found["bytes"]) == 300
    assert len(found["rows"]) <= 4
    assert found["seconds_per_span"] >= 0.5


HOSTILE: list[dict[str, Any]] = [
    {"cells": 0}, {"cells": 2_001}, {"first": -1}, {"last": 2**63}, {"table": "a\0b"}, {"source": "\0"}, {"cells": "x"},
]  # fmt: skip


@pytest.mark.parametrize("parameters", HOSTILE, ids=str)
def test_bounds_of_the_map(api: RunningApi, parameters: dict[str, Any]) -> None:
    run_id = lay_out(api, tables=1, chunks=1)
    assert api.client.get(f"{V1}/{run_id}/chunk-map", params=parameters).status_code == 422


def test_bounds_of_chunks_throughput_and_quarantine(api: RunningApi) -> None:
    run_id = lay_out(api, tables=1, chunks=1)
    for path in (
        "chunks?after=9223372036854775807",
        "chunks?after=-1",
        "chunks?limit=501",
        "chunks?state=lost",
        "throughput?spans=0",
        "throughput?spans=1001",
        "quarantine?reason=%00",
        "quarantine?table=a%00",
    ):
        assert api.client.get(f"{V1}/{run_id}/{path}").status_code == 422, path
    assert api.client.get(f"{V1}/{run_id}/chunks?last=9223372036854775807").status_code == 200


QUARANTINE = """
INSERT INTO convoy.quarantine (run_id, table_id, key, "column", storage_class, original, reason)
SELECT :run_id, t.id, jsonb_build_array(n), CASE WHEN n < 3 THEN 'note' ELSE 'born' END, 'text', '\\x63e9',
       CASE WHEN n < 3 THEN 'text is not valid UTF-8' ELSE 'is no date' END
FROM convoy.tables t, generate_series(0, 3) n WHERE t.run_id = :run_id
"""


def test_the_quarantine_is_grouped_with_what_lets_its_rows_in(api: RunningApi) -> None:
    run_id = lay_out(api, tables=1, chunks=1)
    change(api, QUARANTINE, run_id)

    answer = api.client.get(f"{V1}/{run_id}/quarantine-groups").json()

    first, second = answer["groups"]
    assert (first["table"], first["column"], first["values"]) == ("t1", "note", 3)
    assert first["mapping"] == {"tables": {"t1": {"columns": {"note": {"type": "bytea"}}}}}
    assert first["mapping_toml"] == '[tables.t1.columns.note]\ntype = "bytea"'
    assert second["values"] == 1
    assert not answer["more"]


def test_the_quarantine_is_listed_by_column_and_reason(api: RunningApi) -> None:
    run_id = lay_out(api, tables=1, chunks=1)
    change(api, QUARANTINE, run_id)

    first = api.client.get(f"{V1}/{run_id}/quarantine", params={"column": "note", "limit": 2}).json()
    second = api.client.get(first["next"]).json()

    assert [value["key"] for value in first["values"] + second["values"]] == [[0], [1], [2]]
    assert second["next"] is None
    assert first["total"] == 4
