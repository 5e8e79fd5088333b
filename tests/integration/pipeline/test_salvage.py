"""A damaged source: refused with nothing changed, or what is left of it migrated and the loss listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migration.ledger.event_log import read_events
from migration.model import FindingKind, Mode, ObjectState, Phase
from migration.report.report_builder import build_report

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

PAGE_BYTES = 4096
SCRIPT = """
PRAGMA page_size = 4096;
CREATE TABLE good (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE hurt (id INTEGER PRIMARY KEY, body TEXT);
CREATE TABLE undefined (id INTEGER PRIMARY KEY);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO good SELECT i, 'good ' || i FROM n;
INSERT INTO hurt SELECT id, 'hurt ' || printf('%050d', id) FROM good;
INSERT INTO undefined VALUES (1);
"""


@pytest.fixture
def damaged(build: Callable[[str], Path]) -> Path:
    """A database with a zeroed page in the middle of a table, and garbage in another one's definition."""
    path = build(SCRIPT)
    data = bytearray(path.read_bytes().replace(b"CREATE TABLE undefined", b"CREATE \xff\xff\xffLE undefined"))
    leaf = data.index(b"hurt " + b"%050d" % 1500) // PAGE_BYTES * PAGE_BYTES
    data[leaf : leaf + PAGE_BYTES] = bytes(PAGE_BYTES)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_damaged_source_is_refused_with_status_2_and_nothing_changed(
    pipeline: Pipeline, damaged: Path, mode: Mode
) -> None:
    run = pipeline.migrate(damaged, mode=mode, target_schema="refused_damage")
    assert run.phase is Phase.FAILED
    (failed,) = [event for event in read_events(pipeline.ledger, run.id) if event.kind == "failed"]
    assert failed.data["exit_status"] == 2
    assert "damaged in tables hurt, undefined" in (run.error or "")
    assert (
        pipeline.query(
            f"SELECT nspname FROM pg_namespace WHERE nspname IN ('refused_damage', '{run.staging_schema}')"
        )
        == []
    )


def test_salvage_brings_what_can_be_read_and_lists_the_rest(pipeline: Pipeline, damaged: Path) -> None:
    run = pipeline.migrate(damaged, target_schema="salvaged", salvage=True)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert pipeline.query("SELECT count(*), sum(id), max(body) FROM salvaged.good") == [
        (3000, 3000 * 3001 // 2, "good 999")
    ]
    left = {row[0] for row in pipeline.query("SELECT id FROM salvaged.hurt")}
    missing = sorted(set(range(1, 3001)) - left)
    assert 1500 in missing
    assert missing == list(range(missing[0], missing[-1] + 1))
    report = build_report(pipeline.ledger, run.id)
    assert report.exit_status == 1
    found = {(f.table, f.key) for f in report.findings if f.kind is FindingKind.DAMAGED_RANGE}
    assert ("hurt", f"rowids {missing[0]} to {missing[-1]}") in found
    skipped = [item for item in report.objects if item.state is ObjectState.SKIPPED]
    assert [(item.kind, item.name) for item in skipped] == [("table", "undefined")]
    of_undefined = pipeline.query("SELECT id, nfield FROM salvaged.lost_and_found")
    assert of_undefined == [(1, 1)]
    assert all(table.equal for table in report.tables)
    again = pipeline.migrate(damaged, mode=Mode.VALIDATE, target_schema="salvaged", salvage=True)
    assert again.phase is Phase.COMPLETED_WITH_FINDINGS, again.error
    assert all(table.equal for table in build_report(pipeline.ledger, again.id).tables)


def test_salvage_of_a_sound_source_finds_nothing(pipeline: Pipeline, build: Callable[[str], Path]) -> None:
    run = pipeline.migrate(build(SCRIPT), target_schema="sound", salvage=True)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
