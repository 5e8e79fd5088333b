"""`migration-cli cleanup` as users have it: it lists, asks, removes, and says what stands in the way."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.support.shell import CLI, PATIENCE_SECONDS, Shell, make_database

STAGING = "convoy_0198c2aa00007000800000000000abcd_staging"


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    return Shell(tmp_path, target_url)


@pytest.fixture
def left(shell: Shell) -> Shell:
    """A target in which a run that nobody knows any more has left its schema."""
    with psycopg.connect(shell.target) as connection:
        connection.execute(f"CREATE SCHEMA {STAGING}")
        connection.execute(f"CREATE TABLE {STAGING}.t (id int)")
    return shell


def stands(shell: Shell) -> bool:
    return shell.query(f"SELECT to_regnamespace('{STAGING}') IS NOT NULL") == [(True,)]


def answer(shell: Shell, word: str) -> tuple[int, str, str]:
    """Run `cleanup` at a terminal, and type a word."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*CLI, "cleanup"],
        cwd=shell.folder,
        env=shell.environment,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(theirs)
    os.write(ours, f"{word}\n".encode())
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    os.close(ours)
    return process.returncode, out, err


def test_without_a_terminal_it_lists_and_says_what_is_missing(left: Shell) -> None:
    status, out, err = left.run("cleanup")
    assert status == 2
    assert out == f"Nobody needs:\n  staging schema {STAGING} (0 B): this ledger does not know its run\n"
    assert err == (
        "error: Nothing was removed: there is no terminal to ask at (--yes)."
        " Add --yes to remove what nobody needs.\n"
    )
    assert stands(left)


def test_it_asks_at_a_terminal(left: Shell) -> None:
    status, out, err = answer(left, "n")
    assert (status, "Removed" in out, stands(left)) == (0, False, True)
    assert "Remove 1 thing that nobody needs (0 B)? [y/N]:" in err
    status, out, err = answer(left, "y")
    assert (status, stands(left)) == (0, False), err
    assert out.endswith("Removed 1 of 1 thing (0 B).\n")


def test_yes_removes_and_there_is_nothing_left_then(left: Shell) -> None:
    status, out, err = left.run("cleanup", "--yes")
    assert (status, err, stands(left)) == (0, "", False)
    assert out.endswith("Removed 1 of 1 thing (0 B).\n")
    assert left.run("cleanup") == (0, "There is nothing to remove.\n", "")
    assert left.run("cleanup", "--yes") == (0, "There is nothing to remove.\n", "")


def test_what_stands_in_the_way_is_named_with_status_1(left: Shell) -> None:
    with psycopg.connect(left.target) as connection:
        connection.execute(f"CREATE VIEW mine AS TABLE {STAGING}.t")
    status, out, err = left.run("cleanup", "--yes")
    assert (status, err, stands(left)) == (1, "", True)
    assert out.splitlines()[-3:] == [
        f"staging schema {STAGING} stays; in its way:",
        f"  view mine depends on table {STAGING}.t",
        "Removed 0 of 1 thing (0 B).",
    ]


def test_json_lists_and_removes_only_with_yes(left: Shell) -> None:
    status, out, err = left.run("cleanup", "--json")
    (entry,) = json.loads(out)["leftovers"]
    assert (status, err, stands(left)) == (0, "", True)
    assert entry == {
        "kind": "staging schema",
        "name": STAGING,
        "bytes": 0,
        "needed": False,
        "reason": "this ledger does not know its run",
        "run_id": "0198c2aa-0000-7000-8000-00000000abcd",
        "next_steps": [],
        "removed": False,
        "in_the_way": [],
    }
    status, out, _ = left.run("cleanup", "--json", "--yes")
    (entry,) = json.loads(out)["leftovers"]
    assert (status, entry["removed"], stands(left)) == (0, True, False)


def test_completed_run_keeps_what_a_rollback_needs(shell: Shell) -> None:
    make_database(shell.folder / "shop.db")
    for more in ([], ["--if-exists", "replace"]):
        status, _, err = shell.run("migrate", "--source", "shop.db", "--json", *more)
        assert status == 0, err
    run_id, previous = shell.query(
        "SELECT id::text, previous_schema FROM convoy.runs ORDER BY created_at DESC LIMIT 1"
    )[0]
    status, out, err = shell.run("cleanup", "--yes")
    assert (status, err) == (0, "")
    assert f"previous schema {previous} (" in out
    assert f"kept for rollback of run {run_id}\n    Put back what stood there before: migration-cli" in out
    assert "There is nothing to remove." in out
    status, out, err = shell.run("rollback", run_id)
    assert status == 0, err
    assert shell.run("cleanup") == (0, "There is nothing to remove.\n", "")


def test_target_that_does_not_answer_is_one_sentence(shell: Shell) -> None:
    status, out, err = shell.run("cleanup", "--target-url", "postgresql://nobody@127.0.0.1:1/none")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: Cannot connect to PostgreSQL")
