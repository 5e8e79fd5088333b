"""How long a retry, a removal and a load of rows that is under way wait for the locks of users."""

from __future__ import annotations

from typing import Final

# Long enough for a short query of users to end, short enough not to make them queue behind us.
LOCK_TIMEOUT: Final = "10s"
