"""The one sentence that a report begins with, and the exit status that goes with it. Pure.

The sentence may only say "proved" where every table was compared and every row is equal or in quarantine: it is
made from the figures, not from the phase that the run claims to be in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from migration.exit_status import ExitStatus
from migration.model import Mode, Phase
from migration.report.loss_verdict import judge_losses
from migration.report.report_model import FindingReport, TableReport
from migration.report.text_formatting import count, phrase
from migration.report.verdict_model import Verdict, VerdictLevel
from migration.source_table_names import TableNames

_TABLES_NAMED: Final = 5
_UNCHANGED: Final = {
    Mode.MIGRATE: "no table that users see has changed",
    Mode.DRY_RUN: "nothing was written",
    Mode.VALIDATE: "neither side was changed, and nothing is proved",
}
"""What a run that did not reach its end leaves behind."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The figures that decide the verdict."""

    mode: Mode
    status: Phase
    tables: Sequence[TableReport]
    findings: int
    differences: int
    """Findings that make the exit status 1; the others are advice, or wanted."""
    has_error_finding: bool
    skip_validation: bool
    error: str | None
    last_phase: str
    failed_exit_status: int | None = None
    lossy: Sequence[str] = ()
    """Columns of which values cannot be had back, and nobody has signed for it."""
    accepted: Sequence[FindingReport] = ()
    """What somebody has signed for."""
    schema_differences: int = 0
    """Findings about the schema that make the exit status 1, beside the next."""
    compares_schema: bool = True
    """False: the schema is the application's own affair, and the differences above are of what is around it."""
    schema_not_compared: bool = False
    """The schema was asked for, and could not be compared, or not that of every table; `migrate` has built it."""
    damaged: int = 0
    """Places of a damaged source that could not be read."""
    selects: bool = False
    """The options have a say in which tables there are: --tables, --exclude, --catalog."""
    left_behind: Sequence[str] = ()
    """Tables that did not come along, and that nobody has asked to leave out."""

    @property
    def rows_source(self) -> int:
        """Rows of all tables in the sources."""
        return sum(table.rows_source for table in self.tables)

    @property
    def rows_loaded(self) -> int:
        """Rows committed on the target."""
        return sum(table.rows_loaded for table in self.tables)

    @property
    def quarantined(self) -> int:
        """Rows kept out."""
        return sum(table.rows_quarantined for table in self.tables)

    @property
    def unequal(self) -> list[TableReport]:
        """Tables that were compared and differ, or lost rows on the way."""
        return [table for table in self.tables if table.equal is False or table.conserved is False]

    @property
    def uncompared(self) -> list[TableReport]:
        """Tables that nobody compared."""
        return [table for table in self.tables if table.equal is None]


def judge(outcome: Outcome) -> Verdict:
    """Return the first line of the report; it names the tables that nothing of it is about."""
    verdict = _judge(outcome)
    if not outcome.left_behind or outcome.status in (Phase.FAILED, Phase.CANCELLED, Phase.ROLLED_BACK):
        return verdict
    level = VerdictLevel.ATTENTION if verdict.level is VerdictLevel.PROVED else verdict.level
    stays = "would stay" if outcome.mode is Mode.DRY_RUN else "stayed"
    names = ", ".join(outcome.left_behind[:_TABLES_NAMED])
    more = ", ..." if len(outcome.left_behind) > _TABLES_NAMED else ""
    left = f"{count(len(outcome.left_behind), 'table')} {stays} behind: {names}{more}."
    return replace(verdict, level=level, headline=f"{verdict.headline} {left}")


