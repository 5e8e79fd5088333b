"""Names of the tables that did not come along, and that nobody has asked to leave out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

from migration.model import ObjectState
from migration.report.text_formatting import printable
from migration.schema_translation.table_selection import left_out_on_request
from migration.source_table_names import TableNames


def left_behind(objects: Iterable[Row[Any]], names: TableNames) -> tuple[str, ...]:
    """Return these names from the lines of a run about its objects, as `names` has them."""
    return tuple(
        printable(names.table(row.owner, row.name))
        for row in objects
        if row.kind == "table"
        and row.state == ObjectState.SKIPPED.value
        and not left_out_on_request(row.kind, row.reason)
    )
