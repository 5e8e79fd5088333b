"""Follow a run to its end, then say how it ended."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import click

from migration.convoy_error import ConvoyError
from migration.errors import ReportNotWrittenError, RetryableError, TargetUnreachableError
from migration.exit_status import ExitStatus
from migration.ledger.event_log import read_events
from migration.ledger.process_presence import forget_processes
from migration.ledger.run_progress import RunProgress, read_progress
from migration.ledger.run_records import read_run
from migration.model import Phase
from migration.report.report_builder import build_report
from migration.start_commands import start_command
from migration.version_errors import LedgerMissingError
from producer.cli.command_interruption import interruption_is_over
from producer.cli.output.command_lines import command_line, fit_text, with_target
from producer.cli.output.error_output import without_passwords
from producer.cli.output.interrupted_run import note_sight, speak_last_of, stop_interrupted, stop_run, way_on
from producer.cli.output.progress_display import View, make_view
from producer.cli.output.refused_processes import RefusedProcesses
from producer.cli.output.report_output import put_out
from producer.cli.server_wait_notes import take_note_of_answer
from producer.snapshot_removal import prune_snapshots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.report.report_model import Report
    from producer.cli.command_options import Output
    from producer.cli.run_session import Session
    from producer.embedded.embedded_cluster import LocalCluster

_POLL_SECONDS = 0.25
_GLANCE_SECONDS = 0.04
_SHORT_SECONDS = 10.0
_CHECK_SECONDS = 1.0
_SILENCE_SECONDS = 120.0
_NOTABLE_SECONDS = 3.0
_UNHEARD_SECONDS = 15.0
_UNTOLD = frozenset({"error_details"})
"""Data of events that say once more, for programs, what stands beside it."""


def follow(session: Session, run_id: str, output: Output) -> int:
    """Show a run until it ends, write and print its report, and return the exit status.

    Raises:
        ConvoyError: the local cluster broke down, or PostgreSQL was silent for two minutes.
    """
    if output.verbose:
        click.echo(f"Run {run_id}", err=True)
        if session.cluster is not None:
            click.echo(f"Logs in {session.cluster.logs}", err=True)
    speak_last_of(session, run_id)
    try:
        with make_view() as view:
            watch(session, run_id, view, verbose=output.verbose)
        if session.cluster is not None:
            session.cluster.retire(wait=False)
        return finish(session, run_id, output)
    except KeyboardInterrupt:
        return end_interrupted(session, run_id, output)
    except LedgerMissingError as error:
        error.exit_status = ExitStatus.FAILED  # the run had begun
        raise
    except ConvoyError as error:
        if session.cluster is not None:
            with contextlib.suppress(Exception):  # PostgreSQL may be what is gone
                stop_run(session, run_id, error)
        way = way_on(session, run_id)
        if not isinstance(error, ReportNotWrittenError):
            error.next_steps = (*error.next_steps, way.step)
        click.echo(f"Go on with: {command_line(session.target, *way.words)}", err=True)
        raise


def watch(session: Session, run_id: str, view: View, *, verbose: bool) -> RunProgress:
    """Show progress until the run is at an end, and keep a local cluster alive."""
    begun = answered = time.monotonic()
    checked = 0.0
    last_event = 0
    hinted = False
    told: set[str] = set()
    refusals = RefusedProcesses(session, session.cluster) if session.cluster is not None else None
    while True:
        now = time.monotonic()
        if session.cluster is not None and now - checked > _CHECK_SECONDS:
            checked = now
            if _keep_alive(session.cluster, view, told):
                answered = now  # it is known why nobody answers
        try:
            progress = read_progress(session.engine, run_id)
            if verbose:
                last_event = _show_events(session, run_id, last_event, view)
        except Exception as error:  # noqa: BLE001  # `_bear` raises what does not pass by itself
            reason = _bear(error, run_id, now - answered)
            if now - answered > _NOTABLE_SECONDS:
                _tell([f"PostgreSQL does not answer, and is waited for: {reason.what}."], view, told)
            time.sleep(_CHECK_SECONDS)
            continue
        if now - answered > _NOTABLE_SECONDS:
            told.clear()  # what held the run up before may do so again
            _tell(["PostgreSQL answers again."], view, told)
        answered = now
        take_note_of_answer()
        note_sight(session, progress)
        waits = progress.waits if refusals is None else refusals.waits_of(progress)
        _tell([fit_text(wait, session.target) for wait in waits], view, told)
        view.show(progress)
        if progress.phase.is_end:
            return progress
        if (
            session.cluster is None
            and progress.phase is Phase.PENDING
            and now - begun > _UNHEARD_SECONDS
            and not hinted
        ):
            hinted = True
            view.note(
                "No producer has taken the run yet. Is one running on this broker, with this very target? "
                f"Start it with: {start_command('producer')}"
            )
        _pause(session, run_id, now - begun)


def _keep_alive(cluster: LocalCluster, view: View, told: set[str]) -> bool:
    """Start again what has died of a local cluster; return whether a full disk keeps its server from answering."""
    for name in cluster.check():
        view.note(f"The local {name} had died and was started again")
        told.clear()  # what held the run up before may do so again
    if cluster.full_disk is None:
        return False
    _tell([str(cluster.full_disk)], view, told)
    return True


def _show_events(session: Session, run_id: str, after: int, view: View) -> int:
    """Show what the log of the run has after an entry, and return the last one's id."""
    for event in read_events(session.engine, run_id, after):
        after = event.id
        words = " ".join(f"{name}={value}" for name, value in event.data.items() if name not in _UNTOLD)
        view.note(without_passwords(f"{event.at:%H:%M:%S}  {event.kind}  {words}"))
    return after


