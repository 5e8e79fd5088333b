"""What a command says that was told of no target and found nobody at the default one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from migration.errors import TargetUnreachableError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TARGET_VALUES = ("target_url", "target_host", "target_port", "target_db", "target_user", "target_name")
_NAME_IT = (
    "No target was named, so this is the default one: name yours as --target-url postgresql://USER@HOST:PORT/DATABASE"
    " or in MIGRATION_TARGET_URL, or add `--target-url embedded` for "
)


def with_advice_to_name_a_target(command: Decorated) -> Decorated:
    """Let a command whose user named no target say so where there is no PostgreSQL at the default address."""

    @wraps(command)
    def advised(*arguments: Any, **values: Any) -> Any:
        try:
            return command(*arguments, **values)
        except TargetUnreachableError as error:
            from producer.cli.cli_settings import read_settings

            settings = read_settings()
            if settings.target_url is not None or any(values.get(name) is not None for name in TARGET_VALUES):
                raise
            is_here = (settings.embedded_dir / "PG_VERSION").exists()
            embedded = (
                f"that in {settings.embedded_dir}" if is_here else "a PostgreSQL that comes with Convoy"
            )
            raise type(error)(
                error.what,
                remedy=_NAME_IT + embedded,
                details=error.details,
                next_steps=error.next_steps,
                **error.place,
            ) from error

    return cast("Decorated", advised)
