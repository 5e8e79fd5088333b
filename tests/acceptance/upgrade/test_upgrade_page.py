"""docs/upgrading.md beside what there is: the commands of the version before, the rights that a step takes."""

from __future__ import annotations

import re
import uuid
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from migration.ledger.ledger_database import open_ledger

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "upgrading.md").read_text(encoding="utf-8")
COMMANDS_OF_0_1_0 = {
    *(
        "migrate",
        "dry-run",
        "validate",
        "resume",
        "cutover",
        "rollback",
        "pause",
        "cancel",
        "quarantine",
        "status",
    ),
    *("purge", "cleanup", "verify-report", "apps", "list-tables", "up", "psql", "--version", "--help"),
}


def test_what_the_old_version_is_to_do_it_can_do() -> None:
    steps = re.findall(r"^\| \d \| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    assert steps
    for state, what in steps:
        if state.endswith("old"):
            asked = re.findall(r"`migration-cli (\S+)", what)
            assert set(asked) <= COMMANDS_OF_0_1_0, what


def test_a_role_without_createdb_owns_the_copy_that_was_made_for_it(postgres_url: str) -> None:
    """The page's other way: what an administrator types, and then the ledger in the copy is this role's."""
    name = f"convoy_trial_{uuid.uuid4().hex[:8]}"
    assert "CREATE DATABASE convoy_trial OWNER loader\nDROP DATABASE convoy_trial" in PAGE
    with psycopg.connect(postgres_url, autocommit=True) as administrator:
        administrator.execute(f"CREATE ROLE {name} LOGIN")
        try:
            as_role = make_conninfo(postgres_url, user=name)
            with (
                psycopg.connect(as_role, autocommit=True) as role,
                pytest.raises(psycopg.errors.InsufficientPrivilege),
            ):
                role.execute(f"CREATE DATABASE {name}")
            administrator.execute(f"CREATE DATABASE {name} OWNER {name}")
            try:
                url = re.sub(r"//[^@/]*@", f"//{name}@", postgres_url).replace("/postgres?", f"/{name}?")
                open_ledger(url).dispose()
            finally:
                administrator.execute(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            administrator.execute(f"DROP ROLE {name}")
