"""The report as a colleague would say it in a terminal: the verdict first, then only what matters.

Nothing of a stranger's database is ever read as rich markup: values travel as `Text`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, JustifyMethod
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from migration.finding_kinds import FindingWeight
from migration.model import Mode, ObjectState
from migration.name_lists import some
from migration.report.loss_advice import fold_losses
from migration.report.report_model import ObjectScore, Recommendation, Report, TableReport, Urgency
from migration.report.text_formatting import count, duration, phrase, size
from migration.report.verdict_model import PartState, VerdictLevel
from migration.report.verdict_parts import describe_part
from migration.target.application_tables.data_only_plan import STANDS_ALREADY

TABLES_SHOWN = 40
"""More than a screen or two of equal tables says nothing; those with trouble are always shown."""
SAMPLES_SHOWN = 8
FINDINGS_SHOWN = 12
OBJECTS_SHOWN = 12
COMMANDS_SHOWN = 4
DDL_SHOWN = 3

_STYLES = {
    VerdictLevel.PROVED: "bold green",
    VerdictLevel.ATTENTION: "bold yellow",
    VerdictLevel.FAILED: "bold red",
    VerdictLevel.NEUTRAL: "bold cyan",
}
_MARKS = {
    VerdictLevel.PROVED: "✔",
    VerdictLevel.ATTENTION: "!",
    VerdictLevel.FAILED: "✘",
    VerdictLevel.NEUTRAL: "•",
}
_PART_MARKS = {
    PartState.EQUAL: ("✔", "green"),
    PartState.DIFFERS: ("✘", "red"),
    PartState.NOT_CHECKED: ("•", "dim"),
}
_WEIGHT_MARKS = {
    FindingWeight.DIFFERENCE: ("! ", "yellow"),
    FindingWeight.ADVICE: ("• ", "dim"),
    FindingWeight.IGNORED: ("- ", "dim"),
}
_URGENCY_STYLES = {Urgency.MUST: "bold red", Urgency.SHOULD: "bold yellow", Urgency.MAY: "bold"}


def print_report(report: Report, console: Console) -> None:
    """Print the summary; report.json and report.html hold all of it."""
    console.print()
    _print_verdict(report, console)
    if report.tables:
        console.print()
        console.print(_tables(report))
        shown = {id(table) for table in _shown(report.tables)}
        left = [table for table in report.tables if id(table) not in shown]
        if left:
            rows = count(sum(table.rows_source for table in left), "row")
            more = f"  … and {count(len(left), 'more table')} without trouble, the smallest ones: {rows}"
            console.print(Text(more, style="dim"))
    _print_failed_steps(report, console)
    _print_forecast(report, console)
    _print_transforms(report, console)
    _print_quarantine(report, console)
    _print_findings(report, console)
    _print_accepted(report, console)
    _print_objects(report, console)
    _print_recommendations(report.recommendations, console)
    _print_places(report, console)


def _heading(title: str, console: Console) -> None:
    console.print()
    console.print(Text(title, style="bold"))


def _say(line: str | Text, console: Console, indent: int = 2) -> None:
    """Print a paragraph, indented and without blanks at the ends of its lines."""
    text = Text(line) if isinstance(line, str) else line
    console.print(Padding(text, (0, 0, 0, indent), expand=False))


def _command(line: str, console: Console, indent: int = 2) -> None:
    """Print something to type, in one piece however long it is, so that it can be pasted."""
    console.print(Text(" " * indent + line, style="cyan"), soft_wrap=True)


def _print_verdict(report: Report, console: Console) -> None:
    verdict = report.verdict
    style = _STYLES[verdict.level]
    console.print(Text.assemble((f"{_MARKS[verdict.level]} ", style), (verdict.headline, style)))
    if verdict.detail:
        _say(verdict.detail, console)
    if report.mode is not Mode.DRY_RUN:
        for part in verdict.parts:
            mark, style = _PART_MARKS[part.state]
            words = f"{part.part.value:<7}{phrase(part.state.value)}{describe_part(part)}"
            _say(Text.assemble((f"{mark} ", style), words), console)
    app = report.evidence.application
    if app:
        _say(f"By the profile {app} (migration-cli apps {app})", console)
    facts = [f"run {report.run_id}", f"{phrase(report.status.value)} in {duration(report.seconds)}"]
    if report.throughput.rows_per_s:
        speed = report.throughput
        facts.append(f"{speed.rows_per_s:,.0f} rows/s, {size(speed.bytes_per_s)}/s")
    if report.retries:
        facts.append(f"{count(report.retries, 'attempt')} repeated")
    _say(Text(" · ".join(facts), style="dim"), console)
    spent = ", ".join(f"{phrase(phase.name)} {duration(phase.seconds)}" for phase in report.phases)
    if spent:
        _say(Text(spent, style="dim"), console)


def _has_trouble(table: TableReport) -> bool:
    return table.equal is False or table.conserved is False or table.rows_quarantined > 0


def _shown(tables: Sequence[TableReport]) -> list[TableReport]:
    """Return the tables worth a line, in their own order: all with trouble, then the largest."""
    if len(tables) <= TABLES_SHOWN:
        return list(tables)
    largest = sorted(tables, key=lambda table: (not _has_trouble(table), -table.rows_source, -table.bytes))
    trouble = sum(map(_has_trouble, tables))
    chosen = {id(table) for table in largest[: max(TABLES_SHOWN, trouble)]}
    return [table for table in tables if id(table) in chosen]


def _tables(report: Report) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_footer=len(report.tables) > 1)
    shown = [column for column in _COLUMNS if column.is_shown(report)]
    for column in shown:
        grid.add_column(column.title, footer=column.total(report), justify=column.justify, overflow="fold")
    for table in _shown(report.tables):
        grid.add_row(*(column.cell(table) for column in shown))
    return grid


def _total_target(report: Report) -> str:
    counted = [table.rows_target for table in report.tables if table.rows_target is not None]
    return f"{sum(counted):,}" if counted else ""


def _equal(table: TableReport) -> Text:
    if table.conserved is False or table.equal is False:
        return Text("✘ no", style="bold red")
    return Text("✔ yes", style="green") if table.equal else Text("not compared", style="dim")


def _quarantined(table: TableReport) -> Text:
    return Text(f"{table.rows_quarantined:,}", style="yellow" if table.rows_quarantined else "dim")


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table of tables."""

    title: str
    cell: Callable[[TableReport], Text]
    total: Callable[[Report], str] = lambda _: ""
    is_shown: Callable[[Report], bool] = lambda _: True
    justify: JustifyMethod = "right"


