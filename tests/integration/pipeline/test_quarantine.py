"""Values that cannot be stored: kept apart, or the end of the run; listed, handed out, and stored after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migration.model import Mode, OnError, Phase

if TYPE_CHECKING:
    from tests.support.pipeline import Pipeline

Build = Callable[[str], Path]

THREE_NAMES = (
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT); CREATE TABLE other (id INTEGER PRIMARY KEY);"
    "INSERT INTO other VALUES (1);"
    "INSERT INTO t VALUES (1, 'good'), (2, CAST(x'62ff64' AS TEXT)), (3, 'fine');"
)


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_abort_stops_at_the_first_value_and_names_it(pipeline: Pipeline, build: Build, mode: Mode) -> None:
    run = pipeline.migrate(build(THREE_NAMES), mode=mode, target_schema="aborted", on_error=OnError.ABORT)
    assert run.phase is Phase.FAILED
    assert "A value cannot be stored: " in (run.error or "")
    assert "(table t, key 2, column name)" in (run.error or "")
    assert pipeline.query("SELECT count(*) FROM pg_namespace WHERE nspname = 'aborted'") == [(0,)]
    assert pipeline.query(f"SELECT count(*) FROM convoy.quarantine WHERE run_id = '{run.id}'") == [(0,)]
    (status,) = pipeline.query(
        f"SELECT data->>'exit_status' FROM convoy.events WHERE run_id = '{run.id}' AND kind = 'failed'"
    )
    assert status == ("3",)


def test_abort_changes_nothing_where_all_values_can_be_stored(pipeline: Pipeline, build: Build) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT); INSERT INTO t VALUES (1, 2), (2, NULL);")
    run = pipeline.migrate(path, target_schema="no_abort", on_error=OnError.ABORT)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)


def test_table_whose_every_row_is_rejected_is_quarantined_whole(pipeline: Pipeline, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        "INSERT INTO t SELECT i, CAST(x'ff' || i AS TEXT), CAST(x'fe' || i AS TEXT) FROM n;"
    )
    run = pipeline.migrate(path, target_schema="all_out")
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS, run.error
    assert pipeline.query("SELECT count(*) FROM all_out.t") == [(0,)]
    assert pipeline.query(
        "SELECT count(*), count(DISTINCT key), min(octet_length(original))"
        f" FROM convoy.quarantine WHERE run_id = '{run.id}'"
    ) == [(10_000, 5_000, 2)]
