"""What did not come along is lost to both: to `migrate`, and to a `validate` of the same tables afterwards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from migration.exit_status import ExitStatus
from migration.model import FindingKind, Mode
from migration.report.report_builder import build_report
from migration.report.report_model import Report
from migration.report.verdict_model import PartState
from tests.support.direct import Direct

Build = Callable[[str], Path]
SCRIPT = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO t VALUES (1, 'a'), (2, 'b');
CREATE TRIGGER tidy AFTER INSERT ON t BEGIN DELETE FROM t WHERE name = 'z'; END;
CREATE VIEW words AS SELECT value FROM t, json_tree(name);
CREATE TRIGGER "Into Words" INSTEAD OF INSERT ON words BEGIN INSERT INTO t (name) VALUES (new.value); END;
"""
SIGNED = ("skipped:trigger", "skipped:view")


def report_of(direct: Direct, path: Path, mode: Mode, schema: str, *accept: str) -> Report:
    run = direct.migrate(path, mode=mode, target_schema=schema, accept=accept, accepted_by="ada")
    return build_report(direct.ledger, run.id)


def test_validate_says_of_triggers_and_views_what_migrate_says(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    moved = report_of(direct, path, Mode.MIGRATE, "lost")
    compared = report_of(direct, path, Mode.VALIDATE, "lost")

    assert moved.exit_status == compared.exit_status == ExitStatus.FINDINGS
    assert compared.verdict.schema.state is PartState.DIFFERS
    assert sorted(finding.loss for finding in moved.findings) == sorted(
        finding.loss for finding in compared.findings
    )


def test_one_signature_is_good_for_both(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    moved = report_of(direct, path, Mode.MIGRATE, "signed", *SIGNED)
    compared = report_of(direct, path, Mode.VALIDATE, "signed", *SIGNED)

    assert moved.exit_status == compared.exit_status == ExitStatus.PROVED
    assert len(moved.accepted) == len(compared.accepted) == 3


def test_what_somebody_has_written_again_is_not_lost(direct: Direct, build: Build) -> None:
    path = build(SCRIPT)
    report_of(direct, path, Mode.MIGRATE, "again")
    direct.query(
        "CREATE FUNCTION again.act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER tidy AFTER INSERT ON again.t FOR EACH ROW EXECUTE FUNCTION again.act();"
        "CREATE VIEW again.words AS SELECT name AS value FROM again.t;"
        'CREATE TRIGGER "into words" INSTEAD OF INSERT ON again.words FOR EACH ROW EXECUTE FUNCTION again.act()'
    )
    compared = report_of(direct, path, Mode.VALIDATE, "again")

    assert compared.exit_status == ExitStatus.PROVED
    assert {finding.kind for finding in compared.findings} == {FindingKind.NOT_CHECKED}
