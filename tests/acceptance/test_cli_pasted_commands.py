"""What an error says to type is typed here, as it stands; and what it says is short and true."""

from __future__ import annotations

import json
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.support.shell import Shell, make_database

MANY = 40


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Shell:
    """A shell in which no target is set: each command has to name it."""
    found = Shell(tmp_path, target_url)
    del found.environment["MIGRATION_TARGET_URL"]
    make_database(found.folder / "library.db", 3)
    return found


def pasted(shell: Shell, command: str) -> tuple[int, str, str]:
    words = shlex.split(command)
    assert words[0] == "migration-cli", command
    return shell.run(*words[1:])


def test_an_unknown_table_leads_to_the_tables_of_the_source(shell: Shell) -> None:
    target = ("--target-url", shell.target)
    status, out, err = shell.run("dry-run", "--source", "library.db", "--tables", "pets", *target, "--json")
    assert status == 2, err
    details = json.loads(out)["error_details"]
    assert details["code"] == "table-unknown"
    (step,) = [step for step in details["next_steps"] if step["purpose"] == "List the tables"]
    assert f"`{step['command']}`" in details["remedy"]
    status, out, err = pasted(shell, step["command"])
    assert status == 0, err
    assert {"author", "book"} <= set(out.split())


def test_an_ambiguous_id_names_the_runs_and_a_command_for_this_target(shell: Shell) -> None:
    target = ("--target-url", shell.target)
    for _ in range(2):
        status, _, err = shell.run("dry-run", "--source", "library.db", *target)
        assert status in {0, 1}, err
    ids = [run_id for (run_id,) in shell.query("SELECT id::text FROM convoy.runs")]
    status, _, err = shell.run("quarantine", "list", ids[0][:5], *target)
    assert status == 2
    assert all(f"{run_id} (dry-run of library, 20" in err for run_id in ids)
    (command,) = re.findall(r"`(migration-cli [^`]+)`", err)
    status, out, err = pasted(shell, command)
    assert status == 0, err
    assert all(run_id in out for run_id in ids)


def test_a_purge_says_what_it_takes_from_this_run(shell: Shell) -> None:
    target = ("--target-url", shell.target)
    assert shell.run("migrate", "--source", "library.db", *target)[0] == 0
    ((run_id,),) = shell.query("SELECT id::text FROM convoy.runs")
    assert shell.run("rollback", run_id, *target)[0] == 0
    status, out, err = shell.run("purge", run_id, "--yes", *target)
    assert status == 0, err
    assert f"Run {run_id} is rolled back, and stays so; there is nothing to roll back." in out
    assert "no longer" not in out


def test_many_missing_rights_are_three_names_a_number_and_one_grant(shell: Shell) -> None:
    with closing(sqlite3.connect(shell.folder / "many.db")) as connection:
        for number in range(MANY):
            connection.execute(f"CREATE TABLE t_{number:03} (id INTEGER PRIMARY KEY)")
        connection.commit()
    target = ("--target-url", shell.target)
    flags = ("--source", "many.db", "--target-schema", "shop")
    assert shell.run("migrate", *flags, *target)[0] == 0
    shell.execute(
        "DROP ROLE IF EXISTS t_reader; CREATE ROLE t_reader LOGIN; GRANT USAGE ON SCHEMA shop TO t_reader"
    )
    try:
        parts = urlsplit(shell.target)
        as_reader = urlunsplit(parts._replace(netloc="t_reader@" + parts.netloc.rpartition("@")[2]))
        status, _, err = shell.run("validate", *flags, "--target-url", as_reader)
        assert status == 2, err
        assert "may not read shop.t_000, shop.t_001, shop.t_002 and 37 more" in err
        assert 'GRANT SELECT ON ALL TABLES IN SCHEMA "shop" TO "t_reader"' in err
        assert max(map(len, err.splitlines())) < 1_000
        shell.execute('GRANT SELECT ON ALL TABLES IN SCHEMA "shop" TO "t_reader"')
        status, out, err = shell.run("validate", *flags, "--target-url", as_reader)
        assert status == 0, out + err
    finally:
        shell.execute("DROP OWNED BY t_reader; DROP ROLE t_reader")


def test_what_a_proxy_of_the_environment_refuses_is_told_as_its_refusal(shell: Shell) -> None:
    shell.environment |= {
        "HTTP_PROXY": "http://me:s3cret@127.0.0.1:9",
        "http_proxy": "http://me:s3cret@127.0.0.1:9",
    }
    for name in ("no_proxy", "NO_PROXY"):
        shell.environment.pop(name, None)
    status, _, err = shell.run(
        "dry-run", "--source", "http://127.0.0.1:38777/n.db", "--target-url", shell.target
    )
    assert status == 2, err
    assert "cannot be fetched: Connection refused" in err
    assert "the proxy http://127.0.0.1:9 that HTTP_PROXY names" in err
    assert "no_proxy" in err
    shell.environment |= {"MIGRATION_STAGE_URL": "http://127.0.0.1:38777", "MIGRATION_API_TOKEN": "x" * 40}
    _, out, err_of_doctor = shell.run("doctor", "--target-url", shell.target)
    assert "the proxy http://127.0.0.1:9 that HTTP_PROXY names" in out
    assert not [word for word in ("s3cret", "urlopen") if word in err + out + err_of_doctor]
