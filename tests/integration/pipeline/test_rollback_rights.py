"""Somebody else's role rolls a run back: what it lacks is named at once, and given by what is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from migration.errors import TargetPermissionError
from migration.ledger.ledger_database import open_ledger
from migration.model import IfExists, Phase
from migration.steps.run_rollback import roll_back_run
from tests.support.direct import Direct

Build = Callable[[str], Path]
ROLE = "convoy_second_dba"
SCRIPT = """
CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT); CREATE TABLE loan (id INTEGER PRIMARY KEY, book INTEGER);
INSERT INTO book VALUES (1, 'One'); INSERT INTO loan VALUES (1, 1);
"""


@pytest.fixture
def other_url(direct: Direct, postgres_url: str) -> Iterator[str]:
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {ROLE} LOGIN".encode())
    direct.query(
        f'GRANT CREATE ON DATABASE "{urlsplit(direct.url).path[1:]}" TO {ROLE};'
        f"GRANT USAGE ON SCHEMA convoy TO {ROLE}; GRANT ALL ON ALL TABLES IN SCHEMA convoy TO {ROLE};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA convoy TO {ROLE}"
    )
    yield direct.url.replace("//postgres@", f"//{ROLE}@")
    direct.query(f"DROP OWNED BY {ROLE}")
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(f"DROP ROLE {ROLE}".encode())


def test_all_that_is_lacking_is_named_at_once_and_suffices(
    direct: Direct, build: Build, other_url: str
) -> None:
    path = build(SCRIPT)
    direct.migrate(path, target_schema="shelf")
    run = direct.migrate(path, target_schema="shelf", if_exists=IfExists.REPLACE)
    assert run.phase is Phase.COMPLETED
    ledger = open_ledger(other_url)
    try:
        with pytest.raises(TargetPermissionError) as refused:
            roll_back_run(ledger, run.id, settings=direct.workspace.settings)
        steps = [step.command for step in refused.value.next_steps]
        assert any("ON SCHEMA" in command for command in steps)
        for command in steps:
            direct.query(command)

        roll_back_run(ledger, run.id, settings=direct.workspace.settings)
    finally:
        ledger.dispose()
    assert direct.query("SELECT count(*) FROM shelf.book") == [(1,)]
