"""--accept: who signs for a loss, or for objects that do not come along, has status 0, and his name in the report."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migration.exit_status import ExitStatus
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import FindingKind, IfExists, Mode, Phase
from migration.report.html_report import render_html
from migration.report.report_builder import build_report
from producer.cli.option_values import operator
from tests.support.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.direct import Direct

    Build = Callable[[str], Path]

LOSSES = """
CREATE TABLE t (id INTEGER PRIMARY KEY, note TEXT, born DATE, doc JSON, any, at DATETIME);
INSERT INTO t VALUES (1, 'a' || char(0) || 'b', '', '{"a":1,"a":2}', 5, 1700000000.1234567),
    (2, 'ok', '2024-05-01', '{"a":1}', '5', 1700000001.5), (3, 'x' || char(0), NULL, NULL, NULL, NULL);
"""
SKIPPED = """
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT CHECK (v GLOB 'a*'));
INSERT INTO t VALUES (1, 'a');
CREATE VIEW w AS SELECT strftime('%Y', v) FROM t;
CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END;
CREATE INDEX i ON t (typeof(v));
"""
KINDS = {"check", "view", "trigger", "index"}
NAMES = {"nul_stripped", "empty_to_null", "json_keys_dropped", "class_dropped", "fraction_rounded"}


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_migration_names_its_losses_and_their_rows(direct: Direct, build: Build, mode: Mode) -> None:
    run = direct.migrate(build(LOSSES), mode=mode, if_exists=IfExists.REPLACE)
    assert (run.phase, run.error) == (Phase.COMPLETED_WITH_FINDINGS, None)
    report = build_report(direct.ledger, run.id)
    assert {f.kind for f in report.findings} == {FindingKind.LOSSY_VALUE}
    assert {(f.column, f.loss, f.key) for f in report.findings} == {
        ("note", "nul_stripped", "1; 3"),
        ("born", "empty_to_null", "1"),
        ("doc", "json_keys_dropped", "1"),
        ("any", "class_dropped", "1"),
        ("at", "fraction_rounded", "1"),
    }
    assert (report.exit_status, report.accepted) == (ExitStatus.FINDINGS, ())


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_migration_whose_losses_are_signed_for_is_proved_but_for_these(
    direct: Direct, build: Build, mode: Mode
) -> None:
    run = direct.migrate(
        build(LOSSES), mode=mode, if_exists=IfExists.REPLACE, accept=tuple(NAMES), accepted_by="ann@desk"
    )
    report = build_report(direct.ledger, run.id)
    assert (run.phase, report.exit_status, report.findings) == (Phase.COMPLETED, ExitStatus.PROVED, ())
    assert {(f.loss, f.accepted_by) for f in report.accepted} == {(name, "ann@desk") for name in NAMES}
    assert report.options.accepted_by == "ann@desk"
    page = render_html(report)
    assert "Signed for: 5" in page
    assert "ann@desk" in page


def test_one_signature_for_one_column_is_not_one_for_all(direct: Direct, build: Build) -> None:
    run = direct.migrate(
        build(LOSSES), accept=("T.Note:nul_stripped", *(NAMES - {"nul_stripped", "fraction_rounded"}))
    )
    report = build_report(direct.ledger, run.id)
    assert [f.loss for f in report.findings] == ["fraction_rounded"]
    assert len(report.accepted) == 4


def test_mapping_file_signs_for_what_it_asks_for(direct: Direct, build: Build) -> None:
    mapping = parse_mapping('[tables.t.columns]\nnote = { nul = "strip" }', "t.toml")
    report = build_report(direct.ledger, direct.migrate(build(LOSSES), mapping=mapping).id)
    assert [(f.loss, f.accepted_by) for f in report.accepted] == [("nul_stripped", "the mapping file t.toml")]
    assert {f.loss for f in report.findings} == NAMES - {"nul_stripped"}


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_every_object_that_did_not_come_along_is_a_finding(direct: Direct, build: Build, mode: Mode) -> None:
    path = build(SKIPPED)
    run = direct.migrate(path, mode=mode, if_exists=IfExists.REPLACE)
    report = build_report(direct.ledger, run.id)
    assert {f.loss for f in report.findings} == {f"skipped:{kind}" for kind in KINDS}
    assert len(report.findings) == len(KINDS)  # each once
    assert report.exit_status == ExitStatus.FINDINGS
    signed = direct.migrate(
        path, mode=mode, if_exists=IfExists.REPLACE, accept=tuple(f"skipped:{k}" for k in KINDS)
    )
    report = build_report(direct.ledger, signed.id)
    assert (report.exit_status, report.findings, len(report.accepted)) == (ExitStatus.PROVED, (), len(KINDS))


def test_what_was_left_out_on_request_is_no_finding(direct: Direct, build: Build) -> None:
    mapping = parse_mapping("[tables.t.columns]\nv = { skip = true }\n[tables.u]\nskip = true", "t.toml")
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); CREATE TABLE u (x); INSERT INTO t VALUES (1, 'a')"
    )
    run = direct.migrate(path, mapping=mapping)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)


def test_column_that_no_source_has_is_refused_before_anything_is_read(direct: Direct, build: Build) -> None:
    run = direct.migrate(build(LOSSES), accept=("t.nothing:nul_stripped",))
    report = build_report(direct.ledger, run.id)
    assert (run.phase, report.exit_status) == (Phase.FAILED, ExitStatus.UNUSABLE_INPUT)
    assert "t.note" in (run.error or "")


def test_command_line_signs_in_the_name_of_who_runs_it(tmp_path: Path, target_url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as source:
        source.executescript(LOSSES)
    shell = Shell(tmp_path, target_url)
    migrate = ("migrate", "--source", "shop.db", "--target-url", target_url, "--json")
    status, out, said = shell.run(*migrate, "--accept", "nul_striped")
    assert status == ExitStatus.UNUSABLE_INPUT
    assert "nul_stripped, number_respelled" in said
    assert json.loads(out)["error"]["code"] == "loss-unknown"
    status, out, _ = shell.run(*migrate, "--accept", ",".join(NAMES))
    assert status == ExitStatus.PROVED
    assert {item["accepted_by"] for item in json.loads(out)["accepted"]} == {operator()}
    status, out, _ = shell.run("validate", "--source", "shop.db", "--target-url", target_url, "--json")
    assert status == ExitStatus.FINDINGS
    assert {item["loss"] for item in json.loads(out)["findings"]} == NAMES
