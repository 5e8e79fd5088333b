"""A text that need not be valid in the encoding of its database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RawText:
    """A text given by its bytes in the database's encoding, which need not be valid."""

    raw: bytes
