"""A ledger that somebody takes away in mid-run is told as such, and no command that names a run makes another."""

from __future__ import annotations

import json
import re
from pathlib import Path

import psycopg

from tests.support.shell import Shell, make_database, wait_until

OF_A_RUN = (
    ("resume",),
    ("status",),
    ("cutover",),
    ("cancel",),
    ("pause",),
    ("rollback",),
    ("purge", "--yes"),
    ("quarantine", "list"),
    ("quarantine", "retry"),
)


def has_ledger(shell: Shell) -> bool:
    return shell.query("SELECT to_regnamespace('convoy') IS NOT NULL") == [(True,)]


def test_ledger_renamed_in_mid_run_is_named_with_what_leads_on(tmp_path: Path, target_url: str) -> None:
    shell = Shell(tmp_path, target_url)
    make_database(shell.folder / "shop.db", rows=50_000)
    # Given a run that is under way
    process = shell.start("migrate", "--source", "shop.db", "--json")
    assert wait_until(
        lambda: has_ledger(shell) and bool(shell.query("SELECT to_regclass('convoy.runs')")[0][0])
    )
    assert wait_until(lambda: bool(shell.query("SELECT 1 FROM convoy.runs")))
    with psycopg.connect(target_url) as connection:
        ((run, staging),) = connection.execute("SELECT id::text, staging_schema FROM convoy.runs").fetchall()
        connection.execute("ALTER SCHEMA convoy RENAME TO convoy_x")

    out, err = process.communicate(timeout=120)

    assert process.returncode == 3, err
    error = json.loads(out)["error"]
    assert error["code"] == "ledger-missing"
    assert staging in err
    assert f"migration-cli resume {run}" in error["next_steps"][0]["command"]
    # When what was printed is pasted too early
    for command, *flags in OF_A_RUN:
        words = (command, flags[0], run) if command == "quarantine" else (command, run, *flags)
        status, _, err = shell.run(*words)
        assert status == 2, (words, err)
        assert "There is no ledger in this database" in err, words
        assert not has_ledger(shell), words
    # Then it goes on once the ledger is back
    shell.execute("ALTER SCHEMA convoy_x RENAME TO convoy")
    status, _, err = shell.run(*re.sub("^migration-cli ", "", error["next_steps"][0]["command"]).split())
    assert status == 0, err
    assert shell.query("SELECT count(*) FROM book") == [(50_000,)]
