"""Versions of Convoy that do not go together."""

from __future__ import annotations

from migration.errors import TargetError


class LedgerTooNewError(TargetError):
    """A newer Convoy has made or upgraded the ledger of this target; nothing was changed."""

    code = "ledger-too-new"
