"""How a run stands that its command is interrupted at, how it goes on, and what stops it.

The ledger may be what is waited for: it is asked for a moment only, beside the thread that a signal has come to, and
where it does not answer, how to see what has become of the run is all that can be said.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click
from psycopg.errors import LockNotAvailable
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from migration.convoy_error import ConvoyError, NextStep
from migration.errors import CommandInterruptedError, InterruptedRunError
from migration.exit_status import ExitStatus
from migration.ledger.run_progress import RunProgress, read_progress
from migration.ledger.run_records import RunRecord, find_run, read_run
from migration.ledger.run_requests import fail_run
from migration.model import Phase
from migration.report import next_commands
from producer.cli.command_interruption import have_last_words, interruption_is_over, more_time, pressed
from producer.cli.output.command_lines import command_line

if TYPE_CHECKING:
    from producer.cli.run_session import Session
    from producer.cli.target_options import Target

_LAST_WORD_SECONDS: Final = 3.0
_REPORT_SECONDS: Final = 5.0
_ANSWER_SECONDS: Final = 2.0
_LOCK_TIMEOUT: Final = text("SET LOCAL lock_timeout = '1s'")
_SEE: Final = "status"
"""Instead of the command by which a run goes on, for one that is at its end, or may be."""


@dataclass(frozen=True, slots=True)
class WayOn:
    """What to type next: the words behind `migration-cli`, and the step of an error that says so."""

    words: tuple[str, ...]
    step: NextStep


def way_on(session: Session, run_id: str) -> WayOn:
    """Return how a run goes on in the state that it is really in.

    Where the server is away it goes on as it was last seen, and where the ledger is locked nobody knows: the run may
    have come to its end.
    """
    asked = _ask_in_time(session, run_id)
    if isinstance(asked, RunRecord):
        return _way(run_id, _goes_on_by(asked))
    if asked is None:
        return WayOn(
            (_SEE, run_id), NextStep("See how it stands, and goes on", f"migration-cli status {run_id}")
        )
    return _way(run_id, session.last_sight.goes_on_by)


def note_sight(session: Session, progress: RunProgress) -> None:
    """Remember how a run goes on, for when the ledger does not answer."""
    last = session.last_sight
    if progress.phase is Phase.READY:
        last.goes_on_by = "cutover"
    elif progress.phase.is_end and not progress.phase.can_go_on:
        last.goes_on_by = _SEE
    elif progress.phase is not Phase.CUTTING_OVER:  # then it is as whoever began it has asked for
        last.goes_on_by = "resume"


def _goes_on_by(run: RunRecord) -> str:
    return _SEE if run.phase.is_end and not run.can_go_on else run.goes_on_by


def _way(run_id: str, command: str) -> WayOn:
    if command == _SEE:
        see = NextStep(
            "See how it has ended, and write its report", f"migration-cli status {run_id} --follow"
        )
        return WayOn((_SEE, run_id, "--follow"), see)
    return WayOn((command, run_id), next_commands.go_on(run_id, command))


def _ask_in_time(session: Session, run_id: str) -> RunRecord | Exception | None:
    """Return what the ledger knows of a run, or why it cannot be asked; None where it keeps silent.

    Another thread asks: this one may be the one that ends a command whose main thread is held up.
    """
    heard: list[RunRecord | Exception | None] = []

    def ask() -> None:
        try:
            with session.engine.begin() as connection:
                connection.execute(_LOCK_TIMEOUT)
                heard.append(read_run(connection, run_id))
        except Exception as error:  # noqa: BLE001  # whoever asks has an error of its own to tell
            is_locked = isinstance(error, DBAPIError) and isinstance(error.orig, LockNotAvailable)
            heard.append(None if is_locked else error)

    asking = threading.Thread(target=ask, name="asks how the run stands", daemon=True)
    asking.start()
    asking.join(_ANSWER_SECONDS)
    return heard[0] if heard else None


def speak_last_of(session: Session, run_id: str) -> None:
    """Have the command say how this run goes on, wherever it is interrupted from now on."""
    have_last_words(lambda: _interrupted(session, run_id, goes_on=session.cluster is None))


def speak_last_before(target: Target, command: str, run: str) -> None:
    """Have a command that is interrupted before it has asked anything of a run say how to do so.

    Args:
        target: that it works on.
        command: that it is.
        run: as it was named.
    """
    step = NextStep("Ask for it again: nothing was asked of the run yet", f"migration-cli {command} {run}")
    words = "Interrupted; nothing was asked of the run yet.", "Go on with:"
    have_last_words(lambda: _ended(*words, target, (command, run), step))


def speak_last_beside(target: Target, run: str) -> None:
    """Have a command that is interrupted while it changes a run say how to see what has become of that."""
    words = ("status", run)
    step = NextStep("See what has become of it", f"migration-cli status {run}")
    have_last_words(lambda: _ended("Interrupted.", "See what has become of it:", target, words, step))


def _ended(
    sentence: str, label: str, target: Target, words: tuple[str, ...], step: NextStep
) -> CommandInterruptedError:
    click.echo(sentence, err=True)
    click.echo(f"{label}  {command_line(target, *words)}", err=True)
    return CommandInterruptedError("Interrupted", next_steps=(step,))


def stop_interrupted(session: Session, run_id: str, finish: Callable[[], int]) -> int:
    """Stop a run that a cluster of this command's own works on, and say how to go on; return the status of its end.

    Args:
        session: of the command.
        run_id: a full id.
        finish: writes and prints the report of a run that has come to its end, and returns its exit status.

    Raises:
        CommandInterruptedError: it has not come to its end, or its report waits for something.
    """
    speak_last_of(session, run_id)
    if session.cluster is not None and _was_through(session, run_id):
        session.last_sight.goes_on_by = _SEE
        more_time(_REPORT_SECONDS)
        with contextlib.suppress(KeyboardInterrupt), pressed(_REPORT_SECONDS):
            status = finish()
            interruption_is_over()
            return status
    error = _interrupted(
        session, run_id, goes_on=session.cluster is None and not _is_abandoned(session, run_id)
    )
    have_last_words(lambda: error)  # all is said; what is left may still wait for something
    raise error


def _interrupted(session: Session, run_id: str, *, goes_on: bool) -> CommandInterruptedError:
    """Say how to go on, and return what to end with. `goes_on`: others move the run."""
    drop = NextStep("Give up and remove what it has staged", next_commands.cancel(run_id))
    click.echo("", err=True)
    if goes_on:
        click.echo("The run goes on in the cluster.", err=True)
        click.echo(f"Follow it:  {command_line(session.target, 'status', run_id, '--follow')}", err=True)
        click.echo(f"Stop it:    {command_line(session.target, 'cancel', run_id)}", err=True)
        watch_on = NextStep("Follow it; it goes on in the cluster", f"migration-cli status {run_id} --follow")
        return CommandInterruptedError("Interrupted", next_steps=(watch_on, drop), run=run_id)
    way = way_on(session, run_id)
    line = command_line(session.target, *way.words)
    if way.words == (_SEE, run_id):
        click.echo("Interrupted; the ledger does not say how far the run has come.", err=True)
        click.echo(f"See how it stands:  {line}", err=True)
        return CommandInterruptedError("Interrupted", next_steps=(way.step,), run=run_id)
    if way.words[0] == _SEE:
        click.echo("Interrupted; the run is at its end.", err=True)
        click.echo(f"See how it has ended:  {line}", err=True)
        return CommandInterruptedError("Interrupted", next_steps=(way.step,), run=run_id)
    whose = "nobody moves the run" if session.cluster is None else "stopping the local cluster"
    click.echo(f"Interrupted; {whose}. What was copied is kept.", err=True)
    click.echo(f"Go on with:   {line}", err=True)
    click.echo(f"Or drop it:   {command_line(session.target, 'cancel', run_id)}", err=True)
    return CommandInterruptedError("Interrupted", next_steps=(way.step, drop), run=run_id)


def _is_abandoned(session: Session, run_id: str) -> bool:
    # Whoever cannot ask says what is usual.
    with contextlib.suppress(Exception, KeyboardInterrupt), pressed(_LAST_WORD_SECONDS):
        return read_progress(session.engine, run_id).is_abandoned
    return False


def _was_through(session: Session, run_id: str) -> bool:
    """Stop an interrupted run, unless its end comes first: a cutover that has begun is waited for, for a moment."""
    from migration.target.postgres_errors import translate

    try:
        with pressed(_LAST_WORD_SECONDS):
            phase = stop_run(session, run_id, InterruptedRunError("The run was interrupted"))
    except Exception as error:  # noqa: BLE001  # what is not committed when the cluster stops is rolled back
        # PostgreSQL may be busy or away, or its disk full. `resume` goes on all the same.
        click.echo(f"warning: {translate(error, run=run_id)}", err=True)
        return False
    except KeyboardInterrupt:  # it takes too long, or somebody cannot wait
        click.echo(
            "warning: PostgreSQL has not answered in time, and may not know that the run was stopped.",
            err=True,
        )
        return False
    if phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS):
        click.echo("\nThe run was through before it could be stopped.", err=True)
        return True
    return False


def stop_run(session: Session, run_id: str, reason: ConvoyError) -> Phase:
    """Mark a run as stopped, so that no later cluster on this target takes it up by itself; return how it ended."""
    way = way_on(session, run_id)
    remedy = f"Go on with `{command_line(session.target, *way.words)}`"
    what = reason.what.splitlines()[0]
    error = type(reason)(what, remedy=remedy, next_steps=(way.step,), **reason.place)
    # The run had begun, so something may have been changed, whatever the class of the error says.
    error.exit_status = ExitStatus.FAILED
    run = find_run(session.engine, run_id)
    while not run.phase.is_end:
        fail_run(session.engine, run, error)
        run = find_run(session.engine, run_id)
    return run.phase
