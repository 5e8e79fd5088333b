"""The command `token`: make, list and revoke what opens the API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from migration.errors import UsageError
from migration.secret_text import tell_once
from producer.cli.command_options import json_flag, take_output, take_target, target_flags, verbose_flag
from producer.cli.cutover_options import NumberRange

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from migration.ledger.access_tokens import AccessToken
    from producer.cli.command_options import Output

_SCOPES = ("read", "run", "admin")


@click.group(
    epilog="Example: migration-cli token create grafana --scope read --target-url postgresql://me@host/shop",
    short_help="Make, list and revoke tokens of the HTTP API.",
)
def token() -> None:
    """Tokens of the API, in the ledger: who holds one may do what its scope says, until it is revoked or expires."""


@token.command(
    epilog="Example: migration-cli token create ci --scope run --expires-days 90",
    short_help="Make a token, and show it this once.",
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(_SCOPES),
    multiple=True,
    default=("read",),
    show_default=True,
    help="What its holder may do: read; run (start, pause, resume); admin (also cancel, cut over, roll back).",
)
@click.option(
    "--expires-days",
    type=NumberRange(0, 36_500, min_open=True),
    metavar="DAYS",
    help="It opens nothing after so many days.  [default: it does not expire]",
)
@target_flags
@json_flag
@verbose_flag
def create(name: str, scopes: tuple[str, ...], expires_days: float | None, **values: Any) -> int:
    """Make a token under a NAME, which lists, logs and reports show. Its hash is kept: nobody can show it again."""
    from migration.ledger.access_tokens import AccessScope, create_token
    from migration.ledger.run_acts import this_person

    with _ledger(values) as (engine, output):
        secret, made = create_token(
            engine, name, [AccessScope(scope) for scope in scopes], this_person(), expires_days
        )
    if output.as_json:
        tell_once(_json({"token": secret, **_facts(made)}))
        return 0
    until = f" until {_local(made.expires_at)}" if made.expires_at is not None else ""
    click.echo(f"Token {made.name} may {', '.join(made.scopes)}{until}. It is shown this once:", err=True)
    tell_once(secret)
    return 0


@token.command(
    "list",
    epilog="Example: migration-cli token list --all",
    short_help="Tokens, what they may do, and when they were used.",
)
@click.option("--all", "also_bad", is_flag=True, help="Those that were revoked or have expired, too.")
@target_flags
@json_flag
@verbose_flag
def list_all(also_bad: bool, **values: Any) -> int:
    """List tokens with their scopes, who made and who revoked them, and when they were used last.

    The time of the last use is up to ten seconds behind.
    """
    from migration.ledger.access_tokens import list_tokens

    with _ledger(values) as (engine, output):
        found = list_tokens(engine, only_good=not also_bad)
    if output.as_json:
        click.echo(_json([_facts(one) for one in found]))
        return 0
    if not found:
        click.echo("This ledger has no token. MIGRATION_API_TOKEN, where it is set, is none of the ledger's.")
        return 0
    lines = [("NAME", "SCOPES", "STATE", "MADE", "BY", "LAST USED", "EXPIRES", "REVOKED")]
    lines += [
        (
            one.name,
            ",".join(one.scopes),
            one.state,
            _local(one.created_at),
            one.created_by,
            _local(one.last_used_at),
            _local(one.expires_at),
            f"{_local(one.revoked_at)} by {one.revoked_by}" if one.revoked_at is not None else "",
        )
        for one in found
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    return 0


@token.command(
    epilog="Example: migration-cli token revoke ci",
    short_help="Let a token open nothing any more.",
)
@click.argument("name")
@target_flags
@json_flag
@verbose_flag
def revoke(name: str, **values: Any) -> int:
    """Revoke a token by its NAME. Every API process that runs refuses it within five seconds, without a restart."""
    from migration.ledger.access_tokens import revoke_token
    from migration.ledger.run_acts import this_person

    with _ledger(values) as (engine, output):
        gone = revoke_token(engine, name, this_person())
    if output.as_json:
        click.echo(_json(_facts(gone)))
    else:
        click.echo(f"Token {gone.name} is revoked; no API process takes it after five seconds.")
    return 0


def _facts(one: AccessToken) -> dict[str, Any]:
    import msgspec

    facts: dict[str, Any] = msgspec.to_builtins(one)
    del facts["id"], facts["is_expired"]
    return facts | {"state": one.state}


def _local(at: datetime | None) -> str:
    return "-" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"


def _json(answer: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(answer), indent=2).decode()


@contextmanager
def _ledger(values: dict[str, Any]) -> Iterator[tuple[Engine, Output]]:
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.cli.target_options import reach

    settings = read_settings()
    target, output = take_target(values, settings), take_output(values)
    if target.name:
        raise UsageError(
            "Tokens are kept in the ledger of the default target alone, and open the API for all",
            setting="--target",
            remedy="Leave --target out",
        )
    with reach(target, settings) as url, opened_ledger(url) as engine:
        yield engine, output