_COLUMNS = (
    _Column("Source", lambda t: Text(t.source), is_shown=lambda r: len(r.sources) > 1, justify="left"),
    _Column("Table", lambda t: Text(t.name), lambda r: count(len(r.tables), "table"), justify="left"),
    _Column("Rows", lambda t: Text(f"{t.rows_source:,}"), lambda r: f"{r.rows_source:,}"),
    _Column(
        "Loaded",
        lambda t: Text(f"{t.rows_loaded:,}"),
        lambda r: f"{r.rows_loaded:,}",
        lambda r: r.mode is Mode.MIGRATE,
    ),
    _Column(
        "Quarantined",
        _quarantined,
        lambda r: f"{r.quarantine.total:,}",
        lambda r: r.mode is not Mode.VALIDATE,
    ),
    _Column(
        "In target",
        lambda t: Text("" if t.rows_target is None else f"{t.rows_target:,}"),
        _total_target,
        lambda r: r.mode is not Mode.DRY_RUN,
    ),
    _Column("Equal", _equal, is_shown=lambda r: r.mode is not Mode.DRY_RUN, justify="left"),
    _Column(
        "Size",
        lambda t: Text(size(t.bytes)),
        lambda r: size(r.bytes),
        lambda r: r.mode is not Mode.VALIDATE,  # which profiles nothing
    ),
    _Column(
        "Time",
        lambda t: Text(duration(t.seconds) if t.seconds else "", style="dim"),
        is_shown=lambda r: r.mode is Mode.MIGRATE,
    ),
)


