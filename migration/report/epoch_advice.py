"""What to do about numbers in columns of times of which nothing says what they count: a mapping file says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from migration.column_types.whole_days import answer
from migration.name_lists import some
from migration.report.report_model import Recommendation, Urgency
from migration.report.text_formatting import count, toml_name, toml_table
from migration.source_table_names import TableNames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migration.report.report_model import ColumnReport, QuarantineSample, TableReport

_ENTRIES_DRAFTED: Final = 5
_UNSAID: Final = '{ epoch = "ms" } # or "s", "us", "ns", "days" ...: what do they count?'


def asked_columns(tables: Sequence[TableReport]) -> list[tuple[TableReport, ColumnReport]]:
    """Return the columns that are declared as times and became numbers, although they may well be moments."""
    return [(t, c) for t in tables for c in t.columns if c.widened and answer(c.reason)]


def epoch_advice(tables: Sequence[TableReport]) -> Iterator[Recommendation]:
    """Yield what to write into a mapping file so that such columns become times."""
    asked = asked_columns(tables)
    if not asked:
        return
    named = TableNames.among(table.source for table in tables)
    names = some(
        f"{named.column(t.source, t.name, c.name)} ({c.declared} \u2192 {c.target_type})" for t, c in asked
    )
    yield Recommendation(
        Urgency.SHOULD,
        "Say what the numbers in columns of times count",
        f"{count(len(asked), 'column')} became {'a number' if len(asked) == 1 else 'numbers'}, since not all values are"
        f" plainly moments: {names}. Where they are, a mapping file says so (--mapping), and all arrive as times.",
        tuple(
            _entry(named.label(table.source), table.name, column.name, column.reason)
            for table, column in asked[:_ENTRIES_DRAFTED]
        ),
    )


def mapping_entries(
    samples: Sequence[QuarantineSample], tables: Mapping[tuple[str, str], TableReport], limit: int
) -> list[str]:
    """Return what to write into a mapping file for the columns whose numbers are in quarantine."""
    places = list(dict.fromkeys((sample.source, sample.table, sample.column) for sample in samples))
    named = TableNames.among(source for source, _ in tables)
    lines = []
    for source, table, column in places[:limit]:
        report = tables.get((source, table))
        reason = next((c.reason for c in report.columns if c.name == column), "") if report else ""
        lines.append(_entry(named.label(source), table, column, reason))
    return lines


def _entry(label: str, table: str, column: str, reason: str) -> str:
    """Return the lines of a mapping file that say what the numbers of a column count; a guess where nobody knows."""
    said = answer(reason) or _UNSAID
    return f"[{toml_table(label, table)}.columns] # of the mapping file\n{toml_name(column)} = {said}"
