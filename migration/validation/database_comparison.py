"""Compare a SQLite database with tables that already stand in PostgreSQL, whoever put them there. Needs no ledger."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from migration.mapping_file.mapping_file_application import apply_mapping, check_mapping
from migration.model import Digest, Finding, FindingKind, IfExists, KeyRange
from migration.schema_translation.source_plan import ProfiledSource
from migration.schema_translation.table_selection import leaves_out, select_tables, views_left_out
from migration.source.row_reading.column_profile import profile_range
from migration.source.row_reading.mapping_expression_check import check_expressions
from migration.source.row_reading.snapshot_reader import SnapshotReader
from migration.source.schema_reading.schema_introspection import read_schema
from migration.sqlite_names import folded
from migration.target.loading.table_readback import TargetReader
from migration.target.missing_rights import read_rights, refuse_lacking
from migration.target.pg_catalog.existing_table_plans import ExistingTable, read_existing, table_names
from migration.target.pg_catalog.inherited_rows import inherited_rows
from migration.target.pg_catalog.source_name_matching import match_items, match_names
from migration.target.pg_catalog.table_shapes import read_shapes
from migration.target.target_connection import make_engine
from migration.validation.row_comparison import compare_rows
from migration.validation.row_digest import DigestSum
from migration.validation.row_hashing import Algorithm
from migration.validation.schema.schema_verdict import SchemaComparison, compare_schema
from migration.validation.schema.wanted_shapes import may_build
from migration.validation.schema_comparison import column_findings, key_findings
from migration.validation.server_opinion import ServerOpinion
from migration.validation.source_side_rows import SourceSide
from migration.value_conversion.batch_conversion import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import ColumnProfile, TablePlan
    from migration.run_options import RunOptions
    from migration.source.source_budget import SourceBudget
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
    equal: bool | None
    """None where it could not be compared: rows are hidden."""
    seconds: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """The verdict on a database."""

    source_label: str
    tables: tuple[TableValidation, ...]
    schema_findings: tuple[Finding, ...] = ()
    """None of these says anything of rows or values."""
    schema_checked: Mapping[str, int] = field(default_factory=dict)
    """Table → columns, keys, constraints, indexes and views that were compared; a table that is not in it was not."""

    @property
    def equal(self) -> bool:
        """Whether every row of every table stands in the target, and no others."""
        return all(table.equal for table in self.tables)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, table by table, then those about the schema."""
        rows = (finding for table in self.tables for finding in table.findings)
        return (*rows, *self.schema_findings)


def validate_database(
    source_path: Path,
    source_label: str,
    target_url: str,
    options: RunOptions,
    on_table: Callable[[TableValidation], None] | None = None,
    expected: Collection[str] = (),
    budget: SourceBudget | None = None,
) -> ValidationResult:
    """Compare every table of a source with the table of its name in the target.

    Names are paired whatever identifier policy made them. Only reads, on both sides.

    Args:
        source_path: a snapshot; it must not change meanwhile.
        source_label: names the source; the target schema too, where `options.schema_per_source` is set.
        target_url: a libpq URL with its password.
        options: those of the migration. `target_schema`, `schema_per_source`, `tables`, `exclude`, `catalog`,
            `source_timezone`, `batch_rows`, `mapping` (the source is compared as the mapping file makes it; types are
            those that stand in the target), and `data_only`: keys and indexes are the application's own affair, and
            with `if_exists` merge rows of the target alone, too.
        on_table: called after each table.
        expected: tables and views of the other sources of the run, which may stand in the same schema.
        budget: what the mapping's expressions may cost; None where they were tried on this snapshot before.

    Raises:
        SourceError: the snapshot cannot be read.
        TargetPermissionError: the role may not read what is to be compared.
        UsageError: the mapping file does not fit the source.
        TargetError, RetryableError: the target cannot be read.
    """
    schema = source_label if options.schema_per_source else options.target_schema
    declared = _declared(source_path, source_label, options, budget)
    wanted = select_tables(source_label, declared, options)
    with ExitStack() as stack:
        engine = make_engine(target_url, "convoy validate")
        stack.callback(engine.dispose)
        reader = stack.enter_context(SnapshotReader(source_path))
        target = stack.enter_context(TargetReader(target_url))
        connection = stack.enter_context(engine.connect())
        standing = table_names(connection, schema)
        names = match_items(wanted, standing)
        _check_rights(connection, schema, wanted, names, options, source_label)
        job = _Job(source_label, schema, names, options, reader, target, connection)
        results = []
        for table in wanted:
            result = job.validate(table)
            result = replace(result, findings=tuple(found.of(source_label) for found in result.findings))
            results.append(result)
            if on_table is not None:
                on_table(result)
        compared = SchemaComparison()
        if not options.data_only:
            # Names that the source has and the run leaves out belong to it all the same.
            views_away = views_left_out(declared, wanted)
            objects = tuple(item for item in declared.objects if folded(item.name) not in views_away)
            referred_to = _parents(declared, wanted)
            named = [*(t.name for t in declared.tables), *(o.name for o in declared.objects), *expected]
            known = match_names(named, standing).values()
            compared = compare_schema(
                connection,
                ProfiledSource(
                    source_label,
                    replace(declared, tables=(*wanted, *referred_to), objects=objects),
                    job.profiles,
                ),
                {name: target for name, target in names.items() if name in job.profiles},
                schema,
                options,
                left_out=job.left_out,
                expected=list(known),
                parents=match_items(referred_to, standing),
            )
    # In a schema of several sources, what none of them has belongs to none.
    is_alone = options.schema_per_source or len(options.sources) <= 1
    found = [
        one if one.kind is FindingKind.EXTRA_TABLE and not is_alone else one.of(source_label)
        for one in compared.findings
    ]
    return ValidationResult(source_label, tuple(results), tuple(found), compared.checked)


