"""In which order rows go into tables: parents before children, and the keys of circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

from migration.target.pg_catalog.application_table_facts import ApplicationTable, ForeignKey


def parents_first(
    tables: Sequence[ApplicationTable], keys: Sequence[ForeignKey]
) -> tuple[list[ApplicationTable], list[ForeignKey]]:
    """Return the tables so that parents come before children, and the keys of circles, which no order satisfies.

    A table that refers to itself is no circle: a key is checked at the end of the statement that inserts all rows.
    """
    own = {table.oid for table in tables}
    waits = {table.oid: set[int]() for table in tables}
    for key in keys:
        if key.child in own and key.parent in own and key.child != key.parent and not key.deferrable:
            waits[key.child].add(key.parent)
    ordered: list[ApplicationTable] = []
    waiting = {table.oid: table for table in tables}
    circular: list[ForeignKey] = []
    while waiting:
        ready = [oid for oid in waiting if not waits[oid] & waiting.keys()]
        if not ready:
            # The one that waits for the fewest: its keys are to be put off.
            first = min(waiting, key=lambda oid: len(waits[oid] & waiting.keys()))
            blocking = waits[first] & waiting.keys()
            circular += [key for key in keys if key.child == first and key.parent in blocking]
            ready = [first]
        ordered += [waiting.pop(oid) for oid in ready]
    return ordered, [key for key in circular if not key.deferrable]
