"""The key by which a row of a source is told from the others, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Sequence

Key = tuple[int | float | str | None, ...]


def storable_key(key: Sequence[int | float | str | None]) -> Key:
    r"""Return a key as the ledger keeps it: PostgreSQL's JSON has no NUL, which becomes the text ``\x00``."""
    return tuple(part.replace("\0", "\\x00") if isinstance(part, str) else part for part in key)