def _judge(outcome: Outcome) -> Verdict:
    if outcome.status in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS):
        return (_COMPLETED[outcome.mode] if outcome.tables else _judge_empty)(outcome)
    if outcome.status is Phase.READY:
        proof = (_COMPLETED[outcome.mode] if outcome.tables else _judge_empty)(outcome)
        detail = "Held before the cutover: no table that users see has changed."
        return replace(proof, detail=f"{detail} {proof.detail}".strip())
    if outcome.status is Phase.FAILED:
        return _failed(outcome)
    if outcome.status is Phase.CANCELLED:
        headline = f"Cancelled while {phrase(outcome.last_phase)}: {_UNCHANGED[outcome.mode]}."
        return Verdict(VerdictLevel.NEUTRAL, headline)
    if outcome.status is Phase.ROLLED_BACK:
        return Verdict(
            VerdictLevel.NEUTRAL,
            "Rolled back: the target's tables are what they were before this run.",
            f"The run had moved {count(outcome.rows_loaded, 'row')} in {_tables(outcome)}.",
        )
    return Verdict(
        VerdictLevel.NEUTRAL,
        f"Not finished: the run is {phrase(outcome.status.value)}.",
        "The figures below are those of this moment.",
    )


def exit_status(outcome: Outcome) -> int:
    """Return the exit status of the command line: 0 equal, 1 findings, 2 unusable input, 3 failed, 130 interrupted."""
    if outcome.status is Phase.FAILED:
        return outcome.failed_exit_status or ExitStatus.FAILED
    if outcome.status is Phase.ROLLED_BACK:
        return ExitStatus.PROVED
    if outcome.status not in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS, Phase.READY):
        return ExitStatus.INTERRUPTED
    clean = (
        outcome.status is not Phase.COMPLETED_WITH_FINDINGS
        and not outcome.differences
        and not outcome.quarantined
    )
    return ExitStatus.PROVED if clean and not outcome.unequal else ExitStatus.FINDINGS


def _tables(outcome: Outcome) -> str:
    return count(len(outcome.tables), "table")


def _findings(outcome: Outcome) -> str:
    return f"{count(outcome.findings, 'finding')} to look at." if outcome.findings else ""


def _failed(outcome: Outcome) -> Verdict:
    chunks = sum(table.chunks for table in outcome.tables)
    done = sum(table.chunks_done for table in outcome.tables)
    progress = (
        f" {count(outcome.rows_loaded, 'row')} of {outcome.rows_source:,} are in staging already"
        f" ({done:,} of {count(chunks, 'chunk')}) and will not be copied again."
        if outcome.mode is Mode.MIGRATE and done
        else ""
    )
    headline, remedy = _first_sentence(outcome.error or "no reason was recorded")
    unchanged = _UNCHANGED[outcome.mode]
    return Verdict(
        VerdictLevel.FAILED,
        f"Failed while {phrase(outcome.last_phase)}: {headline}",
        f"{remedy}{unchanged[0].upper()}{unchanged[1:]}.{progress}",
    )


def _first_sentence(text: str) -> tuple[str, str]:
    """Return the first sentence, and the rest in a form that can be followed by another sentence."""
    first, _, rest = _SENTENCE_END.sub("\n", text.strip(), count=1).partition("\n")
    headline = first if first.endswith((".", "!", "?")) else first + "."
    rest = rest.strip()
    return headline, f"{rest if rest.endswith('.') else rest + '.'} " if rest else ""


def _judge_empty(outcome: Outcome) -> Verdict:
    """Say that there was nothing: the right file may be so, and a wrong or empty one is so, too."""
    if outcome.selects:
        left = "Nothing to do: --tables, --exclude and --catalog leave no table of the source. Nothing was compared."
    else:
        left = "Nothing to do: the source holds no tables. Nothing was compared."
    return Verdict(VerdictLevel.ATTENTION, left, _findings(outcome))


def _judge_dry_run(outcome: Outcome) -> Verdict:
    rows, tables = outcome.rows_source, _tables(outcome)
    would_load = count(rows - outcome.quarantined, "row")
    if outcome.quarantined:
        return Verdict(
            VerdictLevel.ATTENTION,
            f"Dry run: {would_load} of {rows:,} in {tables} would be loaded;"
            f" {count(outcome.quarantined, 'row')} would go to quarantine. Nothing was written.",
            _findings(outcome),
        )
    if outcome.findings:
        return Verdict(
            VerdictLevel.ATTENTION if outcome.differences else VerdictLevel.PROVED,
            f"Dry run: {count(rows, 'row')} in {tables} would be loaded. Nothing was written.",
            _findings(outcome),
        )
    return Verdict(
        VerdictLevel.PROVED,
        f"Dry run: every one of {count(rows, 'row')} in {tables} would be loaded. Nothing was written.",
    )