def _print_failed_steps(report: Report, console: Console) -> None:
    if not report.failed_steps:
        return
    _heading("What gave up", console)
    for step in report.failed_steps[:FINDINGS_SHOWN]:
        chunk = f", chunk {step.chunk}" if step.chunk is not None else ""
        table = report.table_names.table(step.source, step.table)
        place = f"{phrase(step.phase)} {table}{chunk}".strip()
        tried = f"after {count(step.attempts, 'attempt')} (last on {step.worker})"
        _say(f"{place}, {tried}: {step.error}", console)
    _print_more(len(report.failed_steps) - FINDINGS_SHOWN, console)


def _print_forecast(report: Report, console: Console) -> None:
    forecast = report.dry_run
    if forecast is None or not report.tables:
        return
    _heading("The migration itself", console)
    lines = [
        f"about {duration(forecast.estimated_seconds)} for {count(forecast.chunks, 'chunk')}",
        f"about {size(forecast.estimated_disk_bytes)} on the target, and as much again of write-ahead log for a while",
        f"{count(forecast.would_load, 'row')} loaded, {count(forecast.would_quarantine, 'row')} in quarantine",
    ]
    for line in lines:
        _say(line, console)
    odd = [(t, c) for t in report.tables for c in t.columns if c.widened]
    if odd:
        _heading("Types that differ from what the file declares", console)
        for table, column in odd[:FINDINGS_SHOWN]:
            name = report.table_names.column(table.source, table.name, column.name)
            change = f"{name}: {column.declared or 'no type'} → {column.target_type}"
            _say(f"{change}  ({column.reason})", console)
        _print_more(len(odd) - FINDINGS_SHOWN, console)


def _print_quarantine(report: Report, console: Console) -> None:
    quarantine = report.quarantine
    if not (quarantine.total or quarantine.values):
        return
    _heading(f"Quarantine: {count(quarantine.total, 'row')}", console)
    for reason, values in list(quarantine.by_reason.items())[:FINDINGS_SHOWN]:
        _say(f"{reason}: {values:,}", console)
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("For example", "Key", "Stored as", "Value"):
        grid.add_column(title, overflow="fold")
    for sample in quarantine.sample[:SAMPLES_SHOWN]:
        place = report.table_names.column(sample.source, sample.table, sample.column)
        grid.add_row(
            Text(place), Text(sample.key), Text(sample.storage_class), Text(sample.original, style="yellow")
        )
    if quarantine.sample:
        console.print(grid)


def _print_transforms(report: Report, console: Console) -> None:
    """Say what was changed on the way, a line for each transform: nothing is changed in silence."""
    values: Counter[str] = Counter()
    places: dict[str, list[str]] = {}
    for table in report.tables:
        for column in table.columns:
            for transform in column.transforms:
                values[transform.name] += transform.values
                place = report.table_names.column(table.source, table.name, column.name)
                places.setdefault(transform.name, []).append(place)
    if not values:
        return
    written = "that would be written" if report.mode is Mode.DRY_RUN else "written"
    _heading(f"Values {written} in another way: {values.total():,}", console)
    for name, number in values.most_common():
        _say(Text.assemble((name, "bold"), f" {number:,}: {some(places[name])}"), console)


def _print_findings(report: Report, console: Console) -> None:
    if not report.findings:
        return
    _heading(f"Findings: {report.findings_total:,}", console)
    shown, folded = fold_losses(report.findings, report.table_names)
    for finding in shown[:FINDINGS_SHOWN]:
        mark = _WEIGHT_MARKS[finding.weight] if not finding.is_error else ("✘ ", "red")
        place = report.table_names.place(finding)  # empty: it is about the whole run
        key = f" at {finding.key}" if finding.key else ""
        what = f"{' ' if place else ''}{place}{key}: {finding.message}"
        _say(Text.assemble(mark, (phrase(finding.kind.value), "bold"), what), console)
    _print_more(report.findings_total - folded - FINDINGS_SHOWN, console)


