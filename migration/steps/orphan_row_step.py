"""Before the rows of a source are copied: find those that point nowhere, and note what is to become of them."""

from __future__ import annotations

import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Final

import duckdb
from sqlalchemy import Connection

from migration.errors import DiskError
from migration.full_disk import is_full
from migration.full_disk_errors import TemporaryDiskFullError
from migration.ledger.chunk_records import read_ranges, save_orphans
from migration.ledger.run_results import add_findings
from migration.ledger.step_records import Step
from migration.ledger.table_records import read_tables
from migration.mapping_file_model import OnOrphan
from migration.model import (
    ColumnPlan,
    ColumnProfile,
    Finding,
    FindingKind,
    Mode,
    Orphans,
    StorageClass,
    ValueKind,
)
from migration.owned_folders import owned_folder
from migration.schema_translation.foreign_keys import Reference
from migration.source_schema import SourceTable
from migration.source_table_names import errors_of_source
from migration.steps.orphan_references import NO_SUCH_KEY, searched
from migration.steps.rejection_spool import TEMPORARY_REMEDY
from migration.steps.step_context import PlannedTable, StepContext
from migration.steps.step_outcome import StepOutcome
from migration.target.application_tables.standing_foreign_keys import standing_parents
from migration.validation.orphan_row_search import Found, OrphanSearch
from migration.validation.server_opinion import ServerOpinion
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.batch_size import batch_rows
from migration.value_conversion.row_key import storable_key
from migration.writable_folders import temporary_place

_ROWS_AT_ONCE: Final = 65_536
_SAMPLES: Final = 3


def find_orphans(context: StepContext, connection: Connection, step: Step) -> StepOutcome:
    """Search one source; its chunks then know their orphan rows, and the run has a finding for each foreign key.

    Raises:
        PermanentError: there is no room for what has to be joined.
        SourceCorruptError: SQLite cannot read the rows.
    """
    source_id = step.spec["source_id"]
    records = read_tables(connection, step.run_id)
    tables = {
        table.name: context.planned_table(connection, step.run_id, table.id)
        for table in records
        if table.source_id == source_id
    }
    run = context.run(connection, step.run_id)
    wanted = searched(
        connection,
        [table.declared for table in tables.values()],
        {name: table.plan for name, table in tables.items()},
        run.options,
        [table.plan for table in records if table.plan is not None],
    )
    plans: dict[str, Mapping[str, ColumnPlan]] = dict(wanted.standing_alone)
    plans |= {name: {column.name: column for column in table.plan.columns} for name, table in tables.items()}
    keys = dict.fromkeys(wanted.standing_alone, (0, False))
    keys |= {name: _key_parts(table.declared) for name, table in tables.items()}
    findings: list[Finding] = []
    label = next((table.plan.source_label for table in tables.values()), "")
    try:
        with (
            errors_of_source(run.options.table_names.label(label)),
            owned_folder(temporary_place(), "convoy-orphans-") as folder,
            OrphanSearch(wanted.references, plans, keys, folder) as search,
        ):
            for name in search.tables:
                if name in tables:
                    _read(context, connection, tables[name], search)
            for reference, key in wanted.beside.items():
                theirs = [plans[reference.parent][name] for name in reference.parent_columns]
                search.add_standing(reference, partial(standing_parents, connection, key, theirs))
            search.solve()
            _note(connection, search)
            for reference in wanted.references:
                found = search.found(reference, _SAMPLES)
                if found.rows and not _is_told_by_quarantine(reference):
                    findings.append(_finding(reference, found, run.options.mode).of(label))
    except (duckdb.Error, sqlite3.Error, OSError) as error:
        what = f"The search for orphan rows cannot go on: {error}"
        if is_full(error):
            raise TemporaryDiskFullError(what, file=tempfile.gettempdir(), remedy=TEMPORARY_REMEDY) from error
        raise DiskError(
            what, file=tempfile.gettempdir(), remedy="Mend that disk, or set TMPDIR to another, and resume"
        ) from error
    add_findings(connection, run.id, findings)
    return StepOutcome({"orphans": len(findings)})


