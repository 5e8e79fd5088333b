"""What Ctrl-C and SIGTERM do to a command: it ends within seconds, whatever it waits for.

Python takes a signal between two of its own instructions, and turns it into a KeyboardInterrupt. psycopg has the
server cancel what it is at then, and a COMMIT that waits for a standby returns. Three waits are left. A block that must
not be torn apart may itself wait for the server: `undisturbed` holds a signal back for a while and no longer. What is
done on the way out may wait, too: `pressed` ends that. And a library may wait where Python runs no instruction, or a
server may not even take the cancelling: a thread hears of each signal all the same, and ends the process in the end.
The processes that it has started see that, and end by themselves, as after a kill (producer.embedded).
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Final

from migration.exit_status import ExitStatus

if TYPE_CHECKING:
    from migration.convoy_error import ConvoyError

WAY_OUT_SECONDS: Final = 6.0
"""From a signal to the end of the command, but for servers of its own that are being stopped."""
_HELD_BACK_SECONDS: Final = 2.0
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_LOOK_SECONDS: Final = 0.1


class _State:
    """Of this process: signals come to a process, not to an object."""

    holds_back: bool = False
    """Whether the main thread is in a block that a signal must not tear apart."""
    came_meanwhile: bool = False
    last_resort: _LastResort | None = None
    last_words: Callable[[], ConvoyError] | None = None


def take_signals() -> None:
    """Let SIGTERM end a command as Ctrl-C does: stop what was started, say how to resume."""
    signal.signal(signal.SIGTERM, _interrupt)
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # who is started in the background ignores it
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    if _State.holds_back and not _State.came_meanwhile:
        _State.came_meanwhile = True
        signal.setitimer(signal.ITIMER_REAL, _HELD_BACK_SECONDS)
        return
    raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let a signal wait until the block is through: a run in the ledger has a name to resume it by.

    Not for longer than a moment, since the block may wait for PostgreSQL, and a second signal not at all.

    Raises:
        KeyboardInterrupt: a signal came meanwhile; from within the block where it was not through in time.
    """
    before = signal.signal(signal.SIGALRM, _interrupt)
    _State.holds_back, _State.came_meanwhile = True, False
    try:
        yield
    finally:
        _State.holds_back = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    if _State.came_meanwhile:
        raise KeyboardInterrupt


@contextmanager
def without_signals() -> Iterator[None]:
    """Let signals wait until the block is through, however long it takes: for what waits for nobody."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def pressed(seconds: float) -> Iterator[None]:
    """End a block that lasts for longer, for what a command still does after a signal.

    Raises:
        KeyboardInterrupt: it has lasted for so long, or another signal came.
    """
    before = signal.signal(signal.SIGALRM, _interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def ended_in_time(say_goodbye: Callable[[], None], *, to_the_end: bool) -> Iterator[None]:
    """End this process, with status 130, where the block goes on for `WAY_OUT_SECONDS` after a signal.

    Args:
        say_goodbye: prints what a command prints that a signal ends; called in another thread, once it is too late.
        to_the_end: whether nothing but the end of the process follows the block, which may wait for threads.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if _State.last_resort is None:
        _State.last_resort = _LastResort()
    with _State.last_resort.watching(say_goodbye, to_the_end=to_the_end):
        yield


@contextmanager
def taking_its_time() -> Iterator[None]:
    """Do not count the time of the block: it stops servers of this command's own, and has bounds of its own."""
    last_resort = _State.last_resort
    if last_resort is None:
        yield
        return
    with last_resort.standing_still():
        yield


def interruption_is_over() -> None:
    """Take note that the command goes on after all: what it was at had come to its end before the signal."""
    if _State.last_resort is not None:
        _State.last_resort.forget()


def more_time(seconds: float) -> None:
    """Let a command that has had its signal go on for so long, and its way out after that: it has work to end."""
    if _State.last_resort is not None:
        _State.last_resort.put_off(seconds)


def have_last_words(tell: Callable[[], ConvoyError] | None) -> None:
    """Remember what prints how to go on with the run of this command, and returns the error that it ends with."""
    _State.last_words = tell


def last_words() -> ConvoyError | None:
    """Print how to go on, for a command that is ended in the midst of something; None: it has no run yet."""
    return _State.last_words() if _State.last_words is not None else None


class _LastResort:
    """A thread that hears of signals by a pipe, into which the interpreter writes each as it comes."""

    def __init__(self) -> None:
        self._say_goodbye: Callable[[], None] | None = None
        self._due: float | None = None
        self._stands_still = False
        self._reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=_hear_nothing)  # its signals are not this process's
        threading.Thread(target=self._listen, name="hears signals", daemon=True).start()

    @contextmanager
    def watching(self, say_goodbye: Callable[[], None], *, to_the_end: bool) -> Iterator[None]:
        outer, self._say_goodbye = self._say_goodbye, say_goodbye
        try:
            yield
        finally:
            if not to_the_end:
                self._say_goodbye = outer
                self.forget()
            elif self._due is not None:
                self._say_goodbye = lambda: None  # it has been said

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        self._stands_still = True
        try:
            yield
        finally:
            if self._due is not None:
                self._due = time.monotonic() + WAY_OUT_SECONDS
            self._stands_still = False

    def put_off(self, seconds: float) -> None:
        if self._due is not None:
            self._due = time.monotonic() + seconds + WAY_OUT_SECONDS

    def forget(self) -> None:
        self._due = None

    def _listen(self) -> None:
        while numbers := os.read(self._reader, 64):
            if self._due is None and self._say_goodbye is not None and set(numbers) & {*map(int, _SIGNALS)}:
                self._due = time.monotonic() + WAY_OUT_SECONDS
                threading.Thread(target=self._watch, name="ends the command", daemon=True).start()

    def _watch(self) -> None:
        while (due := self._due) is not None:
            if time.monotonic() > due and not self._stands_still:
                self._leave()
            time.sleep(_LOOK_SECONDS)

    def _leave(self) -> None:
        if self._say_goodbye is not None:
            with suppress(Exception):
                self._say_goodbye()
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(ExitStatus.INTERRUPTED)


def _hear_nothing() -> None:
    with suppress(ValueError):  # forked by another thread than the main one
        signal.set_wakeup_fd(-1)
