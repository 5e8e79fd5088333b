"""What a command says that was told of no target and found nobody at the default one."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from migration.errors import TargetUnreachableError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TARGET_VALUES = ("target_url", "target_host", "target_port", "target_db", "target_user", "target_name")
_REMEDY = (
    "No target was named, so this is the default one: name yours as --target-url postgresql://USER@HOST:PORT/DATABASE"
    " or in MIGRATION_TARGET_URL, or add `--target-url embedded` for a PostgreSQL that comes with Convoy"
)


def with_advice_to_name_a_target(command: Decorated) -> Decorated:
    """Let a command whose user named no target say so where there is no PostgreSQL at the default address."""

    @wraps(command)
    def advised(*arguments: Any, **values: Any) -> Any:
        try:
            return command(*arguments, **values)
        except TargetUnreachableError as error:
            from producer.cli.cli_settings import read_settings

            named = any(values.get(name) is not None for name in TARGET_VALUES)
            if named or read_settings().target_url is not None:
                raise
            raise type(error)(
                error.what, remedy=_REMEDY, details=error.details, next_steps=error.next_steps, **error.place
            ) from error

    return cast("Decorated", advised)
