"""The notes on a broker that say to which databases its cluster writes: a command looks before it sends a run there.

A broker is of one cluster. Where two with different databases share one by mistake, each takes messages that are the
other's: so each producer claims its database as well, and a claim that is not renewed is soon over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.errors import OtherClusterError
from migration.queue import broker_client

if TYPE_CHECKING:
    from redis import Redis

_TARGET_KEY: Final = "convoy:target"
_CLAIMS_KEY: Final = "convoy:target-claims"
"""Of each database and the name that a cluster has for it: until when it is claimed, and its URL."""


def _fields(target: str) -> tuple[str, str, str]:
    """Return the fields of the broker's note on a target; a name holds no colon."""
    names = ("identity", "shown", "until")
    return (f"identity:{target}", f"shown:{target}", f"until:{target}") if target else names


def _name_of(field: str) -> str:
    return field.partition(":")[2]


def announce_target(
    url: str,
    identity: str,
    shown: str,
    target: str = "",
    *,
    lasts_seconds: float,
    claim_seconds: float | None = None,
) -> None:
    """Tell everybody on this broker which database its workers write to; `shown` holds no password.

    It is to be told again before `lasts_seconds` are over: a cluster whose processes are gone has no target. After
    `claim_seconds`, by default as many, nobody takes the cluster for one that is alive.

    Raises:
        BrokerError: the broker does not answer.
    """
    with broker_client(url) as client:
        now = _broker_seconds(client)
        note = (identity, shown, f"{now + lasts_seconds:.3f}")
        client.hset(_TARGET_KEY, mapping=dict(zip(_fields(target), note, strict=True)))
        claimed_until = now + (lasts_seconds if claim_seconds is None else claim_seconds)
        client.hset(_CLAIMS_KEY, f"{target}:{identity}", f"{claimed_until:.3f} {shown}")


@dataclass(frozen=True, slots=True)
class TargetClaim:
    """A living cluster's word that a target is this database; `shown` is its URL without password."""

    target: str
    identity: str
    shown: str


def read_claims(url: str) -> tuple[TargetClaim, ...]:
    """Return the claims of all living clusters on this broker; removes those that are over.

    Raises:
        BrokerError: the broker does not answer.
    """
    with broker_client(url) as client:
        claims = {str(field): str(value) for field, value in client.hgetall(_CLAIMS_KEY).items()}
        now = _broker_seconds(client)
        over = [field for field, value in claims.items() if float(value.partition(" ")[0]) < now]
        if over:
            client.hdel(_CLAIMS_KEY, *over)
    living = sorted(claims.items() - {(field, claims[field]) for field in over})
    return tuple(
        TargetClaim(field.partition(":")[0], field.partition(":")[2], value.partition(" ")[2])
        for field, value in living
    )


def other_databases(claims: Iterable[TargetClaim], identity: str, target: str = "") -> tuple[str, ...]:
    """Return the URLs of other databases that living clusters on one broker have under the same name."""
    return tuple(
        sorted(claim.shown for claim in claims if claim.target == target and claim.identity != identity)
    )


def shared_broker(shown: str, others: Sequence[str], target: str = "") -> OtherClusterError:
    """Return the error of a broker that is shared by clusters of different databases."""
    name = f"the target {target}" if target else "the default target"
    return OtherClusterError(
        f"Two clusters share this broker, and take each other's messages: {name} is {shown} to one, and"
        f" {' and '.join(others)} to another",
        setting="MIGRATION_BROKER_URL",
        remedy="Give each cluster a broker of its own, or a database of it (the number after the slash); runs end late"
        " meanwhile, by the watchdog. Where the target of this cluster has just been changed, this passes by itself",
    )


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
