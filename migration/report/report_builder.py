"""Ledger → report. `build_report` reads; `assemble` makes the report from what was read, and is pure."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine

from migration.errors import UnknownRunError
from migration.model import Finding, FindingKind, Mode, ObjectState, Phase
from migration.report import next_commands
from migration.report.dry_run_estimate import build_dry_run
from migration.report.error_report_builder import report_error
from migration.report.evidence_builder import build_evidence
from migration.report.finding_lines import lost_rows, report_finding
from migration.report.left_behind_names import left_behind
from migration.report.loss_advice import signing_line
from migration.report.loss_verdict import lossy_places
from migration.report.not_migrated_sql import STUBS_NAME, build_stubs
from migration.report.options_report import options_report, target_report
from migration.report.report_files import write_report
from migration.report.report_model import (
    FailedStep,
    ObjectReport,
    ObjectScore,
    PhaseReport,
    QuarantineReport,
    QuarantineSample,
    Report,
    SourceReport,
    TableReport,
    Throughput,
)
from migration.report.retried_rows import with_retries
from migration.report.run_facts import Facts, TableFacts
from migration.report.run_facts_reader import read_facts
from migration.report.run_recommendations import Situation, recommend
from migration.report.run_timeline import build_timeline, phase_totals
from migration.report.run_verdict import Outcome, exit_status, judge
from migration.report.source_entries import source_report
from migration.report.table_report_builder import build_table
from migration.report.terminal_report import print_report
from migration.report.text_formatting import clean_text, preview, printable
from migration.report.verdict_parts import count_differences, is_schema_uncompared, judge_parts
from migration.run_options import RunOptions
from migration.secret_text import without_secrets
from migration.ways_on import way_on

__all__ = ["assemble", "build_report", "print_report", "write_report"]

PREVIEW_CHARS: Final = 120
PREVIEW_BYTES: Final = 64


def build_report(engine: Engine, run_id: str) -> Report:
    """Return the report of a run at this moment, finished or not. `run_id` is the full id.

    Raises:
        UnknownRunError: the ledger does not know the run.
    """
    try:
        uuid.UUID(run_id)
    except ValueError as error:
        raise UnknownRunError("This is not the id of a run", run=run_id) from error
    return assemble(read_facts(engine, run_id))


def assemble(facts: Facts) -> Report:
    """Return the report that follows from the facts."""
    run, options = facts.run, facts.run.options
    origin = run.started_at or run.created_at
    finished = _finished_at(facts)
    end = finished or facts.now
    timeline = build_timeline(facts.phase_changes, facts.works, origin, end)
    phases = phase_totals(timeline.phases)
    tables = tuple(build_table(table, options) for table in facts.tables)
    findings = tuple(report_finding(row, options.ignore) for row in facts.findings)
    accepted = tuple(report_finding(row, options.ignore) for row in facts.accepted)
    lost = tuple(lost_rows(table) for table in tables if table.conserved is False)
    known = {(f.source, f.table) for f in findings if f.kind is FindingKind.CONSERVATION}
    findings += tuple(finding for finding in lost if (finding.source, finding.table) not in known)
    findings_total = facts.findings_total + len(findings) - len(facts.findings)
    objects = tuple(
        ObjectReport(
            printable(row.kind),
            printable(row.name),
            ObjectState(row.state),
            clean_text(row.reason),
            printable(row.owner),
        )
        for row in facts.objects
    )
    stubs = build_stubs(facts)
    error = clean_text(run.error) if run.error else None
    details = report_error(facts) if error else None
    counts = Counter({FindingKind(kind): n for kind, n in facts.finding_counts.items()})
    counts = counts or Counter(FindingKind(row.kind) for row in facts.findings)
    counts[FindingKind.CONSERVATION] += findings_total - facts.findings_total
    rows, values, schema = judge_parts(tables, counts, options.ignore, compares_schema=not options.data_only)
    outcome = Outcome(
        mode=options.mode,
        status=run.phase,
        tables=tables,
        findings=findings_total,
        differences=count_differences(counts, options.ignore),
        has_error_finding=any(finding.is_error for finding in findings),
        lossy=lossy_places(findings, options.table_names),
        schema_differences=schema.differing,
        compares_schema=not options.data_only,
        schema_not_compared=is_schema_uncompared(counts, options.ignore),
        accepted=accepted,
        damaged=sum(finding.kind is FindingKind.DAMAGED_RANGE for finding in findings),
        left_behind=left_behind(facts.objects, options.table_names),
        skip_validation=options.skip_validation,
        selects=bool(options.tables or options.exclude or options.catalog),
        error=error,
        last_phase=_last_phase(facts),
        failed_exit_status=facts.failure.get("exit_status"),
    )
    quarantine = _quarantine(facts, tables)
    way = way_on(details.code if details else "")
    resumable = (
        run.phase is Phase.FAILED and run.can_go_on and way.leads_on
    ) or not run.phase.is_end  # a held run goes on by `cutover`
    return Report(
        run_id=run.id,
        status=run.phase,
        mode=options.mode,
        verdict=replace(with_retries(judge(outcome), facts.acts), rows=rows, values=values, schema=schema),
        exit_status=exit_status(outcome),
        sources=tuple(map(source_report, facts.sources)),
        target=target_report(options, _schemas(facts), facts.server_version),
        tables=tables,
        objects=objects,
        findings=findings,
        accepted=accepted,
        quarantine=quarantine,
        phases=phases,
        throughput=_throughput(options.mode, facts.tables, phases),
        recommendations=recommend(
            Situation(
                run_id=run.id,
                status=run.phase,
                options=options,
                tables=tables,
                objects=objects,
                findings=findings,
                quarantine=quarantine,
                # Where rows alone were loaded, such keys are the application's, and stood so before.
                unvalidated=facts.unvalidated
                if options.mode is Mode.MIGRATE and not options.data_only
                else (),
                previous=facts.previous,
                retries=facts.retries,
                is_given_up=run.given_up_at is not None,
                goes_on_by=run.goes_on_by,
                way_on=way,
            )
        ),
        created_at=run.created_at.isoformat(),
        started_at=_iso(run.started_at),
        finished_at=_iso(finished),
        seconds=round(max((end - origin).total_seconds(), 0.0), 3),
        findings_total=findings_total,
        timeline=timeline,
        options=options_report(options),
        evidence=build_evidence(facts),
        retries=facts.retries,
        error=error,
        error_details=details,
        failed_steps=tuple(
            FailedStep(
                row.phase,
                printable(row.table),
                row.position,
                row.attempts,
                printable(row.worker),
                clean_text(row.error),
                printable(row.source),
            )
            for row in facts.failed_steps
        ),
        dry_run=build_dry_run(facts.tables, phases, facts.estimate) if options.mode is Mode.DRY_RUN else None,
        staging_schema=run.staging_schema,
        previous_schemas=tuple(facts.previous),
        resume_command=next_commands.go_on(run.id, run.goes_on_by).command if resumable else None,
        next_steps=next_commands.next_steps(
            run.id,
            run.phase,
            options,
            has_tables=bool(tables),
            signing=signing_line(findings, options),
            error_code=details.code if details else "",
            is_given_up=run.given_up_at is not None,
            goes_on_by=run.goes_on_by,
        ),
        object_scores=_scores(objects),
        stubs=stubs,
        stubs_file=STUBS_NAME if stubs else "",
    )


def assemble_without_ledger(
    run_id: str,
    options: RunOptions,
    sources: Sequence[SourceReport],
    tables: Sequence[TableReport],
    found: Sequence[Finding],
    began: datetime,
    ended: datetime,
    server_version: str,
) -> Report:
    """Return the report of a comparison that nobody has recorded.

    Args:
        run_id: an id made for the report; no ledger knows it.
        options: of the comparison; `target` holds no password.
        sources: what was compared, by its snapshots.
        tables: the verdict on each.
        found: all findings.
        began: when it began; with a time zone.
        ended: when it ended.
        server_version: the target's.
    """
    reported = [report_finding(finding, options.ignore) for finding in found]
    findings = tuple(finding for finding in reported if not finding.accepted_by)
    accepted = tuple(finding for finding in reported if finding.accepted_by)
    counts = Counter(finding.kind for finding in findings)
    rows, values, schema = judge_parts(tables, counts, options.ignore, compares_schema=not options.data_only)
    differences = count_differences(counts, options.ignore)
    status = Phase.COMPLETED_WITH_FINDINGS if differences else Phase.COMPLETED
    outcome = Outcome(
        mode=Mode.VALIDATE,
        status=status,
        tables=tables,
        findings=len(findings),
        differences=differences,
        has_error_finding=any(finding.is_error for finding in findings),
        lossy=lossy_places(findings, options.table_names),
        schema_differences=schema.differing,
        compares_schema=not options.data_only,
        schema_not_compared=is_schema_uncompared(counts, options.ignore),
        accepted=accepted,
        damaged=counts[FindingKind.DAMAGED_RANGE],
        skip_validation=False,
        selects=bool(options.tables or options.exclude or options.catalog),
        error=None,
        last_phase=Phase.VALIDATING.value,
    )
    seconds = round((ended - began).total_seconds(), 3)
    return Report(
        run_id=run_id,
        status=status,
        mode=Mode.VALIDATE,
        verdict=replace(judge(outcome), rows=rows, values=values, schema=schema),
        exit_status=exit_status(outcome),
        sources=tuple(sources),
        target=target_report(options, printable(options.target_schema), server_version),
        tables=tuple(tables),
        objects=(),
        findings=tuple(sorted(findings, key=lambda finding: not finding.is_error)),
        quarantine=QuarantineReport(),
        phases=(PhaseReport(Phase.VALIDATING.value, seconds),),
        throughput=Throughput(),
        recommendations=(),
        created_at=began.isoformat(),
        started_at=began.isoformat(),
        finished_at=ended.isoformat(),
        seconds=seconds,
        findings_total=len(findings),
        options=options_report(options),
        accepted=accepted,
    )


def _scores(objects: Sequence[ObjectReport]) -> tuple[ObjectScore, ...]:
    counts: dict[str, Counter[ObjectState]] = {}
    for item in objects:
        counts.setdefault(item.kind, Counter())[item.state] += 1
    return tuple(
        ObjectScore(
            kind, states[ObjectState.CREATED], states[ObjectState.CHANGED], states[ObjectState.SKIPPED]
        )
        for kind, states in counts.items()
    )


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _finished_at(facts: Facts) -> datetime | None:
    """Return when the run came to its end; a rollback days later is not part of its duration."""
    if facts.run.phase is Phase.ROLLED_BACK:
        ends = [c.at for c in facts.phase_changes if c.phase.is_end and c.phase is not Phase.ROLLED_BACK]
        return ends[-1] if ends else facts.run.finished_at
    return facts.run.finished_at


def _last_phase(facts: Facts) -> str:
    """Return the phase that the run was in before it came to its end."""
    for change in reversed(facts.phase_changes):
        if not change.phase.is_end:
            return change.phase.value
    return (facts.run.resume_phase or Phase.PENDING).value


def _schemas(facts: Facts) -> str:
    planned = dict.fromkeys(table.plan.target_schema for table in facts.tables if table.plan)
    return printable(", ".join(planned) or facts.run.options.target_schema)


def _quarantine(facts: Facts, tables: Sequence[TableReport]) -> QuarantineReport:
    by_reason: dict[str, int] = {}
    for reason, number in facts.quarantine_reasons.items():
        text = clean_text(reason)
        by_reason[text] = by_reason.get(text, 0) + number
    return QuarantineReport(
        total=sum(table.rows_quarantined for table in tables),
        values=facts.quarantined_values,
        by_reason=by_reason,
        sample=tuple(
            QuarantineSample(
                source=printable(row.source),
                table=printable(row.table),
                key=_key(row.key),
                column=printable(row.column),
                storage_class=row.storage_class,
                original=without_secrets(preview(bytes(row.original), PREVIEW_CHARS)),
                original_hex=_hex(bytes(row.original), row.original_bytes),
                original_bytes=row.original_bytes,
                reason=clean_text(row.reason),
            )
            for row in facts.quarantine_sample
        ),
    )


def _key(key: Any) -> str:
    values = key if isinstance(key, list) else [key]
    return ", ".join("NULL" if value is None else printable(str(value), PREVIEW_CHARS) for value in values)


def _hex(original: bytes, full_bytes: int) -> str:
    return original[:PREVIEW_BYTES].hex() + ("…" if full_bytes > PREVIEW_BYTES else "")


def _throughput(mode: Mode, tables: Sequence[TableFacts], phases: Sequence[PhaseReport]) -> Throughput:
    """Return the speed of the phase that matters in this mode; zero where it took no time."""
    spent = {phase.name: phase.seconds for phase in phases}
    compares = mode is Mode.VALIDATE
    seconds = spent.get((Phase.VALIDATING if compares else Phase.COPYING).value, 0.0)
    if seconds <= 0:
        return Throughput()
    rows, size = 0, 0.0
    for table in tables:
        # Of a run that was stopped, no more than it has come to: rows of chunks that are done, or tables compared.
        read = table.rows if compares else table.rows_loaded + table.rows_quarantined
        rows += read
        size += table.bytes * (read / table.rows if table.rows else 0.0)
    return Throughput(round(rows / seconds, 1), round(size / seconds, 1))
