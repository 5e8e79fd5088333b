"""Views of a finished run that others have changed since its cutover: they hold no rows, and a rollback drops them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from migration.steps.rollback.later_writes import LaterWrites
from migration.target.pg_catalog.catalog_identity import (
    changed_identity,
    of_the_table_alone,
    read_identities,
)
from migration.target.pg_catalog.schema_relations import relations_with
from migration.target.pg_catalog.table_settings import read_settings
from migration.target.pg_catalog.table_signature import changed_lines, read_signatures

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from migration.ledger.run_records import RunRecord

_KINDS: Final = ("view", "materialized view")
_QUERY_MARK: Final = re.compile(r"\bquery [0-9a-f]{32}\b")


def changed_views(connection: Connection, run: RunRecord) -> list[LaterWrites]:
    """Return the run's views that are others now; those that are gone the rollback itself names.

    Their query and columns, and what is set on them or hangs on them: rights, triggers, defaults, options, comments.
    """
    entries = {
        entry["oid"]: entry
        for part in run.cutover
        if not part["record"].get("data_only")
        for entry in part["record"].get("tables", ())
        if entry.get("kind") in _KINDS and "identity" in entry  # an earlier version has not noted it
    }
    standing = relations_with(connection, list(entries))
    oids = list(standing)
    identities, signatures = read_identities(connection, oids), read_signatures(connection, oids)
    settings = read_settings(connection, oids)
    found = []
    for oid, view in standing.items():
        entry = entries[oid]
        lines = changed_identity(
            of_the_table_alone(entry["identity"]), of_the_table_alone(identities.get(oid, []))
        )
        if "settings" in entry:
            lines += changed_lines(entry["signature"], signatures.get(oid, []))
            lines += changed_lines(entry["settings"], settings.get(oid, []))
        if lines:
            found.append(LaterWrites(view.schema, view.name, 0, 0, shape=tuple(map(_said, lines))))
    return found


def _said(line: str) -> str:
    """Return a line without what only tells two queries apart."""
    return _QUERY_MARK.sub("query of another text", line)
