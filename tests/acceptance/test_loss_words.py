"""What the report says of losses can be typed as it stands, before a run and after it, and says each thing once."""

from __future__ import annotations

import io
import json
import shlex
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg
import pytest
from rich.console import Console

from migration.exit_status import ExitStatus
from migration.model import IfExists, Mode
from migration.report.report_builder import build_report
from migration.report.terminal_report import print_report
from tests.support.shell import Shell

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from migration.report.report_model import Report
    from tests.support.direct import Direct

    Build = Callable[[str], Path]

TIME = "'2024-06-25 14:34:38.574204593+00:00'"
COLUMNS = [f"at_{number}" for number in range(5)]
GO = f"""
CREATE TABLE t (id INTEGER PRIMARY KEY, {", ".join(f"{name} datetime" for name in COLUMNS)});
INSERT INTO t VALUES (1, {", ".join([TIME] * len(COLUMNS))});
"""
STANDING = f"CREATE TABLE t (id int PRIMARY KEY, {', '.join(f'{name} timestamptz' for name in COLUMNS)})"


def screen(report: Report) -> str:
    text = io.StringIO()
    print_report(report, Console(file=text, width=4000, no_color=True))
    return text.getvalue()


@pytest.mark.parametrize("mode", [Mode.MIGRATE, Mode.DRY_RUN])
def test_one_loss_of_many_columns_is_one_line(direct: Direct, build: Build, mode: Mode) -> None:
    run = direct.migrate(build(GO), mode=mode, if_exists=IfExists.REPLACE)
    report = build_report(direct.ledger, run.id)
    assert len(report.findings) == len(COLUMNS)
    lines = [line for line in screen(report).splitlines() if line.lstrip("✘!• ").startswith("lossy value")]
    assert len(lines) == 1, lines
    assert "values of 5 columns" in lines[0]
    assert "t.at_0" in lines[0]


def test_signed_losses_of_many_columns_are_one_line_too(direct: Direct, build: Build) -> None:
    run = direct.migrate(
        build(GO), if_exists=IfExists.REPLACE, accept=("fraction_rounded",), accepted_by="ann@desk"
    )
    text = screen(build_report(direct.ledger, run.id))
    assert "Signed for: 5 findings" in text
    assert text.count("(by ann@desk)") == 1


def test_advice_of_a_load_does_not_send_to_a_mapping_file_for_a_type(direct: Direct, build: Build) -> None:
    with psycopg.connect(direct.url) as connection:
        connection.execute(b"CREATE SCHEMA words_load")
        connection.execute(STANDING.replace("TABLE t", "TABLE words_load.t").encode())
    run = direct.migrate(build(GO), target_schema="words_load", data_only=True)
    (advice,) = [
        r for r in build_report(direct.ledger, run.id).recommendations if "changed values" in r.title
    ]
    assert "--mapping" not in advice.detail
    assert [shlex.split(command)[1] for command in advice.commands] == ["validate"]


def test_lines_of_the_report_sign_before_a_run_and_after_it(tmp_path: Path, target_url: str) -> None:
    with closing(sqlite3.connect(tmp_path / "go.db")) as source:
        source.executescript(GO)
    with psycopg.connect(target_url) as connection:
        connection.execute(b"CREATE SCHEMA words_cli")
        connection.execute(STANDING.replace("TABLE t", "TABLE words_cli.t").encode())
    shell = Shell(tmp_path, target_url)
    asked = ("--source", "go.db", "--target-url", target_url, "--target-schema", "words_cli", "--data-only")
    status, out, _ = shell.run("dry-run", *asked, "--json")
    assert status == ExitStatus.FINDINGS
    before = [step["command"] for step in json.loads(out)["next_steps"] if "sign" in step["purpose"]]
    assert len(before) == 1
    assert "migrate" in shlex.split(before[0])
    assert "--accept fraction_rounded" in before[0]
    status, out, _ = shell.run("migrate", *asked, "--json")
    assert status == ExitStatus.FINDINGS
    (after,) = [step["command"] for step in json.loads(out)["next_steps"] if "sign" in step["purpose"]]
    status, out, _ = shell.run(*shlex.split(after)[1:], "--json")
    assert status == ExitStatus.PROVED
    assert len(json.loads(out)["accepted"]) == len(COLUMNS)
