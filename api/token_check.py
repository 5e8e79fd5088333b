"""Who shows which token: those of the settings, which may do everything, and those of the ledger with their scopes.

Neither needs a restart to be changed. A file of tokens is looked at each second, and what the ledger has said of a
token is believed for some seconds: so long after it was revoked, no API process lets it in any more.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import DBAPIError

from migration.ledger.access_tokens import (
    AccessScope,
    AccessToken,
    find_token,
    granted,
    hash_of,
    is_well_formed,
    note_use,
)

if TYPE_CHECKING:
    from api.cluster_connections import Cluster
    from migration.settings import Settings

logger = logging.getLogger(__name__)

LEDGER_ANSWER_SECONDS: Final = 5.0
"""So long a token that was revoked may go on."""
_FILE_LOOK_SECONDS: Final = 1.0
_REMEMBERED: Final = 1_000
BOOTSTRAP: Final = "bootstrap"
"""Name of the first token of the settings; the others are `bootstrap-2` and so on."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a request shows. `expires_at` is None for one that does not expire."""

    name: str
    scopes: tuple[AccessScope, ...]
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a token opens nothing: a sentence for its holder."""

    sentence: str


class SettingTokens:
    """The tokens of MIGRATION_API_TOKEN or of the file that MIGRATION_API_TOKEN_FILE names."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._tokens: tuple[bytes, ...] = ()
        self._again_at = 0.0
        self._told = ""

    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._now())

    def find(self, token: str) -> Caller | None:
        """Return who holds a token; None where it is none of these."""
        shown, found = token.encode(), None
        for number, known in enumerate(self._now(), start=1):
            # All of them, in constant time, and as bytes: a str with other characters than ASCII would raise.
            if secrets.compare_digest(shown, known):
                found = BOOTSTRAP if number == 1 else f"{BOOTSTRAP}-{number}"
        return None if found is None else Caller(found, granted([AccessScope.ADMIN]))

    def _now(self) -> tuple[bytes, ...]:
        with self._lock:
            if time.monotonic() >= self._again_at:
                self._tokens = self._read()
                is_fixed = self._settings.api_token_file is None
                self._again_at = time.monotonic() + (float("inf") if is_fixed else _FILE_LOOK_SECONDS)
            return self._tokens

    def _read(self) -> tuple[bytes, ...]:
        try:
            tokens, trouble = self._settings.api_tokens(), ""
        except ValueError as error:
            # A file that was taken away lets nobody in: that may be why it was.
            tokens, trouble = (), str(error)
        if trouble and trouble != self._told:
            logger.error("The tokens of the settings count no more: %s", trouble)
        self._told = trouble
        return tuple(token.encode() for token in tokens)


class TokenCheck:
    """Finds the caller of a token. May be called from several threads; asks the ledger, so it may wait."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.of_settings = SettingTokens(cluster.settings)
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[float, Caller | Refused]] = OrderedDict()

    def known(self, token: str) -> Caller | Refused | None:
        """Return what can be said of a token without waiting for the ledger; None where that has to be asked."""
        caller = self.of_settings.find(token)
        if caller is not None:
            return caller
        if not is_well_formed(token):
            return Refused("This token is none of this server's.")
        with self._lock:
            until, answer = self._answers.get(hash_of(token), (0.0, None))
        return answer if time.monotonic() < until else None

    def ask(self, token: str) -> Caller | Refused:
        """Return what the ledger says of a token.

        Raises:
            ConvoyError, DBAPIError: the ledger cannot be asked.
        """
        with self._cluster.engine().connect() as connection:
            found = find_token(connection, token)
            connection.rollback()
            answer = _answer(found)
            if found is not None and found.is_good:
                try:
                    note_use(connection, found.id)
                    connection.commit()
                except DBAPIError:
                    # A full disk, a server that only reads: who may come in does not depend on it.
                    logger.warning("The use of token %s could not be written down", found.name)
        with self._lock:
            self._answers[hash_of(token)] = (time.monotonic() + LEDGER_ANSWER_SECONDS, answer)
            while len(self._answers) > _REMEMBERED:
                self._answers.popitem(last=False)
        return answer


def _answer(found: AccessToken | None) -> Caller | Refused:
    if found is None:
        return Refused("This token is none of this server's.")
    if found.revoked_at is not None:
        return Refused(f"The token {found.name} was revoked at {found.revoked_at:%Y-%m-%d %H:%M:%S %Z}.")
    if found.is_expired and found.expires_at is not None:
        return Refused(f"The token {found.name} has expired at {found.expires_at:%Y-%m-%d %H:%M:%S %Z}.")
    return Caller(found.name, found.scopes, found.expires_at)
