"""docs/operations.md, "A ledger from a backup": its own lines on a real database, and what becomes of the rest."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from migration.errors import UnknownRunError
from migration.ledger.access_tokens import AccessScope, create_token, find_token, revoke_token
from migration.ledger.ledger_database import open_ledger
from migration.ledger.run_acts import Person
from migration.ledger.run_records import create_run, find_run
from migration.model import Phase, Source
from migration.run_options import RunOptions
from tests.support.documentation import ROOT, blocks_of
from tests.support.replacement import pg_dump

ADA = Person("ada", "desk")
OPTIONS = RunOptions(sources=(Source("s", "s.db"),), target_schema="s")
PAGES = {name: ROOT / "docs" / f"{name}.md" for name in ("operations", "upgrading")}


def lines_of(page: str, pattern: str) -> list[str]:
    return [
        line.removeprefix("$ ")
        for block in blocks_of(PAGES[page])
        for line in block.text.splitlines()
        if re.search(pattern, line)
    ]


def test_lines_of_the_page_bring_the_ledger_back_with_what_it_knew(target_url: str, tmp_path: Path) -> None:
    def type_(line: str) -> None:
        line = line.replace("postgresql://admin@host/shop", '"$MIGRATION_TARGET_URL"')
        path = f"{pg_dump(target_url).parent}:/usr/bin:/bin"
        environment = {"PATH": path, "MIGRATION_TARGET_URL": target_url}
        subprocess.run(["sh", "-euc", line], cwd=tmp_path, env=environment, check=True)

    (dump,) = lines_of("upgrading", r"^\$ pg_dump -Fc")
    restore = lines_of("operations", r"DROP SCHEMA convoy CASCADE|pg_restore .* convoy\.dump$")
    assert len(restore) == 2
    engine = open_ledger(target_url)
    known = create_run(engine, OPTIONS)
    revoked, _ = create_token(engine, "revoked-since", (AccessScope.READ,), ADA, None)
    type_(dump)
    revoke_token(engine, "revoked-since", ADA)
    since = create_run(engine, OPTIONS)
    made, _ = create_token(engine, "made-since", (AccessScope.READ,), ADA, None)
    engine.dispose()

    for line in restore:
        type_(line)

    engine = open_ledger(target_url)
    try:
        assert find_run(engine, known).phase is Phase.PENDING
        with pytest.raises(UnknownRunError):
            find_run(engine, since)
        with engine.connect() as connection:
            assert find_token(connection, made) is None
            good = find_token(connection, revoked)
            assert good is not None
            assert good.is_good
    finally:
        engine.dispose()


def test_the_pages_that_one_looks_at_lead_there() -> None:
    for page in ("upgrading", "http"):
        text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        assert "(operations.md#a-ledger-from-a-backup)" in text
