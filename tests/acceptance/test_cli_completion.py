"""A shell completes RUN by the ids that the command can be used on, as bash asks for them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.shell import CLI, Shell, make_database


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    made = Shell(tmp_path, target_url)
    make_database(made.folder / "shop.db")
    return made


def completed(shell: Shell, *words: str, **variables: str) -> list[str]:
    """Return what stands behind the last word, which is what has been typed of it."""
    line = " ".join(["migration-cli", *words])
    asked = {"_MIGRATION_CLI_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    answer = subprocess.run(
        CLI,
        env={**shell.environment, "HOME": str(shell.folder), **asked, **variables},
        cwd=shell.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.stderr == ""
    return [found.removeprefix("plain,") for found in answer.stdout.split()]


def test_ids_are_those_of_runs_that_take_the_command(shell: Shell) -> None:
    assert completed(shell, "status", "''") == []  # no ledger yet
    status, _, err = shell.run("migrate", "--source", "shop.db")
    assert status == 0, err
    status, _, err = shell.run("dry-run", "--source", "shop.db", "--target-schema", "other")
    assert status == 0, err
    whole, dry = (run for (run,) in shell.query("SELECT id::text FROM convoy.runs ORDER BY created_at"))

    assert completed(shell, "status", "''") == [dry, whole]
    assert completed(shell, "status", whole) == [whole]
    assert completed(shell, "rollback", "''") == [whole]
    assert completed(shell, "resume", "''") == []
    assert completed(shell, "quarantine", "list", whole[:20]) == [whole]
    assert completed(shell, "status", "nothing") == []


def test_target_is_that_of_the_line_then_of_the_folder(shell: Shell) -> None:
    status, _, err = shell.run("migrate", "--source", "shop.db")
    assert status == 0, err
    ((run,),) = shell.query("SELECT id::text FROM convoy.runs")
    elsewhere = "postgresql://nobody@127.0.0.1:1/none"
    assert completed(shell, "status", "''", MIGRATION_TARGET_URL=elsewhere) == []
    on_the_line = ("status", "--target-url", shell.target, "''")
    assert completed(shell, *on_the_line, MIGRATION_TARGET_URL=elsewhere) == [run]
    file = shell.folder / "convoy.toml"
    file.write_text(f'target_url = "{shell.target}"\n', encoding="utf-8")
    file.chmod(0o600)
    del shell.environment["MIGRATION_TARGET_URL"]
    assert completed(shell, "quarantine", "list", "''") == [run]
