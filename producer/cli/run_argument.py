"""The argument RUN; a shell completes it with the ids of runs that the command can be used on."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    from producer.cli.command_options import Decorated
    from producer.cli.target_options import Target

_SECONDS: Final = 2
"""For connecting, and for the answer: a person has pressed a key and waits."""
_MOST: Final = 50
_LATEST: Final = """
    SELECT id::text, phase, mode, to_char(created_at, 'YYYY-MM-DD HH24:MI') FROM convoy.runs
    WHERE starts_with(id::text, %(begun)s) AND phase = ANY(%(phases)s) AND mode = ANY(%(modes)s)
      AND (given_up_at IS NULL OR NOT %(is_act)s)
    ORDER BY created_at DESC LIMIT %(most)s
"""


def run_argument(*, required: bool = True) -> Callable[[Decorated], Decorated]:
    """Return the decorator that gives a command its RUN: an id, or the beginning of one."""
    return click.argument("run", required=required, shell_complete=_complete)


def _complete(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """Return the latest runs whose ids begin so; none where the target is silent: a shell has no place for errors."""
    from click.shell_completion import CompletionItem

    with suppress(Exception):
        return [
            CompletionItem(run, help=f"{phase.replace('_', ' ')}, {mode} of {at}")
            for run, phase, mode, at in _runs(_target(context), context.info_name or "", begun)
        ]
    return []


def _target(context: click.Context) -> Target:
    from migration.settings import load_settings
    from producer.cli.command_options import take_target

    given = {name: value for name, value in context.params.items() if value is not None}
    names = ("url", "host", "port", "db", "user", "pass", "name")
    return take_target({f"target_{name}": None for name in names} | given, load_settings())


def _runs(target: Target, command: str, begun: str) -> list[tuple[str, str, str, str]]:
    import psycopg

    from migration.ledger.allowed_acts import ALLOWED_ACTS, RunAct
    from migration.model import Mode
    from migration.target.target_connection import with_password

    if target.is_embedded:
        return []  # to start a server takes longer than anybody waits for a completion
    is_act = command in set(RunAct)
    modes = [Mode.MIGRATE] if command in {RunAct.CUTOVER, RunAct.ROLLBACK} else list(Mode)
    asked = {
        "begun": begun,
        "phases": [phase.value for phase, acts in ALLOWED_ACTS.items() if not is_act or command in acts],
        "modes": [mode.value for mode in modes],
        "is_act": is_act,
        "most": _MOST,
    }
    with psycopg.connect(
        with_password(target.url, target.password),
        connect_timeout=_SECONDS,
    ) as connection:
        connection.execute(f"SET statement_timeout = '{_SECONDS}s'")
        return connection.execute(_LATEST, asked).fetchall()
