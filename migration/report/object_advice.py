"""What to do about keys, views, triggers and other objects that did not come along unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from migration.mapping_file_model import OnOrphan
from migration.model import Mode, ObjectState
from migration.name_lists import some
from migration.report import next_commands
from migration.report.report_model import FindingReport, ObjectReport, Recommendation, TableReport, Urgency
from migration.report.run_facts import ForeignKeyFacts
from migration.report.text_formatting import count
from migration.run_options import RunOptions
from migration.schema_translation.table_selection import left_out_on_request
from migration.source_table_names import TableNames
from migration.target.application_tables.standing_search_tables import STAYS_EMPTY
from migration.target.sql_statements import quoted
from migration.value_conversion.orphan_row_policy import ORPHAN_TO_NULL

_OBJECTS_SHOWN = 8
_KEYS_SHOWN = 10
_OF_ONE_SOURCE: Final = TableNames()

OBJECT_ADVICE: Final = {
    "view": "PostgreSQL needs SQL of its own here; the reason beside each says what stood in the way.",
    "trigger": "SQLite's trigger bodies are SQL, PostgreSQL's are functions: rewrite in PL/pgSQL what must live on, or"
    " let the application do it.",
    "table": "Its rows are in the source alone. Where PostgreSQL cannot hold such a table, not_migrated.sql has a draft"
    " of tables that it can; where SQLite could not read it, the reason says what is missing.",
    "virtual": "Full-text search becomes a tsvector column with a GIN index; an R-Tree becomes a GiST index or"
    " PostGIS. The reason beside each says where the rows are.",
    "index": "Queries that relied on them will scan the table. Write them again where the reason allows it;"
    " not_migrated.sql has a draft for each.",
    "foreign key": "The rows are there, and nothing checks the relation. Add the constraint when the cause is gone.",
    "check": "The rows are there, and nothing checks them. Write the condition again in PostgreSQL's SQL.",
    "conflict clause": "An INSERT that relied on it fails now; write INSERT ... ON CONFLICT in the application.",
    "collation": "Comparisons and ORDER BY go by the database's collation until the column gets another one.",
    "default": "INSERTs that leave the column out get NULL. Set a default in PostgreSQL's SQL.",
}
"""Kind of object (its beginning, in lower case) → what to do when it was skipped."""
_PLURALS: Final = {"index": "indexes", "virtual": "virtual tables"}
_SINGULARS: Final = {"virtual": "virtual table"}
_LEFT: Final = "brings all rows, and the constraint holds for new ones"
_LEFT_DATA_ONLY: Final = "brings all rows that the application's own keys take"
_ANY_OBJECT: Final = "The reason beside each says what stood in the way."


def qualified(table: TableReport) -> str:
    """Return the table's name in PostgreSQL, quoted for SQL."""
    return quoted(table.target_schema, table.target_table)


def orphan_query(key: ForeignKeyFacts) -> str:
    """Return the query that finds the rows without a parent."""
    child = quoted(key.schema, key.table)
    parent = quoted(key.parent_schema, key.parent)
    pairs = list(zip(key.columns, key.parent_columns, strict=True))
    on = " AND ".join(f"p.{quoted(theirs)} = c.{quoted(ours)}" for ours, theirs in pairs)
    # MATCH SIMPLE: one NULL among the columns, and the row needs no parent.
    filled = " AND ".join(f"c.{quoted(ours)} IS NOT NULL" for ours in key.columns)
    return f"SELECT c.* FROM {child} c WHERE {filled} AND NOT EXISTS (SELECT FROM {parent} p WHERE {on});"


def foreign_key_advice(
    unvalidated: Sequence[ForeignKeyFacts], names: TableNames = _OF_ONE_SOURCE
) -> Iterator[Recommendation]:
    """Yield how to find orphan rows and to validate the keys of a run afterwards."""
    if unvalidated:
        lines = []
        for key in unvalidated[:_KEYS_SHOWN]:
            child = quoted(key.schema, key.table)
            lines.append(orphan_query(key))
            lines.append(f"ALTER TABLE {child} VALIDATE CONSTRAINT {quoted(key.name)};")
        # By its schema, which is the source's label where tables of one name came.
        told = ", ".join(
            f"{key.name} on {names.table(key.schema, key.table)}" for key in unvalidated[:_KEYS_SHOWN]
        )
        yield Recommendation(
            Urgency.SHOULD,
            "Find the orphan rows, then validate the foreign keys",
            f"{count(len(unvalidated), 'foreign key holds', 'foreign keys hold')} for new rows and not for all old"
            f" ones (NOT VALID): {told}. The source held rows whose parent is missing, or a replaced table had the key"
            " so. Insert the parents, or delete or correct the orphans; then VALIDATE. A migration with --on-orphan"
            " keeps such rows apart, or takes the reference away.",
            tuple(lines),
        )


