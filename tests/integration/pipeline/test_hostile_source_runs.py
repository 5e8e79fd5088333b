"""A run whose source means harm ends with its reason, and has put nothing into PostgreSQL."""

from __future__ import annotations

import os
from pathlib import Path

from migration.model import Phase
from migration.report.report_builder import build_report
from tests.support.direct import Direct
from tests.support.hostile_files import with_column


def test_a_bomb_of_eight_kilobytes_puts_nothing_into_the_target(direct: Direct, tmp_path: Path) -> None:
    path = with_column(tmp_path / "bomb.db", "AS (zeroblob(150000000))", rows=12)
    assert path.stat().st_size == 8192
    run = direct.migrate(path, target_schema="bomb")
    assert run.phase is Phase.FAILED
    error = build_report(direct.ledger, run.id).error_details
    assert error is not None
    assert error.code == "source-too-large"
    assert (error.table, error.column) == ("t", "v")
    assert direct.query(
        f"SELECT count(*) FROM pg_namespace WHERE nspname IN ('bomb', '{run.staging_schema}')"
    ) == [(0,)]


def test_a_pipe_that_nobody_fills_holds_up_no_producer(direct: Direct, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.db")
    run = direct.migrate(tmp_path / "pipe.db", target_schema="pipe")
    assert run.phase is Phase.FAILED
    error = build_report(direct.ledger, run.id).error_details
    assert error is not None
    assert error.code == "source-unreadable"
