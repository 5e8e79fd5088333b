"""The command `quarantine`: see, hand out, and try again what a run could not store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from producer.cli.command_options import json_flag, take_output, take_target, target_flags, verbose_flag
from producer.cli.option_values import split_names
from producer.cli.run_argument import run_argument

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from migration.ledger.quarantine_records import Quarantined
    from migration.ledger.run_records import RunRecord
    from migration.settings import Settings
    from migration.source_table_names import TableNames
    from migration.steps.quarantine_retry.retry_transaction import RetryResult
    from producer.cli.command_options import Output
    from producer.cli.target_options import Target

_SHOWN_CHARS = 60
_SHOWN_BYTES = 1_024


@click.group(
    epilog="Example: migration-cli quarantine list 0198c2 --target-url postgresql://me@host/shop",
    short_help="See, hand out and try again what a run could not store.",
)
def quarantine() -> None:
    """Rows that cannot be stored faithfully: where they are, why, and how they get in after all."""


def _tables_flag(command: Any) -> Any:
    return click.option(
        "--table",
        "tables",
        multiple=True,
        metavar="A,B",
        help="Only these tables; LABEL.TABLE: of one source.",
    )(command)


@quarantine.command(
    "list",
    epilog="Example: migration-cli quarantine list 0198c2 --table book --limit 10",
    short_help="The values in quarantine, and why they are there.",
)
@run_argument()
@_tables_flag
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="Values to list."
)
@click.option("--after", type=click.IntRange(0), default=0, metavar="ID", help="Go on after this value.")
@target_flags
@json_flag
@verbose_flag
def list_values(run: str, tables: tuple[str, ...], limit: int, after: int, **values: Any) -> int:
    """List values in quarantine with table, key, column, reason and beginning. RUN may be the beginning of its id."""
    from migration.ledger.quarantine_records import count_values, read_quarantine

    names = split_names(tables)
    with _opened(run, values) as (engine, record, target, _, output):
        with engine.connect() as connection:
            found = read_quarantine(
                connection,
                record.id,
                tables_named=names,
                after=after,
                limit=limit,
                original_bytes=_SHOWN_BYTES,
            )
            total = count_values(connection, record.id, names)
        following = found[-1].id if len(found) == limit else None
        if output.as_json:
            _print_json(record, found, total, following)
        else:
            _print_list(record, found, total, following, target)
    return 0


@quarantine.command(
    epilog="Example: migration-cli quarantine export 0198c2 rows.jsonl",
    short_help="Write them to a file, with their exact bytes.",
)
@run_argument()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_tables_flag
@target_flags
@verbose_flag
def export(run: str, file: Path, tables: tuple[str, ...], **values: Any) -> int:
    """Write all values in quarantine to FILE: .jsonl (bytes in base64) or .csv (bytes in hexadecimal)."""
    from migration.report.quarantine_export import export_quarantine
    from migration.report.text_formatting import count

    with _opened(run, values) as (engine, record, _, _, _):
        written = export_quarantine(engine, record.id, file, split_names(tables))
    click.echo(f"{count(written, 'value')} of run {record.id} in {file}.")
    return 0


@quarantine.command(
    epilog="Example: migration-cli quarantine retry 0198c2 --mapping shop.toml",
    short_help="Try to store the rows again, perhaps by other rules.",
)
@run_argument()
@click.option(
    "--mapping",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.toml",
    help="Rules for the rows, in place of those of the run.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder for the report, written anew.  [default: .convoy/reports/RUN]",
)
@target_flags
@json_flag
@verbose_flag
def retry(run: str, mapping: Path | None, **values: Any) -> int:
    """Store the rows in one transaction that commits only what is proved equal to the source."""
    from migration.steps.quarantine_retry.retry_transaction import retry_quarantine
    from producer.cli.output.report_output import renew_report

    rules = None
    if mapping is not None:
        from migration.mapping_file.mapping_file_reader import load_mapping

        rules = load_mapping(mapping)
    with _opened(run, values) as (engine, record, target, settings, output):
        result = retry_quarantine(engine, record.id, rules, settings=settings)
        report = renew_report(engine, record, target, settings, output.report, done="The rows are stored")
    if output.as_json:
        import msgspec

        answer = {"stored": result.stored, "remaining": result.remaining, **msgspec.to_builtins(result)}
        click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
    else:
        _print_result(result, record.options.table_names)
    return report.exit_status


@contextmanager
def _opened(run: str, values: dict[str, Any]) -> Iterator[tuple[Engine, RunRecord, Target, Settings, Output]]:
    from migration.ledger.run_records import find_run
    from producer.cli.cli_settings import read_settings
    from producer.cli.opened_ledger import opened_ledger
    from producer.cli.output.interrupted_run import speak_last_beside
    from producer.cli.target_options import reach

    settings = read_settings()
    target, output = take_target(values, settings), take_output(values)
    speak_last_beside(target, run)
    with reach(target, settings) as url, opened_ledger(url, may_make=False) as engine:
        yield engine, find_run(engine, run), target, settings, output


def _print_json(record: RunRecord, found: list[Quarantined], total: int, following: int | None) -> None:
    import msgspec

    from migration.report.quarantine_export import readable

    answer = {
        "run_id": record.id,
        "total": total,
        "next": following,
        "values": [
            {
                "id": entry.id,
                "source": entry.source,
                "table": entry.table,
                "key": entry.key,
                "column": entry.column,
                "storage_class": entry.storage_class.value,
                "reason": entry.reason,
                "original_bytes": entry.original_bytes,
                "beginning": readable(entry),
            }
            for entry in found
        ],
    }
    click.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))


def _print_list(
    record: RunRecord, found: list[Quarantined], total: int, following: int | None, target: Target
) -> None:
    from migration.report.quarantine_export import readable
    from migration.report.text_formatting import count, printable
    from producer.cli.output.command_lines import command_line

    if not found:
        click.echo("Nothing is in quarantine." if not total else "No more values.")
        return
    lines = [("ID", "TABLE", "KEY", "COLUMN", "CLASS", "REASON", "VALUE")]
    for entry in found:
        key = ", ".join("NULL" if part is None else str(part) for part in entry.key)
        lines.append(
            (
                str(entry.id),
                printable(record.options.table_names.table(entry.source, entry.table), _SHOWN_CHARS),
                printable(key, _SHOWN_CHARS),
                printable(entry.column, _SHOWN_CHARS),
                entry.storage_class.value,
                printable(entry.reason),
                printable(readable(entry), _SHOWN_CHARS),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())
    if following is not None:
        more = command_line(target, "quarantine", "list", record.id, "--after", str(following))
        click.echo(f"{count(total, 'value')} in all; go on with: {more}")


def _print_result(result: RetryResult, names: TableNames) -> None:
    from migration.report.text_formatting import count, printable

    if not result.tables:
        click.echo("Nothing is in quarantine.")
        return
    for table in result.tables:
        name = printable(names.table(table.source, table.name))
        if table.stored:
            proof = (
                f"but values of them cannot be had back ({printable(', '.join(table.lost))}),"
                " and nobody has signed for that"
                if table.lost
                else "and proved equal; the rest of the table has been written to since the cutover"
                if table.written_since
                else "and the table proved equal"
            )
            click.echo(f"{name}: {count(table.stored, 'row')} stored, {proof}.")
        for reason, rows in table.reasons.items():
            verb = "stays" if rows == 1 else "stay"
            click.echo(f"{name}: {count(rows, 'row')} {verb} in quarantine: {printable(reason)}")
    if not result.stored:
        click.echo("Nothing could be stored: the rows still cannot be stored by these rules.")
    elif not result.remaining:
        click.echo(f"Nothing is left in quarantine; the run is {result.phase.value.replace('_', ' ')}.")
