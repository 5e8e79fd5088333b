"""The command `completion`: what a shell needs to complete commands, flags and run ids."""

from __future__ import annotations

import click

SHELLS = {
    "bash": "~/.bashrc",
    "zsh": "~/.zshrc",
    "fish": "~/.config/fish/completions/migration-cli.fish",
}
_VARIABLE = "_MIGRATION_CLI_COMPLETE"


@click.command(
    epilog="Example: migration-cli completion bash >> ~/.bashrc",
    short_help="A script that lets bash, zsh or fish complete commands and flags.",
)
@click.argument("shell", type=click.Choice(list(SHELLS)))
def completion(shell: str) -> int:
    """Print the script; append it to the file that your shell reads at its start."""
    from click.shell_completion import get_completion_class

    from producer.cli.app import commands

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    script = found(commands, {}, "migration-cli", _VARIABLE)
    # Not `source()`: for bash that asks the bash on PATH for its version first, which need not be there.
    click.echo(script.source_template % script.source_vars())
    return 0