def orphan_choice(orphans: Sequence[FindingReport], options: RunOptions) -> Iterator[Recommendation]:
    """Yield, for a dry-run, what can be made of orphan rows, with a command line for each of the other choices."""
    if not orphans:
        return
    tables = some(options.table_names.table(finding.source, finding.table) for finding in orphans)
    yield Recommendation(
        Urgency.SHOULD,
        "Decide what becomes of the orphan rows",
        f"Rows of {tables} point at parents that would not be loaded: they are missing, or kept out themselves; the"
        " findings name the keys. Best is to insert or correct the parents in the source. Else --on-orphan not-valid"
        f" {_LEFT_DATA_ONLY if options.data_only else _LEFT}; quarantine keeps them, and all rows that need them, in"
        " the ledger, where a retry finds them; set-null takes the reference away. This dry-run tried"
        f" {options.on_orphan}. A mapping file says it for single tables (on_orphan).",
        tuple(
            next_commands.repeat(replace(options, on_orphan=choice), Mode.MIGRATE)
            for choice in OnOrphan
            if choice is not options.on_orphan
        ),
    )


def orphan_loss(tables: Sequence[TableReport]) -> Iterator[Recommendation]:
    """Yield what to keep where references became NULL."""
    names = TableNames.among(table.source for table in tables)
    places = [
        names.column(table.source, table.name, column.name)
        for table in tables
        for column in table.columns
        if any(transform.name == ORPHAN_TO_NULL for transform in column.transforms)
    ]
    if places:
        yield Recommendation(
            Urgency.SHOULD,
            "Keep the source of references that became NULL",
            f"Rows without a parent lost what {some(places)} held, as --on-orphan set-null asks. The findings show"
            " a few of these values; all of them are in the source only.",
        )


def _kind(name: str) -> str:
    lowered = name.lower().replace("_", " ")
    return next((known for known in OBJECT_ADVICE if lowered.startswith(known)), lowered)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _OBJECTS_SHOWN:,} more" if len(names) > _OBJECTS_SHOWN else ""
    return ", ".join(names[:_OBJECTS_SHOWN]) + more


def object_advice(
    objects: Sequence[ObjectReport],
    missing: Sequence[FindingReport],
    names: TableNames = _OF_ONE_SOURCE,
    *,
    data_only: bool = False,
) -> Iterator[Recommendation]:
    """Yield one recommendation for each kind of object that was skipped, and one for tables without their index.

    `names` are those of the run. `data_only`: how the application searches, and what else it has around its tables, is
    its own affair.
    """
    bare = [
        names.owned(item.name, item.owner)
        for item in objects
        if item.kind == "virtual" and item.state is ObjectState.CHANGED
    ]
    if bare:
        yield Recommendation(
            Urgency.SHOULD,
            f"Give {count(len(bare), 'table')} an index for search",
            f"{_listed(bare)}: the rows came along as plain tables, the full-text or R-Tree index of SQLite did not."
            " not_migrated.sql has a draft for each.",
        )
    skipped: dict[str, list[ObjectReport]] = {}
    for item in objects:
        # What a module keeps for itself is of no use without the module, and what was left out on purpose is where it
        # belongs: nothing to see to.
        on_purpose = item.kind.startswith("shadow") or left_out_on_request(item.kind, item.reason)
        if item.state is ObjectState.SKIPPED and not on_purpose:
            skipped.setdefault(_kind(item.kind), []).append(item)
    if data_only:
        yield from _search_advice(skipped.pop("virtual", ()), names)
    for kind, items in skipped.items():
        plural = _PLURALS.get(kind, kind + "s")
        yield Recommendation(
            Urgency.SHOULD,
            f"See to {count(len(items), _SINGULARS.get(kind, kind), plural)} that did not come along",
            f"{_listed([names.owned(item.name, item.owner) for item in items])}."
            f" {OBJECT_ADVICE.get(kind, _ANY_OBJECT)}",
        )
    if missing and not skipped:
        yield Recommendation(
            Urgency.SHOULD,
            "Add the constraints that are missing",
            "; ".join(f"{names.place(finding)}: {finding.message}" for finding in missing[:_OBJECTS_SHOWN]),
        )


def _search_advice(items: Sequence[ObjectReport], names: TableNames) -> Iterator[Recommendation]:
    """Yield what to do about tables of an application in which nothing of the source is found."""
    empty = [names.owned(item.name, item.owner) for item in items if STAYS_EMPTY in item.reason]
    if empty:
        yield Recommendation(
            Urgency.SHOULD,
            f"Let the application build {_listed(empty)} anew",
            f"{count(len(empty), 'table')} in which the application searches {'stands' if len(empty) == 1 else 'stand'}"
            " empty in PostgreSQL: what was written before the move is not found there. Start its own command for it,"
            " or bring the rows along: --tables names the table, and a mapping file the columns.",
        )
    others = [names.owned(item.name, item.owner) for item in items if STAYS_EMPTY not in item.reason]
    if others:
        yield Recommendation(
            Urgency.SHOULD,
            f"See to {count(len(others), 'virtual table')} that did not come along",
            f"{_listed(others)}. How the application searches in PostgreSQL is its own affair; see whether it has to"
            " build an index before the first search. The rows are in the source.",
        )
