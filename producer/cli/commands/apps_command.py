"""The command `apps`: the applications that Convoy knows, and how each is migrated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from producer.cli.command_options import json_flag, verbose_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.applications.profile_reader import NamedProfile
    from migration.applications.profile_steps import ProfileStep


@click.command(
    "apps",
    epilog="Example: migration-cli apps grafana",
    short_help="The applications whose tables are known, and how to migrate each.",
)
@click.argument("name", required=False)
@json_flag
@verbose_flag
def apps(name: str | None, as_json: bool, verbose: bool) -> int:  # noqa: ARG001
    """List the profiles of applications; with NAME, how one is migrated: what to stop, to type and to check."""
    from migration.applications.profile_reader import find_profile, profile_names

    if as_json:
        import msgspec

        found = [describe(find_profile(one)) for one in ([name] if name else profile_names())]
        answer = found[0] if name else found
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
    elif name:
        from migration.applications.profile_steps import profile_steps

        _print_profile(find_profile(name), profile_steps(find_profile(name)))
    else:
        for one in profile_names():
            click.echo(f"{one:<16}{find_profile(one).profile.what}")
        click.echo("\nHow one is migrated: migration-cli apps NAME")
    return 0


def describe(named: NamedProfile) -> dict[str, object]:
    """Return a profile as JSON, with its name and the SHA-256 of its file."""
    import msgspec

    return {"name": named.name, "sha256": named.sha256, **msgspec.to_builtins(named.profile)}


def _print_profile(named: NamedProfile, steps: Sequence[ProfileStep]) -> None:
    profile = named.profile
    click.secho(f"{profile.title} (--app {named.name})", bold=True)
    click.echo(f"{profile.what}\n{profile.tried}")
    for number, (title, lines, commands) in enumerate(steps, 1):
        click.secho(f"\n{number}. {title}", bold=True)
        for line in lines:
            click.echo(f"   {line}")
        for command in commands:
            click.secho(f"     {command}", fg="cyan")
    if profile.notes:
        click.echo()
    for note in profile.notes:
        click.echo(note)
    click.echo("\nFrom " + "\n     ".join(profile.facts))
