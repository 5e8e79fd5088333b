"""Knows applications by their tables, so that somebody who has never heard of profiles hears of the right one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.applications.profile_reader import find_profile, profile_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from migration.applications.profile_reader import NamedProfile


def recognised(tables: Iterable[str]) -> NamedProfile | None:
    """Return the profile of the application that plainly has made these tables; None where there is none.

    Of several, as of Wagtail and Django, the one that is known by more tables.
    """
    there = {table.lower() for table in tables}
    found = [
        named
        for named in map(find_profile, profile_names())
        if named.profile.signature and {name.lower() for name in named.profile.signature} <= there
    ]
    return max(found, key=lambda named: len(named.profile.signature), default=None)