def _judge_validation(outcome: Outcome) -> Verdict:
    if outcome.unequal or outcome.has_error_finding:
        different = len(outcome.unequal)
        return Verdict(
            VerdictLevel.FAILED,
            f"Different: {different:,} of {_tables(outcome)} {'differs' if different == 1 else 'differ'}"
            " between the two sides."
            if different
            else "Different: the two sides do not hold the same.",
            _findings(outcome),
        )
    return _proof(outcome)


def _judge_migration(outcome: Outcome) -> Verdict:
    if outcome.unequal:
        named = TableNames.among(table.source for table in outcome.tables)
        names = ", ".join(named.table(table.source, table.name) for table in outcome.unequal[:5])
        return Verdict(
            VerdictLevel.FAILED,
            f"Not proved: {count(len(outcome.unequal), 'table')} of {len(outcome.tables):,} differ: {names}.",
            _findings(outcome),
        )
    return _proof(outcome)


def _proof(outcome: Outcome) -> Verdict:
    """Say how far the proof reaches, where nothing was found to differ: of the rows, then of their values."""
    verdict = _proof_of_rows(outcome)
    if outcome.uncompared or outcome.damaged:
        return verdict  # nobody takes that for a proof
    loaded, out = outcome.rows_source - outcome.quarantined, outcome.quarantined
    arrived = f"{loaded:,} of {outcome.rows_source:,} rows" if out else count(loaded, "row")
    return judge_losses(verdict, f"{arrived} in {_tables(outcome)}", outcome.lossy, outcome.accepted)


def _proof_of_rows(outcome: Outcome) -> Verdict:
    rows, loaded, out = outcome.rows_source, outcome.rows_source - outcome.quarantined, outcome.quarantined
    tables = _tables(outcome)
    if outcome.uncompared:
        why = "validation was skipped" if outcome.skip_validation else "not every table was compared"
        return Verdict(
            VerdictLevel.ATTENTION,
            f"Loaded, not proved: {count(loaded, 'row')} in {tables}; {why}.",
            _findings(outcome),
        )
    if outcome.damaged:
        kept_out = f" {count(out, 'row')} of them are in quarantine;" if out else ""
        return Verdict(
            VerdictLevel.ATTENTION,
            f"Saved: all {count(rows, 'row')} in {tables} that could be read from the damaged source are accounted"
            f" for;{kept_out} {count(outcome.damaged, 'place')} could not be read.",
            _findings(outcome),
        )
    if out:
        return Verdict(
            VerdictLevel.ATTENTION,
            f"Proved, with {count(out, 'row')} kept out: {loaded:,} of {count(rows, 'row')} in {tables}"
            f" are equal on both sides, {out:,} {'is' if out == 1 else 'are'} in quarantine{_schema(outcome)}.",
            _findings(outcome),
        )
    level = VerdictLevel.ATTENTION if outcome.differences else VerdictLevel.PROVED
    verb = "is" if rows == 1 else "are"
    headline = f"Proved: {count(rows, 'row')} in {tables} {verb} equal on both sides{_schema(outcome)}."
    return Verdict(level, headline, _findings(outcome))


def _schema(outcome: Outcome) -> str:
    """Return what a proof of rows does not reach: it says nothing of a schema that differs or was not compared."""
    if outcome.schema_not_compared:
        return "; the schema was not compared"
    if outcome.schema_differences and not outcome.compares_schema:
        return f"; {count(outcome.schema_differences, 'finding')} beside the rows"
    if outcome.schema_differences:
        return f"; the schema differs ({count(outcome.schema_differences, 'finding')})"
    return ""


_COMPLETED: Final = {
    Mode.MIGRATE: _judge_migration,
    Mode.DRY_RUN: _judge_dry_run,
    Mode.VALIDATE: _judge_validation,
}
