"""The judges of the fault tests can fail: each wrong state, planted by hand, is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from migration.ledger.run_records import RunRecord
from migration.model import Phase
from tests.support.direct import Direct
from tests.support.finished_work import FinishedWork, row_complaints
from tests.support.ledger_consistency import complaints

Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, CAST(x'c3' AS TEXT));
"""
ANY_STEP = "(SELECT min(id) FROM convoy.steps WHERE run_id = '{run}')"


def begun(direct: Direct, build: Build, until: Phase | None) -> RunRecord:
    return direct.start(build(SCRIPT), until=until, target_schema="model")


def plant(direct: Direct, run: RunRecord, statement: str) -> None:
    direct.query(statement.format(run=run.id, staging=run.staging_schema, previous=run.previous_schema))


@pytest.mark.parametrize(
    ("until", "statement", "told"),
    [
        (
            Phase.VALIDATING,
            "CREATE SCHEMA model; CREATE TABLE model.t ()",
            "the run is validating, but t is visible",
        ),
        (None, "DROP TABLE model.t", "the run is completed_with_findings, but t is not visible"),
        (
            None,
            "UPDATE convoy.runs SET cutover = NULL",
            "the run is completed_with_findings, and its record of a cutover is None",
        ),
        (
            Phase.VALIDATING,
            "UPDATE convoy.runs SET cutover = '[1]'",
            "the run is validating, and its record of a cutover is [1]",
        ),
        (
            Phase.VALIDATING,
            "DROP SCHEMA {staging} CASCADE",
            "the run is validating, and {staging} is not there",
        ),
        (None, "CREATE SCHEMA {staging}", "the run is completed_with_findings, and {staging} is there"),
        (Phase.VALIDATING, "CREATE SCHEMA {previous}", "the run is validating, and {previous} is there"),
        (
            None,
            "UPDATE convoy.chunks SET state = 'running'",
            "the run is completed_with_findings, and of its chunks (open, all, whole) are (1, 1, True)",
        ),
        (
            None,
            "UPDATE convoy.chunks SET rows_loaded = 1",
            "the run is completed_with_findings, and of its chunks (open, all, whole) are (0, 1, False)",
        ),
        (
            None,
            "DELETE FROM convoy.chunks",
            "the run is completed_with_findings, and of its chunks (open, all, whole) are (0, 0, True)",
        ),
    ],
)
def test_states_that_may_not_stand_together(
    direct: Direct, build: Build, until: Phase | None, statement: str, told: str
) -> None:
    run = begun(direct, build, until)
    assert complaints(direct.ledger, run.id) == []
    plant(direct, run, statement)
    assert complaints(direct.ledger, run.id) == [
        told.format(staging=run.staging_schema, previous=run.previous_schema)
    ]


def test_chunk_with_two_steps(direct: Direct, build: Build) -> None:
    run = begun(direct, build, Phase.VALIDATING)
    plant(
        direct,
        run,
        "INSERT INTO convoy.steps (run_id, phase, chunk_id)"
        " SELECT run_id, phase, chunk_id FROM convoy.steps WHERE phase = 'copying'",
    )
    ((chunk,),) = direct.query("SELECT id FROM convoy.chunks")
    assert complaints(direct.ledger, run.id) == [f"chunk {chunk} has two steps"]


@pytest.mark.parametrize(
    ("statement", "kind", "is_gone"),
    [
        (f"UPDATE convoy.steps SET finished_at = now() WHERE id = {ANY_STEP}", "step", False),
        (f"UPDATE convoy.steps SET attempts = attempts + 1 WHERE id = {ANY_STEP}", "step", False),
        (f"UPDATE convoy.steps SET worker = 'B' WHERE id = {ANY_STEP}", "step", False),
        (f"UPDATE convoy.steps SET result = '7' WHERE id = {ANY_STEP}", "step", False),
        (f"UPDATE convoy.steps SET state = 'pending' WHERE id = {ANY_STEP}", "step", True),
        (f"DELETE FROM convoy.steps WHERE id = {ANY_STEP}", "step", True),
        ("UPDATE convoy.chunks SET finished_at = now()", "chunk", False),
        ("UPDATE convoy.chunks SET digest = 'other'", "chunk", False),
        ("UPDATE convoy.chunks SET rows_loaded = rows_loaded + 1", "chunk", False),
        ("UPDATE convoy.chunks SET state = 'running'", "chunk", True),
    ],
)
def test_finished_work_that_changes(
    direct: Direct, build: Build, statement: str, kind: str, is_gone: bool
) -> None:
    run = begun(direct, build, Phase.VALIDATING)
    finished = FinishedWork()
    assert finished.complaints(direct.ledger, run.id) == []
    assert finished.complaints(direct.ledger, run.id) == []
    plant(direct, run, statement)
    (told,) = finished.complaints(direct.ledger, run.id)
    assert told.startswith(f"{kind} ")
    assert told.endswith("is not done now") is is_gone
    assert finished.complaints(direct.ledger, run.id) == []  # once is enough
    finished.forget(run.id)
    assert finished.complaints(direct.ledger, run.id) == []


@pytest.mark.parametrize(
    ("until", "statement", "told"),
    [
        (
            Phase.INDEXING,
            "ALTER TABLE {staging}.t DISABLE TRIGGER USER; INSERT INTO {staging}.t TABLE {staging}.t",
            "t: 2 rows loaded, 4 there, 2 different keys",
        ),
        (
            Phase.VALIDATING,
            "ALTER TABLE {staging}.t DISABLE TRIGGER USER; DELETE FROM {staging}.t WHERE id = 1",
            "t: 2 rows loaded, 1 there, 1 different keys",
        ),
        (
            Phase.CUTTING_OVER,
            "ALTER TABLE {staging}.t DISABLE TRIGGER USER, DROP CONSTRAINT t_pkey; UPDATE {staging}.t SET id = 1",
            "t: 2 rows loaded, 2 there, 1 different keys",
        ),
        (None, "INSERT INTO model.t VALUES (9)", "t: 2 rows loaded, 3 there, 3 different keys"),
        (
            None,
            "DELETE FROM convoy.quarantine",
            "t: 1 rows quarantined, and there are 0 with 0 values, 0 of them different",
        ),
        (
            None,
            (
                "INSERT INTO convoy.quarantine"
                ' (run_id, table_id, chunk_id, key, "column", storage_class, original, reason)'
                ' SELECT run_id, table_id, chunk_id, key, "column", storage_class, original, reason'
                " FROM convoy.quarantine"
            ),
            "t: 1 rows quarantined, and there are 1 with 2 values, 1 of them different",
        ),
    ],
)
def test_rows_that_are_not_those_of_finished_chunks(
    direct: Direct, build: Build, until: Phase | None, statement: str, told: str
) -> None:
    run = begun(direct, build, until)
    assert row_complaints(direct.ledger, run.id) == []
    plant(direct, run, statement)
    assert row_complaints(direct.ledger, run.id) == [told]
