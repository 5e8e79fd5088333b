"""The note on a broker that says to which databases its cluster writes: a command looks before it sends a run there."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from migration.errors import OtherClusterError
from migration.queue import broker_client

if TYPE_CHECKING:
    from redis import Redis

_TARGET_KEY: Final = "convoy:target"


def _fields(target: str) -> tuple[str, str, str]:
    """Return the fields of the broker's note on a target; a name holds no colon."""
    names = ("identity", "shown", "until")
    return (f"identity:{target}", f"shown:{target}", f"until:{target}") if target else names


def _name_of(field: str) -> str:
    return field.partition(":")[2]


def announce_target(url: str, identity: str, shown: str, target: str = "", *, lasts_seconds: float) -> None:
    """Tell everybody on this broker which database its workers write to; `shown` holds no password.

    It is to be told again before `lasts_seconds` are over: a cluster whose processes are gone has no target.

    Raises:
        BrokerError: the broker does not answer.
    """
    with broker_client(url) as client:
        note = (identity, shown, f"{_broker_seconds(client) + lasts_seconds:.3f}")
        client.hset(_TARGET_KEY, mapping=dict(zip(_fields(target), note, strict=True)))


def _broker_seconds(client: Redis) -> float:
    """Return the time by the broker's clock, which is one for all hosts."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1_000_000


def _living_notes(client: Redis) -> dict[str, str]:
    """Return the fields of the notes that still hold; those of an earlier version say nothing of their end."""
    notes = {str(field): str(value) for field, value in client.hgetall(_TARGET_KEY).items()}
    now = _broker_seconds(client)
    over = {_name_of(field) for field, value in notes.items() if _is_until(field) and float(value) < now}
    return {field: value for field, value in notes.items() if _name_of(field) not in over}


def _is_until(field: str) -> bool:
    return field.partition(":")[0] == "until"


def withdraw_targets(url: str, names: Collection[str]) -> None:
    """Tell everybody on this broker that its cluster knows these names, and no others.

    Raises:
        BrokerError: the broker does not answer.
    """
    with broker_client(url) as client:
        gone = [str(field) for field in client.hkeys(_TARGET_KEY) if _name_of(str(field)) not in {"", *names}]
        if gone:
            client.hdel(_TARGET_KEY, *gone)


def check_target_is_announced(url: str, identity: str, shown: str, target: str = "") -> str:
    """Make sure that the cluster on this broker writes to the database that a command has opened.

    Silent where no producer has announced one, or none does any more.

    Args:
        url: of the broker.
        identity: of the database.
        shown: its URL without password.
        target: the name that the command has for it; empty: none.

    Returns:
        The name by which the cluster knows the database; empty where it is its default target.

    Raises:
        OtherClusterError: the cluster writes elsewhere.
        BrokerError: the broker does not answer.
    """
    with broker_client(url) as client:
        known = _living_notes(client)
    of_name, where, _ = (known.get(name) for name in _fields(target))
    if of_name == identity:
        return target
    names = [
        _name_of(field)
        for field, found in known.items()
        if found == identity and field.partition(":")[0] == "identity"
    ]
    if names and not target:
        return min(names)
    if of_name is None:
        return target
    raise OtherClusterError(
        f"This cluster writes to {where!s}, not to {shown}",
        setting="MIGRATION_BROKER_URL",
        remedy="Name the cluster's own target, or unset MIGRATION_BROKER_URL to run on a local cluster",
    )