def _check_rights(
    connection: Connection,
    schema: str,
    tables: Sequence[SourceTable],
    names: Mapping[str, str],
    options: RunOptions,
    label: str,
) -> None:
    """Raise a TargetPermissionError where the role may not read what is to be compared; it has the GRANTs to type."""
    unread = {
        names[table.name]: {
            folded(column.name)
            for column in table.columns
            if leaves_out(options, label, table.name, column.name)
        }
        for table in tables
        if table.name in names
    }
    refuse_lacking(connection, read_rights(connection, schema, unread), schema=schema)


def _declared(
    source_path: Path, source_label: str, options: RunOptions, budget: SourceBudget | None
) -> SourceSchema:
    schema = read_schema(source_path)
    if options.mapping is None:
        return schema
    if len(options.sources) <= 1:  # of several sources, each has only some of the tables that the file names
        check_mapping([(source_label, schema)], options)
    overlaid = apply_mapping(schema, source_label, options.mapping)
    check_expressions(source_path, overlaid, options.mapping.name, budget)
    return overlaid


def _parents(declared: SourceSchema, wanted: Sequence[SourceTable]) -> list[SourceTable]:
    """Return the tables that are not compared and to which foreign keys of those refer that are."""
    compared = {folded(table.name) for table in wanted}
    named = {folded(key.parent_table) for table in wanted for key in table.foreign_keys} - compared
    return [table for table in declared.tables if folded(table.name) in named]


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
    profiles: dict[str, Mapping[str, ColumnProfile]] = field(default_factory=dict)
    """What the columns of the tables hold that were compared, by the table's name."""
    left_out: dict[str, frozenset[str]] = field(default_factory=dict)
    """Columns of the target that are not to be compared, by the name of the table in the source."""

    def validate(self, table: SourceTable) -> TableValidation:
        """Compare one table."""
        started = time.monotonic()
        context = Context(self.options.source_timezone, ask_server=ServerOpinion(self.connection.engine))
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
        self.profiles[table.name] = profiles
        existing = self._existing(table, name, profiles)
        findings = column_findings(table, existing)
        if not self.options.data_only and not may_build(self.connection):
            findings += key_findings(table, existing, self.names)  # the little that needs no table of ours
        (shape,) = read_shapes(self.connection, self.schema, [name]).values()
        findings += inherited_rows(self.connection, table.name, shape.oid)
        self.connection.rollback()  # the catalog has been read: no transaction stays open during long reads
        if shape.hides_rows:
            message = "Row level security hides rows from the role that reads, so they cannot be compared"
            findings.append(Finding(FindingKind.HIDDEN_ROWS, table.name, message))
            rows = max((sum(profile.counts.values()) for profile in profiles.values()), default=0)
            seconds = time.monotonic() - started
            return TableValidation(
                table.name, self.schema, name, rows, None, 0, None, None, None, seconds, tuple(findings)
            )
        source = SourceSide(self.reader, table, existing.plan, profiles, self.options, self.connection)
        digest_source = _digest(source.batches(), existing.plan)

        def standing() -> Iterator[pa.RecordBatch]:
            return self.target.batches(self.schema, existing.plan, only=shape.kind == "r")

        digest_target = _digest(standing(), existing.plan)
        findings += source.findings()
        rows = digest_source.rows + source.unfit
        may_have_more = self.options.data_only and self.options.if_exists is IfExists.MERGE
        if rows > digest_target.rows or (rows < digest_target.rows and not may_have_more):
            message = f"{rows:,} rows in the source, {digest_target.rows:,} in the target"
            findings.append(Finding(FindingKind.ROW_COUNT, table.name, message))
        apart: list[Finding] = []
        if digest_source != digest_target:
            apart = compare_rows(
                source.batches, standing, existing.plan, _ROWS_NAMED, may_have_more=may_have_more
            )
        findings += apart
        return TableValidation(
            name=table.name,
            target_schema=self.schema,
            target_name=name,
            rows_source=rows,
            rows_target=digest_target.rows,
            rows_unfit=source.unfit,
            digest_source=digest_source,
            digest_target=digest_target,
            equal=(digest_source == digest_target or (may_have_more and not apart))
            and not any(finding.is_error and not finding.accepted_by for finding in findings),
            seconds=time.monotonic() - started,
            findings=tuple(findings),
        )

    def _existing(
        self, table: SourceTable, name: str, profiles: Mapping[str, ColumnProfile]
    ) -> ExistingTable:
        """Return the target's table with the columns that are to be compared.

        Those that `--exclude` names are not.
        """
        found = read_existing(self.connection, self.schema, name, table, profiles, self.source_label)
        left_out = {
            column.name
            for column in table.columns
            if leaves_out(self.options, self.source_label, table.name, column.name)
        }
        columns_out = {
            c.target_name for c in (*found.plan.columns, *found.text_columns) if c.name in left_out
        }
        self.left_out[table.name] = frozenset(columns_out)
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