def _pause(session: Session, run_id: str, elapsed_seconds: float) -> None:
    """Wait until the next look; the end of a run that takes seconds is seen at once."""
    if elapsed_seconds > _SHORT_SECONDS:
        time.sleep(_POLL_SECONDS)
        return
    until = time.monotonic() + _POLL_SECONDS
    with contextlib.suppress(Exception):  # the look that follows says what is wrong
        while time.monotonic() < until:
            time.sleep(_GLANCE_SECONDS)
            with session.engine.connect() as connection:
                if read_run(connection, run_id).phase.is_end:
                    return


def _tidy_up(session: Session) -> None:
    """Remove the snapshots of a cluster that lives for one command; a failed run and a quarantine keep theirs."""
    settings = session.settings
    if session.cluster is not None and "snapshot_retention_hours" not in settings.model_fields_set:
        prune_snapshots(session.engine, settings.snapshot_dir.absolute(), 0)
    if session.cluster is not None:
        with (
            contextlib.suppress(Exception),
            session.engine.begin() as connection,
        ):  # they fall silent all the same
            forget_processes(connection, session.cluster.pids.values())


def _tell(lines: Sequence[str], view: View, told: set[str]) -> None:
    """Say once what holds a run up."""
    for line in lines:
        if line not in told:
            told.add(line)
            view.note(without_passwords(line))


def finish(session: Session, run_id: str, output: Output) -> int:
    """Write and print the report of a run at its end, and return the exit status."""
    report = with_target(_build_report(session, run_id), session.target)
    folder = output.report or session.settings.report_dir / run_id
    html_path = put_out(report, folder, session.settings, as_json=output.as_json)
    if report.status is Phase.FAILED:
        click.echo(f"error: {without_passwords(report.error or 'The run failed.')}", err=True)
        if report.exit_status == ExitStatus.UNUSABLE_INPUT:
            click.echo(f"Nothing was changed. The report: {html_path}", err=True)
        elif session.cluster is not None:
            click.echo(f"Logs in {session.cluster.logs}", err=True)
    try:
        _tidy_up(session)
    except KeyboardInterrupt:  # all is done and said; what is left is room on a disk, and rows that expire
        interruption_is_over()
    return report.exit_status


def _build_report(session: Session, run_id: str) -> Report:
    """Build the report; a connection that breaks meanwhile changes nothing of how the run has ended."""
    begun = time.monotonic()
    while True:
        try:
            return build_report(session.engine, run_id)
        except Exception as error:  # noqa: BLE001  # `_bear` raises what does not pass by itself
            _bear(error, run_id, time.monotonic() - begun)
            time.sleep(_CHECK_SECONDS)


def _bear(error: Exception, run_id: str, silent_seconds: float) -> ConvoyError:
    """Let a lost connection pass for a while, and return what it is; raise anything else."""
    from migration.target.postgres_errors import translate

    reason = translate(error, run=run_id)
    passing = isinstance(reason, RetryableError | TargetUnreachableError)
    if isinstance(reason, LedgerMissingError):  # it was taken away, and comes back by somebody's hand
        raise reason from error
    if not passing or silent_seconds > _SILENCE_SECONDS:
        raise reason from error
    return reason


def end_interrupted(session: Session, run_id: str, output: Output) -> int:
    """Stop a run that a cluster of this command's own works on, and say how to go on; return the status of its end.

    Raises:
        CommandInterruptedError: it has not come to its end, or its report waits for something.
    """
    return stop_interrupted(session, run_id, lambda: finish(session, run_id, output))
