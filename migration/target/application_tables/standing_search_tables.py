"""Tables of an application in the place of a source's virtual ones: what an operator has to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from migration.target.pg_catalog.application_table_facts import holds_rows, read_application_tables
from migration.target.pg_catalog.existing_table_plans import table_names
from migration.target.pg_catalog.source_name_matching import match_items

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from migration.source_schema import SourceTable

NO_TABLE: Final = "the target has no table of its name"
STAYS_EMPTY: Final = (
    "is empty: what the source has in it is not found there until the application builds it anew"
)
"""What the report's advice knows such a table by."""
_MAY_READ: Final = text("SELECT pg_catalog.has_table_privilege(CAST(:oid AS oid), 'SELECT')")


def search_tables(connection: Connection, schema: str, virtual: Sequence[SourceTable]) -> dict[str, str]:
    """Return, for virtual tables that a load of rows leaves out, what stands under their names in the target."""
    if not virtual:
        return {}
    names = match_items(virtual, table_names(connection, schema))
    standing = read_application_tables(connection, schema, list(names.values()))
    said = {}
    for table in virtual:
        found = standing.get(names.get(table.name, ""))
        if found is None:
            said[table.name] = NO_TABLE
        elif not connection.execute(_MAY_READ, {"oid": found.oid}).scalar_one() or holds_rows(
            connection, found
        ):
            said[table.name] = f"the application's own {found.name} stays as it is"
        else:
            said[table.name] = f"the application's own {found.name} {STAYS_EMPTY}"
    return said
