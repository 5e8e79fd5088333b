"""Progress in words and bars."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from migration.ledger.run_progress import RunProgress
from migration.ledger.table_progress import TableProgress
from migration.model import Phase
from producer.cli.output.progress_display import (
    PHASES,
    BarView,
    LineView,
    activity,
    clock_time,
    facts,
    render,
)


def table(name: str, state: str, total: int, done: int) -> TableProgress:
    return TableProgress("app", name, total, done, total * 100, done * 100, state)


COPYING = RunProgress(
    run_id="0198",
    mode="migrate",
    phase=Phase.COPYING,
    percent=45.0,
    rows_total=2_000_000,
    rows_done=1_000_000,
    bytes_total=200_000_000,
    bytes_done=100_000_000,
    rows_per_s=250_000.0,
    bytes_per_s=25_000_000.0,
    eta_seconds=4.2,
    workers=("w:1", "w:2"),
    tables=(
        table("small", "done", 10, 10),
        table("large", "running", 1_900_000, 950_000),
        *(table(f"medium{number}", "running", 1000, 500) for number in range(9)),
        table("later", "pending", 100, 0),
    ),
    error=None,
    findings=0,
    quarantined=3,
    chunks_total=40,
    chunks_done=20,
)


def rendered(progress: RunProgress) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=False)
    console.print(render(progress))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_every_phase_has_words() -> None:
    assert set(PHASES) == set(Phase)


def test_a_dry_run_does_not_claim_to_copy() -> None:
    assert activity(COPYING) == "Copying rows"
    assert activity(replace(COPYING, mode="dry-run")) == "Trying every row"


def test_the_facts_of_a_copy() -> None:
    assert facts(COPYING) == [
        "1,000,000 of 2,000,000 rows",
        "100.0 MB of 200.0 MB",
        "250,000 rows/s",
        "25.0 MB/s",
        "ETA 0:04",
        "2 workers at work",
        "3 rows quarantined",
    ]


def test_nothing_is_claimed_before_anything_is_known() -> None:
    unknown = replace(
        COPYING,
        phase=Phase.SNAPSHOTTING,
        rows_total=0,
        workers=(),
        eta_seconds=None,
        tables=(),
        quarantined=0,
    )
    assert facts(unknown) == []


def test_bars_show_the_largest_tables_and_count_the_rest() -> None:
    shown = rendered(COPYING)
    assert "Copying rows" in shown
    assert "45 %" in shown
    assert shown.index("large") < shown.index("medium0")
    assert "medium7" not in shown
    assert "2 more tables under way, 1 table done, 1 table waiting" in shown


def test_a_hostile_table_name_stays_text() -> None:
    shown = rendered(replace(COPYING, tables=(table("[red]\x1b[31mx", "running", 10, 1),)))
    assert "[red]" in shown
    assert "\x1b[31m" not in shown


def test_lines_come_at_each_phase_and_every_few_seconds() -> None:
    now = 0.0
    out = io.StringIO()
    with LineView(out, clock=lambda: now) as view:
        view.show(COPYING)
        view.show(COPYING)
        now = 10.0
        view.show(COPYING)
        view.show(replace(COPYING, phase=Phase.INDEXING))
        view.note("a word")
    lines = out.getvalue().splitlines()
    assert [line.split("%")[1].split(":")[0].strip() for line in lines[:3]] == [
        "Copying rows",
        "Copying rows",
        "Building keys and indexes",
    ]
    assert lines[3:] == ["a word"]


def test_bars_vanish_at_the_end_and_notes_stay() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    with BarView(console) as view:
        view.show(COPYING)
        view.note("[kept] as it is")
    assert "[kept] as it is" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (36_000, "10:00:00")]
)
def test_clock_time(seconds: float, shown: str) -> None:
    assert clock_time(seconds) == shown
