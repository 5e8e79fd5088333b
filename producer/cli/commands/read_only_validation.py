"""Validation by a role that may only read: in this process, and nothing is written to the target, no ledger either."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
import msgspec
from psycopg.conninfo import conninfo_to_dict

from migration.convoy_error import NextStep
from migration.errors import UsageError
from migration.mapping_file.loss_signatures import check_signatures
from migration.report.text_formatting import count, printable
from migration.schema_translation.table_selection import check_names
from migration.source.schema_reading.schema_introspection import read_schema
from migration.source.snapshots.snapshot_creation import take_snapshot
from migration.target.sql_statements import quoted
from migration.validation.database_comparison import TableValidation, validate_database
from producer.cli.target_options import reach

if TYPE_CHECKING:
    from migration.model import RunOptions
    from migration.settings import Settings
    from producer.cli.command_options import Output
    from producer.cli.target_options import Target

_EQUAL, _DIFFERENT = 0, 1


def validate_reading_only(options: RunOptions, target: Target, settings: Settings, output: Output) -> int:
    """Compare every source with the target and return the exit status: 0 equal, 1 findings.

    Raises:
        SourceError: a source cannot be read.
        TargetError: the target cannot be read.
        UsageError: a report is asked for, which is made from a ledger; a table is named that is not there.
    """
    if output.report is not None:
        raise UsageError(
            "A report is made from the ledger, and this role may not create one",
            setting="--report",
            remedy="Leave --report out, or grant CREATE on the database",
            next_steps=_grant(target),
        )
    folder = settings.snapshot_dir.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    # No run will need these snapshots.
    with reach(target, settings) as url, TemporaryDirectory(prefix=".validating-", dir=folder) as private:
        paths: dict[str, Path] = {}
        for source in options.sources:
            snapshot = take_snapshot(source, Path(private), salvage=options.salvage)
            for damage in snapshot.damage:
                click.echo(f"  ! {printable(damage.table)}: {printable(damage.message)}", err=True)
            paths[source.label] = snapshot.path
        schemas = [(label, read_schema(path)) for label, path in paths.items()]
        check_names(schemas, options)
        check_signatures(schemas, options)
        for label, path in paths.items():
            show = None if output.as_json else _show
            results.append(validate_database(path, label, url, options, show))
    if output.as_json:
        click.echo(msgspec.json.encode(results))
    equal = all(result.equal for result in results)
    tables = sum(len(result.tables) for result in results)
    found = [f for result in results for f in result.findings if not f.accepted_by]
    accepted = [f for result in results for f in result.findings if f.accepted_by]
    if not output.as_json:
        verdict = "Proved: both sides are equal" if equal else "Different: the two sides do not hold the same"
        click.echo(f"{verdict}; {count(tables, 'table')} compared, {count(len(found), 'finding')}.")
        for finding in accepted:
            click.echo(
                f"  signed for by {finding.accepted_by}: {finding.table}: {printable(finding.message)}"
            )
    return _EQUAL if equal and not found else _DIFFERENT


def _grant(target: Target) -> tuple[NextStep, ...]:
    """Return the statement that lets the role make a ledger, where the target names database and role."""
    parts = {} if target.is_embedded else conninfo_to_dict(target.url)
    role, database = parts.get("user"), parts.get("dbname") or parts.get("user")
    if not role or not database:
        return ()
    grant = f"GRANT CREATE ON DATABASE {quoted(str(database))} TO {quoted(str(role))}"
    return (NextStep("Let the role create the ledger", grant),)


def _show(table: TableValidation) -> None:
    digests = (table.digest_source, table.digest_target)
    sums = " | ".join(digest.checksum if digest else "none" for digest in digests)
    rows = f"{table.rows_source:,} | {'none' if table.rows_target is None else f'{table.rows_target:,}'} rows"
    click.echo(f"{'=' if table.equal else '≠'} {printable(table.name)}  {rows}  MD5 {sums}")
    for finding in (f for f in table.findings if not f.accepted_by):
        key = f" at {printable(finding.key)}" if finding.key else ""
        click.echo(f"    {finding.kind}{key}: {printable(finding.message)}")
