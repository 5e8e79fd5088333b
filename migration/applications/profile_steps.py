"""What somebody does, one after the other, to migrate an application: the same on the terminal and on its page."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.applications.application_profile import SqlCheck
    from migration.applications.profile_reader import NamedProfile

_TARGET = "--target-url postgresql://me@host/{name}"


class ProfileStep(NamedTuple):
    """A step: its title, sentences about it, and what to type."""

    title: str
    lines: tuple[str, ...]
    commands: tuple[str, ...] = ()


def profile_steps(named: NamedProfile) -> tuple[ProfileStep, ...]:
    """Return the steps in their order."""
    profile = named.profile
    make = (ProfileStep("Make the tables in PostgreSQL", (profile.schema,), profile.schema_commands),)
    before = (ProfileStep("Check that both sides stand at the same version", *_checks(profile.before)),)
    alone = tuple(f"{item.table} is left alone: {item.why}" for item in profile.left_alone)
    more = (
        tuple(item.what for item in profile.afterwards),
        tuple(f"{item.sql};" for item in profile.afterwards),
    )
    afterwards = (ProfileStep("Let PostgreSQL add what only it has", *more),)
    after = _checks(profile.after)
    return (
        ProfileStep("Stop", (profile.stop,)),
        *make,
        *(before if profile.before else ()),
        ProfileStep("Try it: nothing is written", alone, (command_line(named, "dry-run"),)),
        ProfileStep("Migrate", (), (command_line(named, "migrate"),)),
        *(afterwards if profile.afterwards else ()),
        ProfileStep("Check", (*profile.by_hand, *after[0]), after[1]),
        ProfileStep("Go back", (profile.back,), ("migration-cli rollback RUN",)),
    )


def command_line(named: NamedProfile, command: str) -> str:
    """Return the line that dry-runs or migrates the application."""
    profile = named.profile
    words = ["migration-cli", command, "--source", shlex.quote(profile.file), _TARGET.format(name=named.name)]
    return " ".join([*words, "--app", named.name, *([profile.arguments] if profile.arguments else [])])


def _checks(checks: Iterable[SqlCheck]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    lines: list[str] = []
    commands: list[str] = []
    for check in checks:
        where = "both sides" if check.source == check.target_sql else "SQLite, then PostgreSQL"
        lines.append(f"{check.what} ({where}; the answers are the same)")
        commands += dict.fromkeys((check.source, check.target_sql))
    return tuple(lines), tuple(f"{sql};" for sql in commands)
