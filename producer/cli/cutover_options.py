"""The flags on when and how a cutover is done, and what they amount to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from migration.errors import UsageError
from migration.run_options import MAX_PATIENCE_SECONDS

if TYPE_CHECKING:
    from migration.ledger.cutover_tries import CutoverTerms

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

ALWAYS = "always"
"""As --cutover-window: at any time."""
_LONGEST_LOCK_WAIT_SECONDS = 60.0


class NumberRange(click.FloatRange):
    """A range of numbers, of which `nan` is none: it is neither too small nor too large for anything."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail as click does."""
        number = super().convert(value, param, ctx)
        if number != number:  # noqa: PLR0124 - which only `nan` is
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def patience_flags(command: Decorated) -> Decorated:
    """Add the flags that say how to wait for the locks of others."""
    lock_timeout = click.option(
        "--cutover-lock-timeout",
        type=NumberRange(min=0, min_open=True, max=_LONGEST_LOCK_WAIT_SECONDS),
        metavar="SECONDS",
        help="Wait so long for locks of others in one try; pauses between tries are at least four times as long."
        "  [default: 2, or as the run was started with]",
    )
    patience = click.option(
        "--cutover-patience",
        type=NumberRange(0, MAX_PATIENCE_SECONDS),
        metavar="SECONDS",
        help="Try for so long in all.  [default: 600, or as the run was started with]",
    )
    return lock_timeout(patience(command))


def cutover_flags(command: Decorated) -> Decorated:
    """Add the flags that say when and how the cutover is done."""
    return window_flag(patience_flags(command))


def hold_flag(command: Decorated) -> Decorated:
    """Add --hold."""
    return click.option(
        "--hold",
        is_flag=True,
        help="Stop before the cutover, staged and proved, until the command cutover.",
    )(command)


def window_flag(command: Decorated) -> Decorated:
    """Add --cutover-window."""
    return click.option(
        "--cutover-window",
        metavar="FROM-TO [ZONE]",
        help="Begin the cutover only between these times of day, such as '22:00-05:00 Europe/Vienna' (without a"
        " zone: UTC); `always` for none.",
    )(command)


def cutover_terms(values: dict[str, Any]) -> CutoverTerms:
    """Take the flags on the cutover out of a command's values; what is not given is None.

    Raises:
        UsageError: the window makes no sense.
    """
    from migration.ledger.cutover_tries import CutoverTerms

    window = values.pop("cutover_window", None)
    return CutoverTerms(
        None if window is None else _window(window),
        values.pop("cutover_lock_timeout", None),
        values.pop("cutover_patience", None),
    )


def _window(written: str) -> str:
    """Return a window as it is stored."""
    from migration.ledger.cutover_window import parse_window

    if written == ALWAYS:
        return ""
    try:
        return str(parse_window(written))
    except ValueError as problem:
        raise UsageError(
            f"The window {written!r} {problem}",
            setting="--cutover-window",
            remedy="Write it as in '22:00-05:00 Europe/Vienna'; without a zone it is UTC",
        ) from None
