"""Who did what, in words: a run that ends by itself is no act of whoever may only start one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from migration.ledger.run_acts import Act, ActRecord, Person
from producer.cli.commands.status_command import act_line


@pytest.mark.parametrize(
    ("act", "asked_by", "words"),
    [
        (Act.CUT_OVER, "started", "cut over, by the run itself, at"),
        (Act.CUT_OVER, "resumed", "cut over, by the run itself, at"),
        (Act.CUT_OVER, "cutover_asked", "cut over at"),
        (Act.CUT_OVER, None, "cut over at"),
        (Act.STARTED, None, "started at"),
    ],
)
def test_a_cutover_that_nobody_asked_for_is_the_runs_own(act: Act, asked_by: str | None, words: str) -> None:
    data = {} if asked_by is None else {"asked_by": asked_by}
    record = ActRecord(act, datetime(2031, 5, 1, tzinfo=UTC), Person("token ci", "127.0.0.1"), "0.1.0", data)
    assert f"token ci on 127.0.0.1: {words}" in act_line(record)
