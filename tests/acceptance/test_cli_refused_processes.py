"""A command whose own processes get no connection says why, and ends by the limit that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.shell import Shell, make_database

ROLE = "few_connections"


@pytest.fixture
def shell(tmp_path: Path, target_url: str) -> Iterator[Shell]:
    shell = Shell(tmp_path, target_url)
    make_database(shell.folder / "shop.db")
    ((database,),) = shell.query("SELECT quote_ident(current_database())")
    shell.execute(f"CREATE ROLE {ROLE} LOGIN; GRANT CREATE ON DATABASE {database} TO {ROLE}")
    shell.execute(f"GRANT CREATE ON SCHEMA public TO {ROLE}")
    shell.environment["MIGRATION_TARGET_URL"] = f"{target_url}&user={ROLE}"
    yield shell
    shell.execute(f"DROP OWNED BY {ROLE} CASCADE; DROP ROLE {ROLE}")


def allow(shell: Shell, connections: int) -> None:
    shell.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT {connections}")


def test_limit_is_named_and_the_run_goes_on_once_it_is_lifted(shell: Shell) -> None:
    allow(shell, 2)
    process = shell.start("migrate", "--source", "shop.db", "--workers", "2")
    assert process.stderr is not None
    read = ""
    while "get no connection" not in read:
        line = process.stderr.readline()
        assert line, read
        read += line
    assert f"the role {ROLE} may have 2, and a run with 2 workers needs up to 12" in read
    assert f"ALTER ROLE {ROLE} CONNECTION LIMIT 12" in read
    assert "celery" not in read

    allow(shell, 12)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err


def test_limit_that_stays_ends_the_run_which_goes_on_as_pasted(shell: Shell) -> None:
    allow(shell, 2)
    status, out, err = shell.run("migrate", "--source", "shop.db", "--workers", "2", "--json")
    assert status == 3, err
    error = json.loads(out)["error"]
    assert error["code"] == "target-limit"
    lift, go_on, *_ = (step["command"] for step in error["next_steps"])
    with psycopg.connect(shell.target) as admin:
        admin.execute(lift)
    status, _, err = shell.run(*go_on.split()[1:])
    assert status == 0, err
