"""Report → junit.xml, for build servers: a suite for each table, a case for each part of the verdict.

The dialect is the one that Jenkins, GitLab and the rest agree about: testsuites, testsuite, testcase, failure, skipped,
system-out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # nosec B405 - it writes, and parses nothing

from migration.finding_kinds import FindingKind, FindingWeight, VerdictPart
from migration.report.report_model import TableReport
from migration.source_table_names import full_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migration.report.report_model import FindingReport, Report
    from migration.source_table_names import TableNames

_WHOLE = "the run"
_MOST_NAMED = 200
"""Failures of one case; the report holds more."""


def render_junit(report: Report) -> bytes:
    """Return the document in UTF-8, with its declaration.

    Findings that are advice, or wanted, are printed and fail nothing. What was not compared is skipped.
    """
    root = ET.Element(
        "testsuites", name=f"Convoy {report.mode.value} {report.run_id}", time=f"{report.seconds:.3f}"
    )
    names = report.table_names
    known = {_place(names, table.source, table.name) for table in report.tables}
    for table in report.tables:
        place = _place(names, table.source, table.name)
        found = [one for one in report.findings if _place(names, one.source, one.table) == place]
        _suite(root, full_name(table.source, table.name), table, found, names)
    others = [one for one in report.findings if _place(names, one.source, one.table) not in known]
    if others or report.error:
        _suite(root, _WHOLE, None, others, names, report.error)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(
    root: ET.Element,
    name: str,
    table: TableReport | None,
    findings: Sequence[FindingReport],
    names: TableNames,
    error: str | None = None,
) -> None:
    suite = ET.SubElement(root, "testsuite", name=name)
    failures = skipped = 0
    for part in VerdictPart:
        case = ET.SubElement(suite, "testcase", classname=name, name=part.value)
        of_part = [finding for finding in findings if _belongs(finding, part, findings)]
        counted = [finding for finding in of_part if finding.weight is FindingWeight.DIFFERENCE]
        for finding in counted[:_MOST_NAMED]:
            failure = ET.SubElement(case, "failure", type=finding.kind.value, message=_line(finding, names))
            failure.text = _line(finding, names)
        if not counted and _fails_untold(table, part):
            ET.SubElement(case, "failure", type="different", message=f"The two sides differ in {part.value}")
            failures += 1
        elif counted:
            failures += 1
        elif _is_open(table, part):
            ET.SubElement(case, "skipped", message="not compared")
            skipped += 1
        said = [f"{f.weight.value}: {f.kind.value}: {_line(f, names)}" for f in of_part if f not in counted]
        if said:
            ET.SubElement(case, "system-out").text = "\n".join(said[:_MOST_NAMED])
    if error:
        case = ET.SubElement(suite, "testcase", classname=name, name="end")
        ET.SubElement(case, "error", message=error).text = error
    suite.set("tests", str(len(VerdictPart) + bool(error)))
    suite.set("failures", str(failures))
    suite.set("errors", str(int(bool(error))))
    suite.set("skipped", str(skipped))


def _belongs(finding: FindingReport, part: VerdictPart, findings: Sequence[FindingReport]) -> bool:
    """Sort the sum of a comparison to the part of which it sums up something."""
    if finding.kind is FindingKind.DIGEST_MISMATCH:
        rows = any(f.kind in {FindingKind.MISSING_ROW, FindingKind.EXTRA_ROW} for f in findings)
        return part is (VerdictPart.ROWS if rows else VerdictPart.VALUES)
    return finding.part is part


def _fails_untold(table: TableReport | None, part: VerdictPart) -> bool:
    if table is None or part is not VerdictPart.ROWS:
        return False
    return table.conserved is False or table.rows_quarantined > 0


def _is_open(table: TableReport | None, part: VerdictPart) -> bool:
    if table is None:
        return False
    return table.schema_checked is None if part is VerdictPart.SCHEMA else table.equal is None


def _place(names: TableNames, source: str, table: str) -> tuple[str, str]:
    """Return what tells a table from others: of one source, an earlier version has written findings without it."""
    return (names.label(source), table)


def _line(finding: FindingReport, names: TableNames) -> str:
    key = f" at {finding.key}" if finding.key else ""
    return f"{names.place(finding)}{key}: {finding.message}"
