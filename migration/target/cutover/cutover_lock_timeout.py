"""How long a cutover, its reverse and a retry wait for the locks of users, who queue behind them meanwhile."""

from __future__ import annotations

from typing import Final

# Long enough for a short query of users to end, short enough not to make them queue behind us.
LOCK_TIMEOUT: Final = "10s"
