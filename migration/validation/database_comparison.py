"""Compare a SQLite database with tables that already stand in PostgreSQL, whoever put them there. Needs no ledger."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from migration.mapping_file.mapping_file_application import apply_mapping, check_mapping
from migration.model import Digest, Finding, FindingKind, KeyRange
from migration.schema_translation.table_selection import leaves_out, select_tables
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.mapping_expression_check import check_expressions
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.target.loading.index_and_constraint_creation import sequence_problems
from migration.target.loading.table_readback import TargetReader
from migration.target.pg_catalog.application_table_facts import read_application_tables
from migration.target.pg_catalog.existing_table_plans import ExistingTable, read_existing, table_names
from migration.target.pg_catalog.source_name_matching import match_items
from migration.target.target_connection import make_engine
from migration.validation.row_comparison import compare_rows
from migration.validation.row_digest import DigestSum
from migration.validation.row_hashing import Algorithm
from migration.validation.schema_comparison import compare_structure
from migration.validation.source_side_rows import SourceSide
from migration.value_conversion.batch_conversion import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import ColumnProfile, RunOptions, TablePlan
    from migration.source_schema import SourceSchema, SourceTable

_ROWS_NAMED: Final = 20


@dataclass(frozen=True, slots=True)
class TableValidation:
    """The verdict on one table. Digests are MD5 sums; `rows_unfit` of `rows_source` cannot stand in the target."""

    name: str
    target_schema: str
    target_name: str | None
    rows_source: int
    rows_target: int | None
    rows_unfit: int
    digest_source: Digest | None
    digest_target: Digest | None
    equal: bool
    seconds: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The verdict on a database."""

    source_label: str
    tables: tuple[TableValidation, ...]

    @property
    def equal(self) -> bool:
        """Whether every row of every table stands in the target, and no others."""
        return all(table.equal for table in self.tables)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, table by table."""
        return tuple(finding for table in self.tables for finding in table.findings)


def validate_database(
    source_path: Path,
    source_label: str,
    target_url: str,
    options: RunOptions,
    on_table: Callable[[TableValidation], None] | None = None,
) -> ValidationResult:
    """Compare every table of a source with the table of its name in the target.

    Names are paired whatever identifier policy made them. Only reads, on both sides.

    Args:
        source_path: a snapshot; it must not change meanwhile.
        source_label: names the source; the target schema too, where `options.schema_per_source` is set.
        target_url: a libpq URL with its password.
        options: those of the migration. `target_schema`, `schema_per_source`, `tables`, `exclude`, `catalog`,
            `source_timezone`, `batch_rows`, `mapping` (the source is compared as the mapping file makes it; types are
            those that stand in the target), and `data_only`: keys and indexes are the application's own affair.
        on_table: called after each table.

    Raises:
        SourceError: the snapshot cannot be read.
        UsageError: the mapping file does not fit the source.
        TargetError, RetryableError: the target cannot be read.
    """
    schema = source_label if options.schema_per_source else options.target_schema
    wanted = select_tables(source_label, _declared(source_path, source_label, options), options)
    with ExitStack() as stack:
        engine = make_engine(target_url, "convoy validate")
        stack.callback(engine.dispose)
        reader = stack.enter_context(SnapshotReader(source_path))
        target = stack.enter_context(TargetReader(target_url))
        connection = stack.enter_context(engine.connect())
        standing = table_names(connection, schema)
        names = match_items(wanted, standing)
        job = _Job(source_label, schema, names, options, reader, target, connection)
        results = []
        for table in wanted:
            result = job.validate(table)
            results.append(result)
            if on_table is not None:
                on_table(result)
    return ValidationResult(source_label, tuple(results))


def _declared(source_path: Path, source_label: str, options: RunOptions) -> SourceSchema:
    schema = read_schema(source_path)
    if options.mapping is None:
        return schema
    if len(options.sources) <= 1:  # of several sources, each has only some of the tables that the file names
        check_mapping([(source_label, schema)], options)
    overlaid = apply_mapping(schema, source_label, options.mapping)
    check_expressions(source_path, overlaid, options.mapping.name)
    return overlaid


@dataclass(frozen=True, slots=True)
class _Job:
    """One comparison of a database: the open connections, and what holds for all tables."""

    source_label: str
    schema: str
    names: Mapping[str, str]
    options: RunOptions
    reader: SnapshotReader
    target: TargetReader
    connection: Connection

    def validate(self, table: SourceTable) -> TableValidation:
        """Compare one table."""
        started = time.monotonic()
        context = Context(self.options.source_timezone)
        profiles = profile_range(self.reader, table, KeyRange(), context)
        name = self.names.get(table.name)
        if name is None:
            rows = max((sum(profile.counts.values()) for profile in profiles.values()), default=0)
            message = f"The schema {self.schema} has no table for {table.name}"
            missing = Finding(FindingKind.MISSING_TABLE, table.name, message)
            seconds = time.monotonic() - started
            return TableValidation(
                table.name, self.schema, None, rows, None, 0, None, None, False, seconds, (missing,)
            )
        existing = self._existing(table, name, profiles)
        sequences = sequence_problems(self.connection, self.schema, name)
        findings = compare_structure(table, existing, self.names, sequences, rows_only=self.options.data_only)
        self.connection.rollback()  # the catalog has been read: no transaction stays open during long reads
        source = SourceSide(self.reader, table, existing.plan, profiles, self.options, self.connection)
        digest_source = _digest(source.batches(), existing.plan)
        digest_target = _digest(self.target.batches(self.schema, existing.plan), existing.plan)
        findings += source.findings()
        rows = digest_source.rows + source.unfit
        if rows != digest_target.rows:
            message = f"{rows:,} rows in the source, {digest_target.rows:,} in the target"
            findings.append(Finding(FindingKind.ROW_COUNT, table.name, message))
        if digest_source != digest_target:
            findings += compare_rows(
                source.batches,
                lambda: self.target.batches(self.schema, existing.plan),
                existing.plan,
                _ROWS_NAMED,
            )
        return TableValidation(
            name=table.name,
            target_schema=self.schema,
            target_name=name,
            rows_source=rows,
            rows_target=digest_target.rows,
            rows_unfit=source.unfit,
            digest_source=digest_source,
            digest_target=digest_target,
            equal=digest_source == digest_target
            and not any(finding.is_error and not finding.accepted_by for finding in findings),
            seconds=time.monotonic() - started,
            findings=tuple(findings),
        )

    def _existing(
        self, table: SourceTable, name: str, profiles: Mapping[str, ColumnProfile]
    ) -> ExistingTable:
        """Return the target's table with the columns that are to be compared.

        Those that `--exclude` names are not, nor, where an application computes values, what it computes.
        """
        found = read_existing(self.connection, self.schema, name, table, profiles, self.source_label)
        left_out = {
            column.name
            for column in table.columns
            if leaves_out(self.options, self.source_label, table.name, column.name)
        }
        if self.options.data_only:
            standing = read_application_tables(self.connection, self.schema, [name]).get(name)
            generated = {c.name for c in standing.columns if c.is_generated} if standing else set()
            left_out |= {
                column.name
                for column in (*found.plan.columns, *found.text_columns)
                if column.target_name in generated
            }
        # In the type that stands there, as which the server writes them.
        cast = tuple(replace(column, target_type=column.cast_to) for column in found.text_columns)
        columns = tuple(c for c in (*found.plan.columns, *cast) if c.name not in left_out)
        compared = {column.name for column in columns}
        return replace(
            found,
            plan=replace(
                found.plan,
                columns=columns,
                key=found.plan.key if set(found.plan.key) <= compared else (),
            ),
            missing_columns=tuple(c for c in found.missing_columns if c not in left_out),
            foreign_columns=tuple(
                (column, kind)
                for column, kind in found.foreign_columns
                if column not in left_out and column not in compared
            ),
        )


def _digest(batches: Iterator[pa.RecordBatch], plan: TablePlan) -> Digest:
    total = DigestSum(Algorithm.MD5)
    for batch in batches:
        total.add(batch, plan.copied_columns)
    return total.digest()
