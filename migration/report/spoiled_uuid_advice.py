"""Warns of UUIDs that SQLite itself has turned into numbers before anybody came to migrate them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migration.model import StorageClass
from migration.name_lists import some
from migration.report.report_model import Recommendation, Urgency
from migration.report.text_formatting import count
from migration.schema_translation.uuid_columns import says_uuid
from migration.source_table_names import TableNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migration.report.report_model import TableReport


def spoiled_uuid_advice(tables: Sequence[TableReport]) -> Iterator[Recommendation]:
    """Yield one recommendation if columns that are declared for UUIDs hold numbers."""
    names = TableNames.among(table.source for table in tables)
    spoiled = {
        names.column(table.source, table.name, column.name): numbers
        for table in tables
        for column in table.columns
        if says_uuid(column.declared)
        and (numbers := sum(column.stored.get(c, 0) for c in (StorageClass.INTEGER, StorageClass.REAL)))
    }
    if not spoiled:
        return
    shown = some(f"{name} ({number:,})" for name, number in spoiled.items())
    yield Recommendation(
        Urgency.MUST,
        "Restore UUIDs that SQLite has turned into numbers",
        f"{count(sum(spoiled.values()), 'value is a number', 'values are numbers')} in columns declared for UUIDs:"
        f" {shown}. UUID and GUID are numbers to SQLite, so a UUID without hyphens whose digits spell one,"
        " such as 1e5..., has lost its digits. Take it from where else it stands: columns declared TEXT that refer to"
        " it, a backup, the application's logs. Declare such columns TEXT or BLOB.",
    )
