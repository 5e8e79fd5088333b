"""What a schema computes when a table is read, tried out before anything else reads it.

A virtual generated column is computed anew at each reading, from an expression that whoever made the file has chosen:
`zeroblob(150000000)` makes gigabytes of eight kilobytes. An R-Tree is read through a module that believes its nodes.
Such an expression sees its own row alone and gives the same each time, so what one reading came to, all will.
https://www.sqlite.org/gencol.html#limitations
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.errors import SourceCorruptError
from migration.source.confined_process import Confinement, confined_process
from migration.source.create_virtual_table_parser import R_TREES, read_create_virtual
from migration.source.snapshot_connection import open_snapshot
from migration.source.sqlite_syntax import quote_name
from migration.source.view_expansion import MOST_QUERIES, too_large_view
from migration.source_form_errors import SourceProcessError, SourceTooLargeError, SourceTooSlowError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from migration.convoy_error import Place
    from migration.source.confined_process import ConfinedEnd
    from migration.source.source_budget import SourceBudget

_PROGRAM: Final = "migration.source.computed_value_program:compute"
_MAY_COMPUTE: Final = re.compile(r"\bAS\s*(?:\(|/\*|--)", re.IGNORECASE)
_IS_VIRTUAL: Final = re.compile(r"\s*CREATE\s+VIRTUAL\b", re.IGNORECASE)
_VIRTUAL_GENERATED: Final = 2  # PRAGMA table_xinfo, column `hidden`
_LEAST_ROW_BYTES: Final = 4  # a cell and its pointer: a file has no more rows than a quarter of its bytes
_UNREADABLE: Final = "\ufffd"  # stands for bytes in a name that are not UTF-8; SQL cannot reach such a name
_HEAP_BYTES: Final = 32 << 20
_VALUES_AT_ONCE: Final = 4
"""So many of the longest values an expression may need on its way; workers will need them, too."""
_DROP: Final = "Remove the column from a copy of the database"


@dataclass(frozen=True, slots=True)
class Computed:
    """Something that is computed: a column, the rows of an R-Tree, or an expression of a mapping file."""

    table: str
    column: str | None
    query: str
    """Gives one value for each row, a blob."""
    mapping: str | None = None
    """Whose expression it is."""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        if self.mapping is not None:
            return f"The mapping's expression for column {self.column}"
        return f"Column {self.column}" if self.column is not None else "The R-Tree"

    @property
    def remedy(self) -> str:
        """What its owner can do."""
        return "Write an expression that computes less" if self.mapping is not None else _DROP


def check_definitions(copy: Path, place: Place, budget: SourceBudget) -> None:
    """Make sure that the definitions in a private copy are of a size that can be read.

    Raises:
        SourceTooLargeError: they are not, or a view is not once it is put together.
    """
    try:
        with open_snapshot(copy) as connection:
            (total,) = connection.execute("SELECT total(length(sql)) FROM sqlite_schema").fetchone()
            query = "SELECT name, sql FROM sqlite_schema WHERE type = 'view' AND typeof(sql) = 'text'"
            views = dict(connection.execute(query).fetchall() if total <= budget.schema_bytes else ())
    except (sqlite3.Error, UnicodeDecodeError, SourceCorruptError):
        return  # whoever checks the file says what is wrong with it
    if total > budget.schema_bytes:
        raise SourceTooLargeError(
            f"The definitions of its tables and views are {total:,.0f} characters;"
            f" {budget.schema_bytes:,} are read",
            remedy="Where the database is yours, allow more with MIGRATION_SOURCE_SCHEMA_BYTES",
            **place,
        )
    view = too_large_view(views) if len(views) > 1 else None
    if view is not None:
        raise SourceTooLargeError(
            f"View {view} is more than {MOST_QUERIES:,} queries once the views that it names stand in their places",
            remedy="Drop it in a copy of the database, and migrate that",
            **place,
        )


def try_computed_values(copy: Path, place: Place, budget: SourceBudget) -> None:
    """Compute once what the schema of a private copy computes, in a process that is bounded.

    A value that cannot be computed is no concern here; neither is damage, which is found by whoever looks for it.

    Raises:
        SourceTooLargeError: the values come to more than the budget, or one of them does; names the column.
        SourceTooSlowError: they take longer.
        SourceProcessError: SQLite ends the process.
    """
    try_each(list(_computed(copy)), copy, place, budget)


def try_each(computed: Sequence[Computed], copy: Path, place: Place, budget: SourceBudget) -> None:
    """Do the same with what is named.

    Raises:
        SourceTooLargeError: the values come to more than the budget, or one of them does; names the column.
        SourceTooSlowError: they take longer.
        SourceProcessError: SQLite ends the process.
    """
    if not computed:
        return
    file_bytes = copy.stat().st_size
    most_bytes = budget.computed_for(file_bytes)
    longest_bytes = min(budget.computed_bytes, most_bytes)
    request = {
        "path": str(copy),
        "queries": [one.query for one in computed],
        "most_bytes": most_bytes,
        "longest_bytes": longest_bytes,
        "most_rows": file_bytes // _LEAST_ROW_BYTES,
        "memory_bytes": _heap_bytes(file_bytes, longest_bytes, budget),
    }
    confinement = Confinement(budget.seconds_for(file_bytes), budget.memory_bytes)
    at = computed[0]
    with confined_process(_PROGRAM, request, confinement) as process:
        for answer in process:
            if "begun" in answer:
                at = computed[answer["begun"]]
            elif "beyond" in answer:
                raise _too_large(at, answer["beyond"], file_bytes, longest_bytes, most_bytes, place)
            else:
                return
        raise _died(at, process.end(), confinement, place)


def _heap_bytes(file_bytes: int, longest_bytes: int, budget: SourceBudget) -> int:
    """Return what SQLite may allocate: less than the process may, so that it fails by itself and says so."""
    stored_bytes = min(
        2 * file_bytes, budget.memory_bytes // 2
    )  # a value that is read may be as long as the file
    return max(_VALUES_AT_ONCE * longest_bytes, stored_bytes) + _HEAP_BYTES


def _computed(copy: Path) -> Iterator[Computed]:
    try:
        with open_snapshot(copy) as connection:
            tables = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
            for name, sql in tables:
                if _UNREADABLE in str(name) or not isinstance(sql, str):
                    continue
                if _IS_VIRTUAL.match(sql):
                    if read_create_virtual(sql).module in R_TREES:
                        yield Computed(name, None, f"SELECT * FROM {quote_name(name)}")
                elif _MAY_COMPUTE.search(sql):
                    yield from _columns(connection, name)
    except (sqlite3.Error, UnicodeDecodeError, SourceCorruptError):
        return  # whoever checks the file says what is wrong with it


def _columns(connection: sqlite3.Connection, table: str) -> Iterator[Computed]:
    for row in connection.execute(f"PRAGMA table_xinfo({quote_name(table)})").fetchall():
        if row[6] == _VIRTUAL_GENERATED and _UNREADABLE not in row[1]:
            value = f"CAST(t.{quote_name(row[1])} AS BLOB)"
            yield Computed(table, row[1], f"SELECT {value} FROM {quote_name(table)} AS t NOT INDEXED")


def _too_large(
    at: Computed, beyond: str, file_bytes: int, longest_bytes: int, most_bytes: int, place: Place
) -> SourceTooLargeError | SourceCorruptError:
    where = _where(at, place)
    if beyond == "rows":
        return SourceCorruptError(
            f"It shows more rows than a file of {file_bytes:,} bytes can hold: its pages or nodes lead in circles",
            remedy="Restore a backup, or take what can be read with --salvage",
            **where,
        )
    if beyond == "longest":
        what = f"{at.name} computes values of more than {longest_bytes:,} bytes"
    else:
        who = "the mapping computes" if at.mapping is not None else "the schema computes"
        what = f"The values that {who}, this column's at last, are more than {most_bytes:,} bytes"
    return SourceTooLargeError(
        f"{what}, and the file has {file_bytes:,}",
        remedy=f"{at.remedy}; where the database is yours, allow more with MIGRATION_SOURCE_COMPUTED_BYTES",
        **where,
    )


def _where(at: Computed, place: Place) -> Place:
    where = place.copy()
    where["table"] = at.table
    if at.column is not None:
        where["column"] = at.column
    if at.mapping is not None:
        where["mapping"] = at.mapping
    return where


def _died(
    at: Computed, end: ConfinedEnd, confinement: Confinement, place: Place
) -> SourceTooSlowError | SourceProcessError:
    where = _where(at, place)
    if end.is_out_of_time:
        return SourceTooSlowError(
            f"{at.name} is not computed for all rows within {confinement.seconds:,} s",
            remedy=f"{at.remedy}; where the database is yours, allow more with MIGRATION_SOURCE_SECONDS",
            **where,
        )
    return SourceProcessError(
        f"{at.name} ended the process that computed it, {end.why}",
        remedy=at.remedy,
        details=end.said,
        **where,
    )
