"""Which release has which revision of the ledger, and which of two versions is the older one.

A revision is that of Alembic: four digits that count up. Between two releases there may be several; who works from a
checkout may have a ledger of one of those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

EARLIER_RELEASES: Final[Mapping[str, str]] = MappingProxyType({"0.1.0": "0009"})
"""Release → the revision of its ledger, oldest first, as in CHANGELOG.md; the present one is not in it."""


class Age(StrEnum):
    """How a version stands to another one."""

    OLDER = "older"
    SAME = "same"
    NEWER = "newer"


def age_of(version: str | None, beside: str) -> Age:
    """Return how a version stands to another: `0.2.0+ledger.0014`, or None of one that is older than the question.

    The release counts first, then the ledger's revision: two commits of one release differ in that alone.
    """
    if version is None:
        return Age.OLDER
    first, second = (tuple(int(part) for part in re.findall(r"\d+", words)) for words in (version, beside))
    if first == second:
        return Age.SAME
    return Age.OLDER if first < second else Age.NEWER


def shown_revision(revision: str) -> str:
    """Return a revision with the earlier release that it is of, where it is of one: `0009 (Convoy 0.1.0)`."""
    release = next((release for release, its in EARLIER_RELEASES.items() if its == revision), None)
    return f"{revision} (Convoy {release})" if release else revision
