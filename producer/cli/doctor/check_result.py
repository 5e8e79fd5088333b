"""One line of the doctor's: what was looked at, what was found, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from migration.convoy_error import ConvoyError


class Health(StrEnum):
    """How it stands with what was looked at."""

    OK = "ok"
    WARNING = "warning"
    """Works, and may hurt later."""
    FAILED = "failed"
    """A migration would not work."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """`name` is what was looked at, `found` a sentence without a full stop, `command` something to type."""

    name: str
    health: Health
    found: str
    remedy: str = ""
    command: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """What a server's clock shows, seconds since 1970, and how long asking took."""

    server: str
    seconds: float
    asked_at: float
    answer_seconds: float


CLOCK_SECONDS: Final = 5.0
"""Leases are kept by PostgreSQL's clock alone; further apart than this, the times of logs and events mislead."""


@contextmanager
def told(
    name: str, results: list[CheckResult], names: Mapping[type[ConvoyError], str] = MappingProxyType({})
) -> Iterator[None]:
    """Add an error of the block to `results` instead of raising it, under its own name of `names` where it has one."""
    try:
        yield
    except ConvoyError as error:
        command = error.next_steps[0].command if error.next_steps else ""
        where = f" ({error.where})" if error.where else ""
        looked_at = names.get(type(error), name)
        results.append(CheckResult(looked_at, Health.FAILED, f"{error.what}{where}", error.remedy, command))


def compare_clocks(
    read: Callable[[], float], clocks: list[Clock], server: str, now: Callable[[], float]
) -> None:
    """Ask a server for its time and note it."""
    began = now()
    seconds = read()
    answered = now()
    clocks.append(Clock(server, seconds, (began + answered) / 2, answered - began))


def clock_results(clocks: list[Clock]) -> list[CheckResult]:
    """Return one result for each server's clock, beside this host's."""
    results = []
    for clock in clocks:
        apart = abs(clock.seconds - clock.asked_at)
        is_close = apart <= CLOCK_SECONDS + clock.answer_seconds
        results.append(
            CheckResult(
                f"clock of {clock.server}",
                Health.OK if is_close else Health.WARNING,
                f"{apart:.1f} s apart from this host's",
                "" if is_close else "Let both follow a time server",
                "" if is_close else "timedatectl set-ntp true",
            )
        )
    return results
