"""Versions of Convoy, and ledgers, that do not go together."""

from __future__ import annotations

from migration.errors import PermanentError, TargetError, TargetUnreachableError


class LedgerTooNewError(TargetError):
    """A newer Convoy has made or upgraded the ledger of this target; nothing was changed."""

    code = "ledger-too-new"


class LedgerMissingError(TargetUnreachableError):
    """Somebody has dropped the ledger, or restored the database without it, while processes worked on it."""

    code = "ledger-missing"


class DigestAlgorithmError(PermanentError):
    """Digests of a run are by another algorithm, and cannot be computed anew; nothing was put in place."""

    code = "digest-by-another-version"
