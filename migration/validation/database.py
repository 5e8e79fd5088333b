"""Compare a SQLite database with tables that already stand in PostgreSQL, whoever put them there. Needs no ledger."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from migration.mapping.convert import Context, Converter
from migration.mapping.overlay import check_mapping, overlay
from migration.mapping.select import stays_out
from migration.model import Digest, Finding, FindingKind, KeyRange
from migration.source.expressions import check_expressions
from migration.source.introspect import read_schema
from migration.source.profile import profile_range
from migration.source.reader import SnapshotReader
from migration.target.connect import make_engine
from migration.target.existing import match_names, read_existing, renames, table_names
from migration.target.objects import sequence_problems
from migration.target.readback import TargetReader
from migration.validation.compare import compare_rows
from migration.validation.digest import DigestSum
from migration.validation.hashing import Algorithm
from migration.validation.structure import compare_structure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pyarrow as pa
    from sqlalchemy import Connection

    from migration.model import ColumnProfile, Rejection, RunOptions, SourceSchema, SourceTable, TablePlan

_ROWS_NAMED: Final = 20
_VALUES_NAMED: Final = 5
_BATCH_BYTES: Final = 8 << 20


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
        options: `target_schema`, `schema_per_source`, `tables`, `exclude`, `source_timezone`, `batch_rows`, `mapping`
            (the source is compared as the mapping file makes it; types are those that stand in the target).
        on_table: called after each table.

    Raises:
        SourceError: the snapshot cannot be read.
        UsageError: the mapping file does not fit the source.
        TargetError, RetryableError: the target cannot be read.
    """
    schema = source_label if options.schema_per_source else options.target_schema
    wanted = [
        table
        for table in _declared(source_path, source_label, options).tables
        if not (options.data_only and not options.tables and stays_out(table))
        and (not options.tables or table.name in options.tables)
        and table.name not in options.exclude
    ]
    with ExitStack() as stack:
        engine = make_engine(target_url, "convoy validate")
        stack.callback(engine.dispose)
        reader = stack.enter_context(SnapshotReader(source_path))
        target = stack.enter_context(TargetReader(target_url))
        connection = stack.enter_context(engine.connect())
        standing = table_names(connection, schema)
        names = match_names([table.name for table in wanted], standing, renames(wanted))
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
    overlaid = overlay(schema, source_label, options.mapping)
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
        existing = read_existing(self.connection, self.schema, name, table, profiles, self.source_label)
        findings = compare_structure(
            table, existing, self.names, sequence_problems(self.connection, self.schema, name)
        )
        self.connection.rollback()  # the catalog has been read: no transaction stays open during long reads
        source = _SourceSide(self, table, existing.plan, profiles)
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
            equal=digest_source == digest_target and not any(finding.is_error for finding in findings),
            seconds=time.monotonic() - started,
            findings=tuple(findings),
        )


class _SourceSide:
    """The source's rows as the target's columns would hold them; what they cannot hold is counted and left out."""

    def __init__(
        self,
        job: _Job,
        table: SourceTable,
        plan: TablePlan,
        profiles: Mapping[str, ColumnProfile],
    ) -> None:
        self._job = job
        self._table = table
        self._columns = plan.copied_columns
        self._classes = {column.name: profiles[column.name].classes for column in self._columns}
        longest = sum(max(profiles[column.name].longest_bytes, 8) for column in self._columns)
        self._batch_rows = max(1, min(job.options.batch_rows, _BATCH_BYTES // max(longest, 1)))
        self.unfit = 0
        self._rejected: dict[str, list[Rejection]] = {}
        self._counts: Counter[str] = Counter()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Read the table; `unfit` then tells how many rows were left out."""
        converter = Converter(self._columns, Context(self._job.options.source_timezone))
        self.unfit = 0
        self._rejected.clear()
        self._counts.clear()
        for raw in self._job.reader.batches(self._table, self._classes, KeyRange(), self._batch_rows):
            converted = converter.convert(raw)
            self.unfit += converted.rows_rejected
            for rejection in converted.rejections:
                self._counts[rejection.column] += 1
                if self._counts[rejection.column] <= _VALUES_NAMED:
                    self._rejected.setdefault(rejection.column, []).append(rejection)
            yield converted.batch

    def findings(self) -> list[Finding]:
        """Return one finding for each column whose PostgreSQL type cannot hold some of the source's values."""
        types = {column.name: column.target_type for column in self._columns}
        return [
            Finding(
                FindingKind.TYPE_MISMATCH,
                self._table.name,
                f"{self._counts[name]:,} values cannot stand in a column of type {types[name]}: "
                + "; ".join(f"key {', '.join(map(str, r.key))}: {r.reason}" for r in rejections),
                name,
            )
            for name, rejections in self._rejected.items()
        ]


def _digest(batches: Iterator[pa.RecordBatch], plan: TablePlan) -> Digest:
    total = DigestSum(Algorithm.MD5)
    for batch in batches:
        total.add(batch, plan.copied_columns)
    return total.digest()