def _print_accepted(report: Report, console: Console) -> None:
    if not report.accepted:
        return
    _heading(f"Signed for: {count(len(report.accepted), 'finding')}", console)
    shown, folded = fold_losses(report.accepted, report.table_names)
    for finding in shown[:FINDINGS_SHOWN]:
        place = report.table_names.place(finding)
        what = f"{f' {place}' if place else ''}: {finding.message}  (by {finding.accepted_by})"
        _say(Text.assemble(("✓ ", "green"), (finding.loss, "bold"), what), console)
    _print_more(len(report.accepted) - folded - FINDINGS_SHOWN, console)


def _print_objects(report: Report, console: Console) -> None:
    created = sum(1 for item in report.objects if item.state is ObjectState.CREATED)
    other = [item for item in report.objects if item.state is not ObjectState.CREATED]
    if not report.objects:
        return
    came = f"Schema: {created:,} of {count(len(report.objects), 'object')} came along as they were"
    if report.options.data_only:
        came = "Around the rows (the schema is the application's own)"
    _heading(came, console)
    _say(Text(" · ".join(map(_score, report.object_scores)), style="dim"), console)
    # Storage of a virtual table says the least, and there is a lot of it; a table that only stands says little.
    other.sort(
        key=lambda item: (
            item.kind == "shadow",
            item.state is not ObjectState.SKIPPED,
            "differed" not in item.reason,
            item.reason.endswith(STANDS_ALREADY),
        )
    )
    for item in other[:OBJECTS_SHOWN]:
        style = "red" if item.state is ObjectState.SKIPPED else "yellow"
        line = Text.assemble(
            (item.state.value, style),
            f" {item.kind} {report.table_names.owned(item.name, item.owner)}",
            (f"  {item.reason}", "dim"),
        )
        _say(line, console)
    _print_more(len(other) - OBJECTS_SHOWN, console)
    if report.stubs:
        what = count(len(report.stubs), "object")
        _say(
            f"The SQL of {what} that did not come along, with drafts for PostgreSQL: {report.stubs_file}",
            console,
        )


def _score(score: ObjectScore) -> str:
    parts = [f"{score.kind} {score.created:,}"]
    parts += [f"{score.changed:,} changed"] if score.changed else []
    parts += [f"{score.skipped:,} skipped"] if score.skipped else []
    return ", ".join(parts)


def _print_recommendations(recommendations: Sequence[Recommendation], console: Console) -> None:
    if not recommendations:
        return
    _heading("What I would do", console)
    for number, advice in enumerate(recommendations, 1):
        style = _URGENCY_STYLES[advice.urgency]
        _say(Text.assemble((f"{number}. ", "dim"), (advice.title, style)), console)
        if advice.urgency is Urgency.MAY:
            continue
        _say(advice.detail, console, indent=5)
        for line in advice.commands[:COMMANDS_SHOWN]:
            _command(line, console, indent=5)
        _print_more(len(advice.commands) - COMMANDS_SHOWN, console, indent=5)


def _print_more(number: int, console: Console, indent: int = 2) -> None:
    if number > 0:
        _say(Text(f"… and {number:,} more in the report", style="dim"), console, indent)


def _print_places(report: Report, console: Console) -> None:
    _heading("Where things are", console)
    grid = Table.grid(padding=(0, 2, 0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for source in report.sources:
        grid.add_row("source", Text(f"{source.path} ({size(source.bytes)}, SHA-256 {source.sha256[:16]}…)"))
    if report.target.url:
        named = f"{report.target.name}: " if report.target.name else ""
        grid.add_row("target", Text(f"{named}{report.target.url}, schema {report.target.schema}"))
    if report.previous_schemas:
        grid.add_row("replaced", Text(f"schema {', '.join(report.previous_schemas)}"))
    console.print(grid)
    if report.next_steps:
        _heading("What to type next", console)
        for step in report.next_steps:
            _command(step.command, console)
            _say(Text(step.purpose, style="dim"), console, indent=4)
