"""Views of a finished run that others have changed since its cutover: they hold no rows, and a rollback drops them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.steps.rollback.later_writes import LaterWrites
from migration.target.pg_catalog.catalog_identity import (
    changed_identity,
    of_the_table_alone,
    read_identities,
)
from migration.target.pg_catalog.schema_relations import relations_with

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord

_KINDS: Final = ("view", "materialized view")


def changed_views(connection: Connection, run: RunRecord) -> list[LaterWrites]:
    """Return the run's views whose query or columns are others now; those that are gone the rollback itself names."""
    entries = {
        entry["oid"]: entry
        for part in run.cutover
        if not part["record"].get("data_only")
        for entry in part["record"].get("tables", ())
        if entry.get("kind") in _KINDS and "identity" in entry  # an earlier version has not noted it
    }
    standing = relations_with(connection, list(entries))
    now = read_identities(connection, list(standing))
    return [
        LaterWrites(view.schema, view.name, 0, 0, shape=tuple(lines))
        for oid, view in standing.items()
        if (
            lines := changed_identity(
                of_the_table_alone(entries[oid]["identity"]), of_the_table_alone(now.get(oid, []))
            )
        )
    ]
