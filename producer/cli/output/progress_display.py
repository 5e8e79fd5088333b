"""Progress as a user sees it: bars in a terminal, a line now and then anywhere else. Always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, TextIO

from migration.ledger.run_progress import RunProgress
from migration.ledger.table_progress import TableProgress
from migration.model import Mode, Phase
from migration.report.text_formatting import count, printable, size
from migration.source_table_names import TableNames

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PHASES: dict[Phase, str] = {
    Phase.PENDING: "Waiting for the producer",
    Phase.SNAPSHOTTING: "Freezing the source",
    Phase.PROFILING: "Reading every value",
    Phase.COPYING: "Copying rows",
    Phase.INDEXING: "Building keys and indexes",
    Phase.VALIDATING: "Comparing both sides",
    Phase.CUTTING_OVER: "Putting the tables in place",
    Phase.READY: "Ready: proved, and held before the cutover",
    Phase.COMPLETED: "Completed",
    Phase.COMPLETED_WITH_FINDINGS: "Completed with findings",
    Phase.FAILED: "Failed",
    Phase.CANCELLED: "Cancelled",
    Phase.ROLLED_BACK: "Rolled back",
}
DRY_RUN_PHASES: dict[Phase, str] = {
    Phase.COPYING: "Trying every row",
    Phase.INDEXING: "Trying keys and indexes",
    Phase.COMPLETED: "Tried",
    Phase.COMPLETED_WITH_FINDINGS: "Tried, with findings",
}
"""What a dry-run does in phases that would otherwise write."""
_SHOWN_TABLES = 8
_NAME_CHARS = 30
_LINE_SECONDS = 3.0
_DONE = "done"


class View(AbstractContextManager["View"], Protocol):
    """Shows a run while it goes on."""

    def show(self, progress: RunProgress) -> None:
        """Show the present state."""

    def note(self, line: str) -> None:
        """Say something that stays."""


class LineView:
    """Plain lines: at each new phase, and every few seconds within one."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._phase: Phase | None = None
        self._written = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.flush()

    def show(self, progress: RunProgress) -> None:
        """Write a line if it is time for one."""
        now = self._clock()
        if progress.phase is self._phase and now - self._written < _LINE_SECONDS:
            return
        self._phase, self._written = progress.phase, now
        details = facts(progress)
        self.note(
            f"{progress.percent:5.1f} %  {activity(progress)}{': ' if details else ''}{', '.join(details)}"
        )

    def note(self, line: str) -> None:
        """Write a line."""
        self._stream.write(f"{line}\n")
        self._stream.flush()


class BarView:
    """Bars that are redrawn in place, and vanish at the end."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._console = console
        self._live = Live(console=console, transient=True, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: RunProgress) -> None:
        """Redraw."""
        self._live.update(render(progress))

    def note(self, line: str) -> None:
        """Print a line above the bars."""
        self._console.print(line, markup=False, highlight=False)


def make_view() -> BarView | LineView:
    """Return the view that suits stderr."""
    if sys.stderr.isatty():
        from rich.console import Console

        return BarView(Console(stderr=True))
    return LineView(sys.stderr)


def activity(progress: RunProgress) -> str:
    """Return what a run is doing, in words."""
    dry_run = DRY_RUN_PHASES if progress.mode == Mode.DRY_RUN else {}
    doing = dry_run.get(progress.phase, PHASES[progress.phase])
    return doing if progress.paused_at is None else f"Paused: {doing}"


def facts(progress: RunProgress) -> list[str]:
    """Return what can be said of a run at this moment, each as a few words."""
    said = []
    if progress.rows_total and progress.phase is Phase.COPYING:
        said.append(f"{progress.rows_done:,} of {progress.rows_total:,} rows")
        said.append(f"{size(progress.bytes_done)} of {size(progress.bytes_total)}")
        if progress.rows_per_s:
            said += [f"{progress.rows_per_s:,.0f} rows/s", f"{size(progress.bytes_per_s)}/s"]
    elif progress.rows_total:
        said.append(
            f"{count(progress.rows_total, 'row')} in {count(progress.tables_total or len(progress.tables), 'table')}"
        )
    if progress.eta_seconds is not None:
        said.append(f"ETA {clock_time(progress.eta_seconds)}")
    if progress.workers and not progress.phase.is_end:
        said.append(f"{count(len(progress.workers), 'worker')} at work")
    if progress.quarantined:
        said.append(f"{count(progress.quarantined, 'row')} quarantined")
    return said


def presence(progress: RunProgress) -> str:
    """Return who is there to work on runs, and since when the run has not moved."""
    there = (
        f"{count(progress.producers_alive, 'producer')} and {count(progress.workers_alive, 'worker')} alive"
    )
    if progress.last_progress_at is None:
        return there
    return f"{there}; it last moved at {progress.last_progress_at.astimezone():%H:%M:%S}"


def clock_time(seconds: float) -> str:
    """Return a duration as a clock shows it.

    >>> clock_time(7), clock_time(3725)
    ('0:07', '1:02:05')
    """
    minutes, rest = divmod(int(seconds + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def render(progress: RunProgress) -> RenderableType:
    """Return the bars: the whole run, then the tables that are being copied, the largest first."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    whole = Table.grid(padding=(0, 2, 0, 0))
    whole.add_row(
        Text(activity(progress), style="bold"),
        ProgressBar(total=100, completed=progress.percent, width=30),
        Text(f"{progress.percent:.0f} %", style="bold"),
    )
    parts: list[RenderableType] = [
        whole,
        Text("  " + " · ".join(facts(progress)), style="dim", no_wrap=True, overflow="ellipsis"),
    ]
    if progress.phase is Phase.COPYING:
        active, finished, waiting = by_state(progress)
        names = TableNames.among(table.source for table in progress.tables)
        grid = Table.grid(padding=(0, 2, 0, 0))
        for table in active[:_SHOWN_TABLES]:
            total = max(table.bytes_total, 1)
            grid.add_row(
                Text("  " + printable(names.table(table.source, table.name), _NAME_CHARS)),
                ProgressBar(total=total, completed=min(table.bytes_done, total), width=30),
                Text(f"{table.rows_done:,} of {table.rows_total:,}", style="dim"),
            )
        parts.append(grid)
        rest = [
            count(number, f"{more}table") + word
            for number, more, word in (
                (max(0, len(active) - _SHOWN_TABLES), "more ", " under way"),
                (len(finished), "", " done"),
                (len(waiting), "", " waiting"),
            )
            if number
        ]
        parts.append(Text("  " + ", ".join(rest), style="dim"))
    return Group(*parts)


def by_state(progress: RunProgress) -> tuple[list[TableProgress], list[TableProgress], list[TableProgress]]:
    """Return the tables under way, the finished ones and those that wait, the largest first."""
    tables = sorted(progress.tables, key=lambda table: -table.bytes_total)
    active = [table for table in tables if table.state not in (_DONE, "pending")]
    finished = [table for table in tables if table.state == _DONE]
    waiting = [table for table in tables if table.state == "pending"]
    return active, finished, waiting
