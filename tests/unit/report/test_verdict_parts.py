from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from migration.finding_kinds import FindingWeight
from migration.model import Phase
from migration.report.junit_report import render_junit
from migration.report.report_builder import assemble
from migration.report.report_model import Report
from migration.report.verdict_model import PartState
from tests.unit.report import factories, scenarios

EQUAL, DIFFERS, OPEN = PartState.EQUAL, PartState.DIFFERS, PartState.NOT_CHECKED


def report_of(*kinds: str, ignore: tuple[str, ...] = (), **table: object) -> Report:
    """A finished run of one table, whose schema was compared, with one finding of each kind."""
    facts = factories.table_facts(**{"schema_checked": 7, **table})
    findings = tuple(factories.finding(kind, facts.name, f"this is {kind}") for kind in kinds)
    run = factories.run_record(
        Phase.COMPLETED_WITH_FINDINGS if kinds else Phase.COMPLETED,
        given=replace(factories.options(), ignore=ignore),
    )
    return assemble(scenarios.school_facts(run=run, tables=(facts,), findings=findings))


CASES = {
    "nothing": ((), {}, (EQUAL, EQUAL, EQUAL)),
    "missing row": (("missing_row", "digest_mismatch"), {"equal": False}, (DIFFERS, EQUAL, EQUAL)),
    "differing row": (("differing_row", "digest_mismatch"), {"equal": False}, (EQUAL, DIFFERS, EQUAL)),
    "unequal, nobody knows why": (("digest_mismatch",), {"equal": False}, (DIFFERS, DIFFERS, EQUAL)),
    "a default": (("default",), {}, (EQUAL, EQUAL, DIFFERS)),
    "advice": (("type_wider", "not_checked"), {}, (EQUAL, EQUAL, EQUAL)),
    "hidden rows": (("hidden_rows",), {"equal": None}, (OPEN, OPEN, EQUAL)),
    "schema unread": ((), {"schema_checked": None}, (EQUAL, EQUAL, OPEN)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_part_speaks_of_its_own(name: str) -> None:
    kinds, table, states = CASES[name]
    verdict = report_of(*kinds, **table).verdict
    assert tuple(part.state for part in verdict.parts) == states


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.READY])
def test_run_whose_tables_are_not_known_has_compared_nothing(phase: Phase) -> None:
    facts = replace(scenarios.empty_facts(), run=factories.run_record(phase))
    assert {part.state for part in assemble(facts).verdict.parts} == {OPEN}


def test_advice_alone_is_proved_with_status_0() -> None:
    facts = factories.table_facts(schema_checked=7)
    advice = factories.finding("type_wider", facts.name, "bigint")
    report = assemble(scenarios.school_facts(tables=(facts,), findings=(advice,)))
    assert (report.exit_status, report.verdict.schema.advice) == (0, 1)
    assert report.findings[0].weight is FindingWeight.ADVICE


def test_what_is_wanted_is_counted_apart_and_changes_nothing() -> None:
    wanted = report_of("default", ignore=("default",))
    assert (wanted.verdict.schema.state, wanted.verdict.schema.ignored) == (EQUAL, 1)
    assert report_of("default").exit_status == 1


def test_build_server_sees_a_case_for_each_part() -> None:
    document = ET.fromstring(render_junit(report_of("differing_row", "type_wider", equal=False)))  # noqa: S314  # our own
    (suite,) = document
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "0")
    rows, values, schema = suite
    assert (len(rows), [one.get("type") for one in values]) == (0, ["differing_row"])
    assert [one.tag for one in schema] == ["system-out"]


def test_names_that_xml_has_words_for_are_escaped() -> None:
    report = report_of("default")
    odd = replace(report.findings[0], message='a < b & "c"')
    document = ET.fromstring(render_junit(replace(report, findings=(odd,))))  # noqa: S314  # our own
    assert [failure.get("message") for failure in document.iter("failure")] == [f'{odd.table}: a < b & "c"']
