"""Flags that stand in `convoy.toml`: what a command takes where its line names none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import click

from migration.errors import SettingError

_EVERY: Final = "flags"
_TARGET: Final = frozenset(
    {"target", "target_url", "target_host", "target_port", "target_db", "target_user", "target_pass"}
)
_OF_THE_LINE: Final = frozenset({"json", "yes", "force", "export", "help"})
"""What a person or script says once, for this one time."""


def flag_defaults(group: click.Group, context: click.Context, name: str) -> dict[str, Any]:
    """Return click's `default_map` of one command.

    Args:
        group: of all commands.
        context: the group's.
        name: of the command that is to run.

    Raises:
        SettingError: `convoy.toml` cannot be used, or names a command or flag that there is not.
    """
    if not _may_have_file():
        return {}
    from migration.settings import settings_file
    from migration.settings_file import SettingsFileRefusedError

    try:
        file = settings_file()
    except SettingsFileRefusedError as error:
        raise SettingError(error.what, setting=error.key, file=str(error.path), remedy=error.remedy) from None
    command = group.get_command(context, name)
    place = str(file.path)
    for table, entries in file.flags.items():
        _check(table, entries, group, context, place)
    if command is None:
        return {}
    return _defaults(command, [file.flags.get(_EVERY, {}), file.flags.get(name, {})])


def _may_have_file() -> bool:
    """Whether it is worth while to load the settings now: they come later by themselves, when servers have begun."""
    from migration.settings_file import FOLDER, NAME

    home = os.environ.get("XDG_CONFIG_HOME") or f"{os.environ.get('HOME', '')}/.config"
    return Path(NAME).is_file() or (Path(home) / FOLDER / NAME).is_file()


def _defaults(command: click.Command, tables: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    tables = list(tables)
    if isinstance(command, click.Group):
        return {name: _defaults(part, tables) for name, part in command.commands.items()}
    flags = _flags(command)
    found: dict[str, Any] = {}
    for table in tables:
        for name, value in table.items():
            if name in flags:
                option = flags[name]
                found[str(option.name)] = (
                    [value] if option.multiple and not isinstance(value, list) else value
                )
    return found


def _flags(command: click.Command) -> dict[str, click.Option]:
    """Return the options of a command, those of its parts too, by what they are called: `if_exists`."""
    parts = [command, *(command.commands.values() if isinstance(command, click.Group) else ())]
    return {
        flag.removeprefix("--").replace("-", "_"): option
        for part in parts
        for option in part.params
        if isinstance(option, click.Option)
        for flag in option.opts
        if flag.startswith("--")
    }


def _check(
    table: str, entries: Mapping[str, Any], group: click.Group, context: click.Context, place: str
) -> None:
    from migration.name_lists import nearest_name
    from migration.settings_file import NAME

    names = group.list_commands(context)
    if table != _EVERY and table not in names:
        near = nearest_name(table, [_EVERY, *names])
        raise SettingError(
            f"{NAME} has a table for a command that there is not: {table}",
            setting=table,
            file=place,
            remedy=f"Did you mean [{near}]?" if near else "Name a command, or [flags] for all of them",
        )
    commands = [group.get_command(context, name) for name in (names if table == _EVERY else [table])]
    known = {name for command in commands if command is not None for name in _flags(command)}
    for name in entries:
        if name in _OF_THE_LINE:
            raise SettingError(
                f"{NAME} holds a flag in [{table}] that belongs on the command line: {name}",
                setting=name,
                file=place,
                remedy=f"Take it out, and type --{name} where you mean it",
            )
        if name in _TARGET:
            raise SettingError(
                f"{NAME} names a target in [{table}]",
                setting=name,
                file=place,
                remedy='Write target_url = "..." above all tables: there, the environment counts before it',
            )
        if name not in known:
            near = nearest_name(name, known).replace("_", "-")
            raise SettingError(
                f"{NAME} names a flag in [{table}] that there is not: {name.replace('_', '-')}",
                setting=name,
                file=place,
                remedy=f"Did you mean {near}?" if near else "migration-cli COMMAND --help lists the flags",
            )
