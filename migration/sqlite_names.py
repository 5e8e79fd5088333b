"""Names as SQLite compares them: letters of ASCII without their case, all others as they are."""

from __future__ import annotations

import string
from typing import Final

_FOLDED: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(name: str) -> str:
    r"""Return what is equal for two names that SQLite takes for one, and for no others (`sqlite3StrICmp`).

    >>> folded("Name"), folded("Ωmega"), folded("É")
    ('name', 'Ωmega', 'É')
    """
    return name.translate(_FOLDED)
