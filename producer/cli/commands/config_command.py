"""The command `config`: every setting, its value, and what says it; and the files that a cluster begins with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from producer.cli.command_options import json_flag, take_output, verbose_flag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.settings import Settings

_MASK = "***"
_EXAMPLES = {"env": (".env.example", "env.example"), "procfile": ("Procfile", "Procfile")}
"""What can be asked for → its name in a checkout, its name in the wheel."""
_OWN_PYTHON = ".venv/bin/python"


def example_text(name: str) -> str:
    """Return an example file; of the Procfile, with the Python that runs this in place of a checkout's."""
    in_checkout, in_wheel = _EXAMPLES[name]
    package = Path(__file__).parents[1]
    packed = package / "examples" / in_wheel
    path = packed if packed.is_file() else package.parents[1] / in_checkout
    return path.read_text(encoding="utf-8").replace(
        f"{{PYTHON:-{_OWN_PYTHON}}}", f"{{PYTHON:-{sys.executable}}}"
    )


@click.command(
    epilog="Example: migration-cli config",
    short_help="Every setting, its value, and what says it.",
)
@click.option(
    "--example",
    type=click.Choice([*_EXAMPLES]),
    help="Print the example of a file instead: `.env` with all settings, or the Procfile with all processes.",
)
@json_flag
@verbose_flag
def config(**values: Any) -> int:
    """Show every setting, its value, and what says it; secrets are masked. Or print the files of a cluster.

    Names that are no settings are told.

    What counts first: flags, the environment, .env, convoy.toml, the default. Flags may stand in convoy.toml, too.
    """
    from migration.process_settings import unknown_settings
    from migration.settings import setting_origins, settings_file
    from producer.cli.cli_settings import read_settings

    output = take_output(values)
    if values["example"]:
        example = example_text(values["example"])
        if output.as_json:
            click.echo(json.dumps({"example": values["example"], "text": example}, indent=2))
        else:
            click.echo(example, nl=False)
        return 0
    settings, origins = read_settings(), setting_origins()
    shown = {name: _shown(settings, name) for name in type(settings).model_fields}
    flags = settings_file().flags
    if output.as_json:
        import msgspec

        answer = {
            "settings": {
                name: {"value": value, "origin": origins[name], "variable": f"MIGRATION_{name.upper()}"}
                for name, value in shown.items()
            },
            "flags": flags,
            "unknown": [
                {"variable": one.variable, "origin": one.origin, "nearest": one.nearest or None}
                for one in unknown_settings()
            ],
        }
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
        return 0
    _print(shown, origins, flags)
    return 0


def _shown(settings: Settings, name: str) -> str | None:
    from pydantic import SecretStr

    from migration.report.text_formatting import printable
    from migration.secret_text import without_secrets

    value = getattr(settings, name)
    if value is None:
        return None
    if isinstance(value, SecretStr):
        plain = value.get_secret_value()
        # A URL says more than its password.
        return printable(without_secrets(plain)) if "://" in plain else _MASK
    return printable(without_secrets(str(value)))


def _print(
    shown: Mapping[str, str | None], origins: Mapping[str, str], flags: Mapping[str, Mapping[str, Any]]
) -> None:
    width = max(len(name) for name in shown) + len("MIGRATION_")
    for name, value in shown.items():
        origin = origins[name]
        click.echo(f"{'MIGRATION_' + name.upper():<{width}}  {'-' if value is None else value}  ({origin})")
    for table, entries in flags.items():
        for name, flag in entries.items():
            click.echo(f"[{table}] --{name.replace('_', '-')} = {flag}  (convoy.toml)")
