"""Every command says what it waits for: none opens the ledger without."""

from __future__ import annotations

from pathlib import Path

import producer.cli.commands

COMMANDS = sorted(Path(producer.cli.commands.__file__).parent.glob("*.py"))


def test_commands_open_the_ledger_where_their_waits_are_told() -> None:
    assert len(COMMANDS) > 10
    assert [path.name for path in COMMANDS if "open_ledger(" in path.read_text(encoding="utf-8")] == []
