from __future__ import annotations

from migration.ledger.event_names import EventName


def test_names_are_those_that_the_api_and_ledgers_of_other_versions_know() -> None:
    assert [name.value for name in EventName] == [
        "phase",
        "planned",
        "sent",
        "resend",
        "step_failed",
        "worker_stopped",
        "waiting",
        "failed",
        "paused",
        "resume",
        "cutover",
        "retry",
        "act",
        "dry_run",
    ]
