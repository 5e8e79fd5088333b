"""--data-only stores what a type cuts only where it says so, and costs status 0 unless somebody signs for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.exit_status import ExitStatus
from migration.model import FindingKind, Mode, Phase
from migration.report.report_builder import build_report
from tests.support.lossy_values import KEPT, LOSSY, REFUSED, TYPES_SQL, Lossy, name_of

if TYPE_CHECKING:
    from tests.support.direct import Direct

NUMBERS = count()


def pair(direct: Direct, folder: Path, case: Lossy) -> tuple[Path, str]:
    """Make a source, and an empty table of an application for it in a schema of its own; return both."""
    schema = f"losses{next(NUMBERS)}"
    path = folder / f"{schema}.db"
    with closing(sqlite3.connect(path)) as source, source:
        source.execute(f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {case.declared})")
        source.execute(f"INSERT INTO t VALUES (7, {case.value})")
    with psycopg.connect(direct.url) as target:
        target.execute(f"CREATE SCHEMA {schema}".encode())
        target.execute(f"SET search_path = {schema}, public".encode())
        if schema == "losses0":
            target.execute(TYPES_SQL.replace("DOMAIN ", "DOMAIN public.").replace("AS d1", "AS public.d1"))
        target.execute(f"CREATE TABLE t (id integer PRIMARY KEY, v {case.target_type})".encode())
    return path, schema


@pytest.mark.parametrize("case", LOSSY, ids=name_of)
def test_loss_is_a_finding_of_all_modes_until_somebody_signs(
    direct: Direct, tmp_path: Path, case: Lossy
) -> None:
    path, _ = pair(direct, tmp_path, case)
    for mode in (Mode.DRY_RUN, Mode.MIGRATE, Mode.VALIDATE):
        run = direct.migrate(path, mode=mode, data_only=True)
        assert run.phase is Phase.COMPLETED_WITH_FINDINGS, (mode, run.error)
        report = build_report(direct.ledger, run.id)
        (finding,) = report.findings
        assert (finding.kind, finding.column, finding.loss, finding.key) == (
            FindingKind.LOSSY_VALUE,
            "v",
            case.loss,
            "7",
        )
        assert report.exit_status == ExitStatus.FINDINGS
        assert not report.verdict.headline.startswith("Proved")
    signed = direct.migrate(
        path, mode=Mode.VALIDATE, data_only=True, accept=(case.loss,), accepted_by="ann@desk"
    )
    report = build_report(direct.ledger, signed.id)
    assert (report.exit_status, report.findings) == (ExitStatus.PROVED, ())
    assert [(item.loss, item.accepted_by) for item in report.accepted] == [(case.loss, "ann@desk")]
    assert "ann@desk" in report.verdict.headline


@pytest.mark.parametrize("case", KEPT, ids=name_of)
def test_what_can_be_had_back_is_proved(direct: Direct, tmp_path: Path, case: Lossy) -> None:
    path, schema = pair(direct, tmp_path, case)
    run = direct.migrate(path, data_only=True)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    stored = direct.query(
        f"SELECT v IS NOT DISTINCT FROM CAST({case.stored} AS {case.target_type}) FROM {schema}.t"
    )
    assert stored == [(True,)]


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_what_an_assignment_refuses_is_kept_apart(direct: Direct, tmp_path: Path, case: Lossy) -> None:
    path, schema = pair(direct, tmp_path, case)
    run = direct.migrate(path, data_only=True)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    assert direct.query(f"SELECT * FROM {schema}.t") == []
    assert build_report(direct.ledger, run.id).quarantine.total == 1
