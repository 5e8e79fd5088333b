"""A run is written with the ledger's own operations, and its report is read back from a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, Engine, text, update

from migration.errors import PermanentError, UsageError
from migration.ledger.chunk_records import ChunkRecord, ChunkResult, NewChunk, save_chunk_results
from migration.ledger.ledger_database import open_ledger
from migration.ledger.ledger_tables import runs
from migration.ledger.run_records import create_run, read_run
from migration.ledger.run_requests import fail_run, request_cancel
from migration.ledger.run_results import add_findings, save_objects, save_verdict
from migration.ledger.run_transition import transition
from migration.ledger.step_claims import claim
from migration.ledger.step_records import NewStep, add_steps, finish_step, give_back
from migration.ledger.table_records import SourceRecord, add_source, add_table, save_plans
from migration.model import (
    ColumnProfile,
    Digest,
    Finding,
    FindingKind,
    KeyRange,
    Mode,
    ObjectResult,
    ObjectState,
    Phase,
    Rejection,
    Source,
    StorageClass,
)
from migration.observers.run_observer import Observers
from migration.report.report_builder import build_report, write_report
from migration.report.verdict_model import VerdictLevel
from migration.run_options import RunOptions
from migration.source_schema import SourceColumn, SourceSchema, SourceTable, TableKind
from tests.unit.report.factories import table_plan

DIGEST = Digest(95, "0123456789abcdef0123456789abcdef", "hash128")


@pytest.fixture
def ledger(target_url: str) -> Iterator[Engine]:
    engine = open_ledger(target_url, "test")
    yield engine
    engine.dispose()


def options(mode: Mode = Mode.MIGRATE) -> RunOptions:
    return RunOptions(
        mode=mode, sources=(Source("school", "/data/school.db"),), target="postgresql://ada:hunter2@db/app"
    )


def prepare(engine: Engine, run_id: str, tables: tuple[str, ...] = ("users",)) -> list[tuple[int, list[int]]]:
    """Write the source with its tables of two chunks each, and their plans."""
    columns = (SourceColumn("id", "INTEGER", 0, pk_position=1), SourceColumn("name", "TEXT", 1))
    schema = SourceSchema(tuple(SourceTable(name, TableKind.ORDINARY, columns) for name in tables))
    with engine.begin() as connection:
        source = SourceRecord(0, "school", "/data/school.db", "/snap/x.db", "ab" * 32, 4_096, schema)
        source_id = add_source(connection, run_id, source)
        written = []
        for name in tables:
            parts = [
                NewChunk(KeyRange(("id",), None, ("50",)), 50),
                NewChunk(KeyRange(("id",), ("50",), None), 50),
            ]
            table_id, chunk_ids = add_table(connection, run_id, source_id, name, parts)
            plan = table_plan(name)
            profile = {
                column.name: ColumnProfile({StorageClass.TEXT: 90, StorageClass.NULL: 10}, total_bytes=800)
                for column in plan.columns
            }
            save_plans(connection, [(table_id, plan, profile)])
            written.append((table_id, chunk_ids))
    return written


def move(engine: Engine, run_id: str, *phases: Phase) -> None:
    for phase in phases:
        with transition(engine, run_id, Observers()) as locked:
            locked.enter(phase)


def copy(engine: Engine, run_id: str, table_id: int, chunk_ids: list[int], rejected: int = 0) -> None:
    """Copy both chunks, each on its own worker; the first has `rejected` rows, of two bad values each."""
    with engine.begin() as connection:
        add_steps(connection, run_id, Phase.COPYING, [NewStep(chunk_id=chunk) for chunk in chunk_ids])
        ids = connection.execute(
            text("SELECT id FROM convoy.steps WHERE chunk_id = ANY(:chunks) ORDER BY id"),
            {"chunks": chunk_ids},
        ).scalars()
        steps = list(ids)
    for place, (step_id, chunk_id) in enumerate(zip(steps, chunk_ids, strict=True)):
        worker = f"copy@node{place + 1}"
        out = rejected if place == 0 else 0
        with engine.begin() as connection:
            assert claim(connection, step_id, worker, 30.0) is not None
        with engine.begin() as connection:
            chunk = ChunkRecord(chunk_id, table_id, place, KeyRange(), 50, 0)
            transforms = {("created_at", "epoch_ms_to_timestamptz"): 5}
            result = ChunkResult(50 - out, out, DIGEST, 0.1, [rejections(out)], transforms)
            save_chunk_results(connection, run_id, worker, [(chunk, result)])
            finish_step(connection, step_id, {})


def rejections(rows: int) -> list[Rejection]:
    return [
        Rejection((row, "a"), column, StorageClass.TEXT, b"caf\xe9 \x1b[31m" * 200, "text is not valid UTF-8")
        for row in range(rows)
        for column in ("name", "settings")
    ]


def finished_run(engine: Engine) -> str:
    """A migration with five rows in quarantine, a finding, and a skipped view."""
    run_id = create_run(engine, options())
    move(engine, run_id, Phase.SNAPSHOTTING)
    ((table_id, chunk_ids),) = prepare(engine, run_id)
    move(engine, run_id, Phase.PROFILING, Phase.COPYING)
    copy(engine, run_id, table_id, chunk_ids, rejected=5)
    move(engine, run_id, Phase.INDEXING)
    with engine.begin() as connection:
        save_objects(
            connection,
            run_id,
            [
                ObjectResult("primary key", "users_pkey", ObjectState.CREATED),
                ObjectResult("view", "weekly", ObjectState.SKIPPED, "strftime has no counterpart"),
            ],
        )
        add_findings(
            connection,
            run_id,
            [Finding(FindingKind.LOSSY_VALUE, "users", "3 values", "name", is_error=False)],
        )
        save_verdict(connection, table_id, DIGEST, DIGEST)
    move(engine, run_id, Phase.VALIDATING, Phase.CUTTING_OVER, Phase.COMPLETED_WITH_FINDINGS)
    return run_id


def test_finished_run_is_reported_with_every_figure(ledger: Engine, tmp_path: Path):
    report = build_report(ledger, finished_run(ledger))
    assert report.verdict.headline == (
        "Not proved: 95 of 100 rows in 1 table arrived, but values of 1 column cannot be had back (users.name),"
        " and nobody has signed for that."
    )
    assert report.exit_status == 1
    (table,) = report.tables
    assert (table.rows_source, table.rows_loaded, table.rows_quarantined, table.rows_target) == (
        100,
        95,
        5,
        95,
    )
    assert (table.conserved, table.equal, table.chunks, table.chunks_done) == (True, True, 2, 2)
    assert table.digest_source == table.digest_target == DIGEST.checksum
    assert table.bytes == 5 * 800
    assert 0 < table.seconds < 60
    assert table.worker_seconds == pytest.approx(0.2)
    created = next(column for column in table.columns if column.name == "created_at")
    assert [(t.name, t.values) for t in created.transforms] == [("epoch_ms_to_timestamptz", 10)]
    assert created.nulls == 10
    assert report.quarantine.total == 5
    assert report.quarantine.values == 10
    assert report.quarantine.by_reason == {"text is not valid UTF-8": 10}
    assert len(report.quarantine.sample) == 6  # three of each column
    sample = report.quarantine.sample[0]
    assert (sample.table, sample.key, sample.original_bytes) == ("users", "0, a", 2_000)
    assert sample.original.startswith("caf\\xe9 \\x1b[31m")
    assert sample.original_hex.startswith("636166e9201b5b33316d")
    assert [phase.name for phase in report.phases][-5:] == [
        "profiling",
        "copying",
        "indexing",
        "validating",
        "cutting_over",
    ]
    assert {span.worker for span in report.timeline.work} == {"copy@node1", "copy@node2"}
    assert report.throughput.rows_per_s > 0
    json_path, html_path = write_report(report, tmp_path)
    for path in (json_path, html_path):
        assert "hunter2" not in path.read_text()


def test_failed_run_has_a_partial_report(ledger: Engine):
    run_id = create_run(ledger, options())
    move(ledger, run_id, Phase.SNAPSHOTTING)
    (first, second) = prepare(ledger, run_id, ("users", "notes"))
    move(ledger, run_id, Phase.PROFILING, Phase.COPYING)
    copy(ledger, run_id, *first)
    fail_last_step(ledger, run_id, second[1][0])
    report = build_report(ledger, run_id)
    assert report.verdict.level is VerdictLevel.FAILED
    assert "(2 of 4 chunks)" in report.verdict.detail
    assert report.exit_status == 3
    assert [table.rows_loaded for table in report.tables] == [100, 0]
    assert [table.conserved for table in report.tables] == [True, None]
    (step,) = report.failed_steps
    assert (step.phase, step.table, step.chunk, step.worker) == ("copying", "notes", 0, "copy@node1")
    assert "hunter2" not in repr(report)


def fail_last_step(engine: Engine, run_id: str, chunk_id: int) -> None:
    error = PermanentError(
        "no connection to postgresql://ada:hunter2@db/app", table="notes", remedy="Free space, then resume"
    )
    with engine.begin() as connection:
        add_steps(connection, run_id, Phase.COPYING, [NewStep(chunk_id=chunk_id)])
        step_id = connection.execute(
            text("SELECT id FROM convoy.steps WHERE chunk_id = :chunk"), {"chunk": chunk_id}
        ).scalar_one()
        step = claim(connection, step_id, "copy@node1", 30.0)
        assert step is not None
        give_back(connection, step, str(error), final=True)
    with engine.begin() as connection:
        run = read_run(connection, run_id)
    fail_run(engine, run, error)


def test_run_that_never_began_has_a_report(ledger: Engine):
    report = build_report(ledger, create_run(ledger, options()))
    assert report.verdict.headline == "Not finished: the run is pending."
    assert report.tables == ()


def test_empty_database_has_a_report(ledger: Engine):
    run_id = create_run(ledger, options())
    move(ledger, run_id, Phase.SNAPSHOTTING)
    prepare(ledger, run_id, ())
    middle = (Phase.PROFILING, Phase.COPYING, Phase.INDEXING, Phase.VALIDATING, Phase.CUTTING_OVER)
    move(ledger, run_id, *middle, Phase.COMPLETED)
    report = build_report(ledger, run_id)
    assert report.verdict.headline == "Nothing to do: the source holds no tables. Nothing was compared."
    assert len(report.sources) == 1


def test_cancelled_run_has_a_report(ledger: Engine):
    run_id = create_run(ledger, options())
    move(ledger, run_id, Phase.SNAPSHOTTING)
    request_cancel(ledger, run_id)
    assert build_report(ledger, run_id).verdict.headline.startswith("Cancelled while snapshotting")


def test_dry_run_has_a_forecast(ledger: Engine):
    run_id = create_run(ledger, options(Mode.DRY_RUN))
    move(ledger, run_id, Phase.SNAPSHOTTING)
    ((table_id, chunk_ids),) = prepare(ledger, run_id)
    move(ledger, run_id, Phase.PROFILING, Phase.COPYING)
    copy(ledger, run_id, table_id, chunk_ids, rejected=2)
    move(ledger, run_id, Phase.COMPLETED_WITH_FINDINGS)
    report = build_report(ledger, run_id)
    assert report.dry_run is not None
    assert (report.dry_run.would_load, report.dry_run.would_quarantine) == (98, 2)
    assert report.rows_loaded == 0


def test_validation_reports_both_sides(ledger: Engine):
    run_id = create_run(ledger, options(Mode.VALIDATE))
    move(ledger, run_id, Phase.SNAPSHOTTING)
    ((table_id, _),) = prepare(ledger, run_id)
    with ledger.begin() as connection:
        save_verdict(
            connection, table_id, Digest(100, "aa" * 16, "hash128"), Digest(99, "bb" * 16, "hash128")
        )
        add_findings(
            connection, run_id, [Finding(FindingKind.MISSING_ROW, "users", "is not there", key="id = 7")]
        )
    move(ledger, run_id, Phase.VALIDATING, Phase.COMPLETED_WITH_FINDINGS)
    report = build_report(ledger, run_id)
    assert report.verdict.headline == "Different: 1 of 1 table differs between the two sides."
    assert report.tables[0].rows_target == 99
    assert report.findings[0].key == "id = 7"


def test_orphans_and_replaced_tables_are_found_in_the_catalog(ledger: Engine, target_url: str):
    run_id = finished_run(ledger)
    with ledger.begin() as connection:
        run = read_run(connection, run_id)
        other = f"{run.previous_schema}_2"
        cutover = [{"record": {}, "previous_schema": other}]
        connection.execute(update(runs).where(runs.c.id == run_id).values(cutover=cutover))
        stand_in_the_target(connection, other)
    report = build_report(ledger, run_id)
    assert report.previous_schemas == (other,)
    (advice,) = [a for a in report.recommendations if a.title.startswith("Find the orphan rows")]
    with psycopg.connect(target_url) as connection:
        assert connection.execute(advice.commands[0].rstrip(";")).fetchall() == [(2, 9, 9)]
        connection.execute('DELETE FROM "users" WHERE id = 2')
        connection.execute(advice.commands[1].rstrip(";"))
    assert "Find the orphan rows" not in " ".join(
        a.title for a in build_report(ledger, run_id).recommendations
    )


def stand_in_the_target(connection: Connection, previous: str) -> None:
    for statement in (
        f'CREATE SCHEMA "{previous}"',
        f'CREATE TABLE "{previous}".users (id int)',
        'CREATE TABLE "Parent" (x int, "Y" int, UNIQUE (x, "Y"))',
        'CREATE TABLE users (id int, x int, "Y" int)',
        'INSERT INTO "Parent" VALUES (1, 1)',
        "INSERT INTO users VALUES (1, 1, 1), (2, 9, 9), (3, NULL, 9)",
        'ALTER TABLE users ADD FOREIGN KEY (x, "Y") REFERENCES "Parent" (x, "Y") NOT VALID',
    ):
        connection.execute(text(statement))


@pytest.mark.parametrize("run_id", ["0195949a-3f6b-7cc1-a2f4-6b1d2c3e4f50", "no run at all"])
def test_unknown_run_is_a_usage_error(ledger: Engine, run_id: str):
    with pytest.raises(UsageError):
        build_report(ledger, run_id)
