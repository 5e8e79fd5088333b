"""What the commands for tokens of the API may say: there is no such token, or there is one already."""

from __future__ import annotations

from migration.errors import UsageError


class UnknownTokenError(UsageError):
    """No token that is good has this name."""

    code = "token-unknown"


class TokenNameError(UsageError):
    """A token that is good has this name already, or no token may have it."""

    code = "token-name-refused"
