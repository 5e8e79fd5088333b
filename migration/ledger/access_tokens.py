"""Tokens of the API: made once and shown once, kept as a hash, each with what its holder may do.

A token is `convoy_`, 32 random characters and a checksum of 6, so that scanners of code and logs know one when they see
it, and a mistyped one costs no question to the ledger. It carries 190 bits of chance: a plain SHA-256 of it cannot be
turned back, and looking for it in an index tells nobody anything.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, and_, func, insert, or_, select, true, update
from sqlalchemy.exc import IntegrityError

from migration.access_errors import TokenNameError, UnknownTokenError
from migration.convoy_error import NextStep
from migration.ledger.ledger_tables import access_tokens
from migration.ledger.run_acts import Person

PREFIX: Final = "convoy_"
_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_CHARACTERS: Final = 32
_CHECK_CHARACTERS: Final = 6
_GOOD: Final = and_(
    access_tokens.c.revoked_at.is_(None),
    or_(access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > func.now()),
)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_SHAPE: Final = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_RANDOM_CHARACTERS + _CHECK_CHARACTERS}}}")
USE_NOTED_EVERY: Final = timedelta(seconds=4)
"""Shorter than an API goes without asking the ledger: by the time of last use people decide which token to revoke."""


class AccessScope(StrEnum):
    """What the holder of a token may do. Each includes those before it."""

    READ = "read"
    """See runs, their progress, findings, quarantined values, reports and figures."""
    RUN = "run"
    """Start, try and compare, pause and resume; fetch snapshots, which are whole databases."""
    ADMIN = "admin"
    """Undo and end: cancel, roll back; and put the tables of a held run in place."""


def granted(scopes: Iterable[AccessScope]) -> tuple[AccessScope, ...]:
    """Return the given scopes and all that they include, in their order.

    >>> granted([AccessScope.RUN])
    (<AccessScope.READ: 'read'>, <AccessScope.RUN: 'run'>)
    """
    order = list(AccessScope)
    highest = max((order.index(scope) for scope in scopes), default=-1)
    return tuple(order[: highest + 1])


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What the ledger knows of a token. Who made and who revoked it are told as `user@host`."""

    id: int
    name: str
    scopes: tuple[AccessScope, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    is_expired: bool
    """By the clock of the server."""

    @property
    def is_good(self) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and not self.is_expired

    @property
    def state(self) -> str:
        """`revoked`, `expired` or `good`."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.is_expired else "good"


def new_token() -> str:
    """Return a token that nobody else has."""
    body = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_CHARACTERS))
    return body + _checksum(body)


def is_well_formed(token: str) -> bool:
    """Whether a text may be a token of the ledger: its shape and its checksum are right."""
    return _SHAPE.fullmatch(token) is not None and secrets.compare_digest(
        token[-_CHECK_CHARACTERS:], _checksum(token[:-_CHECK_CHARACTERS])
    )


def hash_of(token: str) -> str:
    """Return what the ledger keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_token(
    engine: Engine, name: str, scopes: Sequence[AccessScope], person: Person, days: float | None = None
) -> tuple[str, AccessToken]:
    """Make a token and return it with its record; nobody can have it a second time.

    Args:
        engine: of the ledger.
        name: what lists and logs show of it.
        scopes: what its holder may do.
        person: who makes it.
        days: after so many it expires; None: never.

    Raises:
        TokenNameError: the name is taken, or is none.
    """
    if _NAME.fullmatch(name) is None:
        raise TokenNameError(
            "The name of a token has letters, digits, dots, dashes and underscores only, 63 at most",
            remedy="Name it by who or what will hold it, such as ci or grafana",
        )
    token = new_token()
    values: dict[str, Any] = {
        "name": name,
        "sha256": hash_of(token),
        "scopes": [scope.value for scope in scopes],
        "created_by": _words(person),
    }
    if days is not None:
        values["expires_at"] = func.now() + timedelta(days=days)
    try:
        with engine.begin() as connection:
            # An expired one of the same name has had its day.
            connection.execute(
                update(access_tokens)
                .where(
                    access_tokens.c.name == name,
                    access_tokens.c.revoked_at.is_(None),
                    access_tokens.c.expires_at <= func.now(),
                )
                .values(revoked_at=func.clock_timestamp(), revoked_by=_words(person))
            )
            key = connection.execute(
                insert(access_tokens).values(values).returning(access_tokens.c.id)
            ).scalar_one()
            return token, _read(connection, access_tokens.c.id == key)[0]
    except IntegrityError as error:
        step = NextStep("Revoke the token of this name", f"migration-cli token revoke {name}")
        raise TokenNameError(
            f"There is a token {name} already",
            remedy="Give the new one another name, hand it out, and then revoke the old one",
            next_steps=(step,),
        ) from error


def list_tokens(engine: Engine, *, only_good: bool = False) -> list[AccessToken]:
    """Return the tokens in the order of their making, by default those that open nothing any more, too."""
    with engine.connect() as connection:
        return _read(connection, _GOOD if only_good else true())


def revoke_token(engine: Engine, name: str, person: Person) -> AccessToken:
    """Let a token open nothing any more. API processes that have seen it notice within seconds.

    Raises:
        UnknownTokenError: no token of this name is left to be revoked.
    """
    with engine.begin() as connection:
        key = connection.execute(
            update(access_tokens)
            .where(access_tokens.c.name == name, access_tokens.c.revoked_at.is_(None))
            .values(revoked_at=func.clock_timestamp(), revoked_by=_words(person))
            .returning(access_tokens.c.id)
        ).scalar_one_or_none()
        if key is None:
            raise UnknownTokenError(
                f"There is no token {name} that could be revoked",
                remedy="List them with `migration-cli token list --all`",
                next_steps=(NextStep("List all tokens", "migration-cli token list --all"),),
            )
        return _read(connection, access_tokens.c.id == key)[0]


def find_token(connection: Connection, token: str) -> AccessToken | None:
    """Return what is known of a token that somebody shows, also where it is revoked or has expired."""
    found = _read(connection, access_tokens.c.sha256 == hash_of(token))
    return found[0] if found else None


def note_use(connection: Connection, token_id: int) -> None:
    """Write down that a token was used now, unless that was written a moment ago."""
    seen = access_tokens.c.last_used_at
    is_old = or_(seen.is_(None), seen < func.now() - USE_NOTED_EVERY)
    connection.execute(
        update(access_tokens)
        .where(and_(access_tokens.c.id == token_id, is_old))
        .values(last_used_at=func.clock_timestamp())
    )


def _read(connection: Connection, condition: Any) -> list[AccessToken]:
    expired = func.coalesce(access_tokens.c.expires_at <= func.now(), False).label("is_expired")
    statement = (
        select(
            *(column for column in access_tokens.c if column.name != "sha256"),
            expired,
        )
        .where(condition)
        .order_by(access_tokens.c.id)
    )
    return [_token_of(row) for row in connection.execute(statement)]


def _token_of(row: Row[Any, *tuple[Any, ...]]) -> AccessToken:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's documented way to a mapping
    # A scope of a later version means nothing to this one.
    known = [AccessScope(scope) for scope in values.pop("scopes") if scope in set(AccessScope)]
    return AccessToken(**values, scopes=granted(known))


def _checksum(body: str) -> str:
    number, characters = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK_CHARACTERS):
        number, place = divmod(number, len(_ALPHABET))
        characters = _ALPHABET[place] + characters
    return characters


def _words(person: Person) -> str:
    return f"{person.name}@{person.host}"
