"""docs/reference/command-line.md: every command and flag, as click knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from documentation.markdown_parts import choices, code, linked, page, table
from producer.cli.app import COMMANDS, commands

_DEFAULT = re.compile(r"\s*\[default: (?P<value>[^\]]*)\]")

_JSON = (
    "With `--json`, the result or [the error](../errors.md) is printed on stdout as one JSON document, and all else on"
    " stderr. `make` turns each status but 0 into its own 2, so call `migration-cli` where it matters."
)


def command_line_page() -> str:
    """Return the page."""
    context = click.Context(commands, info_name="migration-cli")
    return page(
        "Command line",
        "`migration-cli COMMAND --help` says the same. `--mode COMMAND` before the flags is another way to name a"
        " command. What is not typed comes from [settings](settings.md); what to do when is in"
        " [operations](../operations.md).",
        table(("command", ""), _overview(context)),
        ["## Exit status", ""],
        table(("status", "meaning"), _statuses()),
        [_JSON, ""],
        *(_command(context, name, _known(commands, context, name)) for name in COMMANDS),
    )


def _known(group: click.Group, context: click.Context, name: str) -> click.Command:
    found = group.get_command(context, name)
    assert found is not None, name  # noqa: S101  # the group itself has named it
    return found


def _overview(context: click.Context) -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        short = _known(commands, context, name).get_short_help_str(limit=200)
        yield f"[`{name}`](#migration-cli-{name})", linked(short)


def _statuses() -> Iterator[tuple[str, str]]:
    """Yield the lines of the help's list of exit statuses."""
    _, _, text = (commands.epilog or "").partition("Exit status:")
    for line in text.strip().splitlines():
        status, _, meaning = line.strip().partition(" ")
        yield status, meaning.strip()


def _command(context: click.Context, name: str, command: click.Command, level: int = 2) -> list[str]:
    inner = click.Context(command, info_name=name, parent=context)
    usage = " ".join([inner.command_path, *command.collect_usage_pieces(inner)])
    lines = [f"{'#' * level} {inner.command_path}", "", "```text", usage, "```", ""]
    lines += [*_paragraphs(command.help), *_paragraphs(command.epilog)]
    arguments = [item for item in command.params if isinstance(item, click.Argument)]
    options = [item for item in command.params if isinstance(item, click.Option) and not item.hidden]
    if arguments:
        rows = [(code(item.human_readable_name.upper()), _needed(item)) for item in arguments]
        lines += table(("argument", ""), rows)
    if options:
        lines += table(("flag", "default", "meaning"), (_option(inner, item) for item in options))
    if isinstance(command, click.Group):
        for part in command.list_commands(inner):
            lines += _command(inner, part, _known(command, inner, part), level + 1)
    return lines


def _needed(argument: click.Argument) -> str:
    return ("required" if argument.required else "optional") + (
        ", repeatable" if argument.nargs == -1 else ""
    )


def _paragraphs(text: str | None) -> list[str]:
    """Return the paragraphs of a help text; one that click is told not to wrap is shown as it is."""
    lines: list[str] = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(text or "")):
        if part.startswith("\b"):
            lines += ["```text", part.removeprefix("\b").strip("\n"), "```", ""]
        elif part.startswith("Example: "):
            lines += [f"Example: {code(part.removeprefix('Example: '))}", ""]
        elif part:
            lines += [linked(" ".join(part.split())), ""]
    return lines


def _option(context: click.Context, option: click.Option) -> tuple[str, str, str]:
    help_text = " ".join((option.help or "").split())
    told = _DEFAULT.search(help_text)
    flag = choices([*option.opts, *option.secondary_opts])
    if not option.is_flag and not option.count:
        taken = option.metavar or option.type.name.upper().removesuffix(" RANGE")
        flag += f" {choices(map(str, option.type.choices)) if isinstance(option.type, click.Choice) else code(taken)}"
    default = told["value"] if told else _default(context, option)
    notes = [_DEFAULT.sub("", help_text)]
    if isinstance(option.type, click.IntRange | click.FloatRange):
        notes.append(_range(option.type))
    if option.required:
        notes.append("Required.")
    return flag, default, linked(" ".join(filter(None, notes)))


def _range(bounds: click.IntRange | click.FloatRange) -> str:
    low = "" if bounds.min is None else f"{'more than' if bounds.min_open else 'at least'} {bounds.min}"
    high = "" if bounds.max is None else f"{'less than' if bounds.max_open else 'at most'} {bounds.max}"
    text = ", ".join(filter(None, (low, high)))
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _default(context: click.Context, option: click.Option) -> str:
    value = option.get_default(context, call=False)
    if option.is_flag or isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return code(str(value))