def _note(connection: Connection, search: OrphanSearch) -> None:
    for name in search.tables:
        of_chunks: dict[int, list[Orphans]] = defaultdict(list)
        for chunk, reference, rows in search.marked(name):
            keys = tuple(storable_key(key) for key in rows)
            of_chunks[chunk].append(
                Orphans(reference.columns, reference.parent, reference.action, keys, reference.reason)
            )
        for chunk, found in of_chunks.items():
            save_orphans(connection, chunk, found)


def _key_parts(table: SourceTable) -> tuple[int, bool]:
    if table.rowid_name is not None:
        return 1, True
    return (len(table.primary_key) if table.without_rowid else 0), False


def _read(context: StepContext, connection: Connection, table: PlannedTable, search: OrphanSearch) -> None:
    compared = search.columns_of(table.plan.name)
    columns = [
        column
        for column in table.plan.columns
        if column.name in compared
        or (column.generated_sql is None and _may_reject(column, table.profile[column.name]))
    ]
    profile = {column.name: table.profile[column.name] for column in columns}
    converter = Converter(
        columns, Context(table.run.options.source_timezone, ask_server=ServerOpinion(context.engine)), profile
    )
    classes = {name: known.classes for name, known in profile.items()}
    reader = context.snapshot_reader(table.source)
    size = batch_rows(_ROWS_AT_ONCE, profile.values())
    for chunk, key_range in read_ranges(connection, table.id):
        for raw in reader.batches(table.declared, classes, key_range, size):
            converted = converter.convert(raw)
            keys = raw.keys if converted.kept is None else [key.filter(converted.kept) for key in raw.keys]
            search.add(table.plan.name, chunk, keys, converted.batch)


def _may_reject(column: ColumnPlan, profile: ColumnProfile) -> bool:
    """Tell whether some value of a column might send its row to the quarantine: then it is no parent either."""
    if column.not_null and (profile.count(StorageClass.NULL) or profile.empty_texts or profile.texts_to_null):
        return True
    for storage_class in profile.classes:
        plain = column.kind is ValueKind.TEXT and column.target_type == "text"
        if storage_class is StorageClass.TEXT and plain:
            if profile.bad_utf8_texts or column.rules.get(storage_class) is None:
                return True
        elif profile.accepted.get(storage_class, 0) < profile.count(storage_class):
            return True
    return False


def _finding(reference: Reference, found: Found, mode: Mode) -> Finding:
    shown = "; ".join(
        ", ".join(f"{name} = {value}" for name, value in zip(reference.columns, values, strict=True))
        + (f" in row {', '.join(map(str, key))}" if key else "")
        for values, key in found.sample
    )
    rows = "1 row has" if found.rows == 1 else f"{found.rows:,} rows have"
    return Finding(
        FindingKind.ORPHAN_ROWS,
        reference.child,
        f"{rows} no parent row in {reference.target}, for example {shown}: {_fate(reference, mode)}",
        column=", ".join(reference.columns),
        is_error=False,
    )


def _is_told_by_quarantine(reference: Reference) -> bool:
    """Tell whether rows leave as they will in the run, by the server's word alone."""
    return bool(reference.reason) and reference.action is OnOrphan.QUARANTINE


def _fate(reference: Reference, mode: Mode) -> str:
    is_trial = mode is Mode.DRY_RUN
    names = ", ".join(reference.columns)
    match reference.action:
        case OnOrphan.QUARANTINE:
            return "they would go to the quarantine" if is_trial else "they went to the quarantine"
        case OnOrphan.SET_NULL:
            return f"{names} would become NULL in them" if is_trial else f"{names} became NULL in them"
        case OnOrphan.NOT_VALID if reference.reason:
            return f"the run would refuse them ({reference.reason}); {reference.refusal}"
        case OnOrphan.NOT_VALID if reference.refusal == NO_SUCH_KEY:
            return f"they would be loaded, since {reference.refusal}"
        case OnOrphan.NOT_VALID:
            left = "they would stay, and the constraint would be NOT VALID: it would hold for new rows only"
            return f"{left}; {reference.refusal}" if reference.refusal else left
