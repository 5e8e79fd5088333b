from __future__ import annotations

from dataclasses import replace

import pytest

from migration.model import Mode, Phase
from migration.report.report_builder import assemble
from migration.report.report_model import Report
from migration.report.run_facts import Facts
from migration.report.verdict_model import PartState, VerdictLevel
from tests.unit.report import factories, scenarios


def test_equal_rows_are_said_to_be_proved():
    report = assemble(scenarios.school_facts())
    assert report.verdict.headline == "Proved: 301,337 rows in 11 tables are equal on both sides."
    assert (report.verdict.level, report.exit_status) == (VerdictLevel.PROVED, 0)


def test_quarantined_rows_are_named_in_the_first_line():
    report = assemble(scenarios.troubled_facts())
    assert report.verdict.headline == (
        "Not proved: 300,128 of 301,337 rows in 11 tables arrived, but values of 1 column cannot be had back"
        " (user_profiles.bio), and nobody has signed for that."
    )
    assert (report.verdict.level, report.exit_status) == (VerdictLevel.ATTENTION, 1)


def test_salvaged_source_is_never_said_to_be_proved_whole():
    lost = factories.finding("damaged_range", "users", "rows with 10 < id <= 20 cannot be read")
    run = factories.run_record(Phase.COMPLETED_WITH_FINDINGS)
    report = assemble(scenarios.school_facts(run=run, findings=(lost,)))
    assert report.verdict.headline == (
        "Saved: all 301,337 rows in 11 tables that could be read from the damaged source are accounted for;"
        " 1 place could not be read."
    )
    assert (report.verdict.level, report.exit_status) == (VerdictLevel.ATTENTION, 1)


def test_completed_run_with_an_unequal_table_is_not_proved():
    facts = scenarios.school_facts(tables=(factories.table_facts(equal=False),))
    report = assemble(facts)
    assert report.verdict.headline == "Not proved: 1 table of 1 differ: users."
    assert (report.verdict.level, report.exit_status) == (VerdictLevel.FAILED, 1)


@pytest.mark.parametrize(
    ("kind", "ending", "status"),
    [
        ("check", "; the schema differs (1 finding).", 1),
        ("schema_not_compared", "; the schema was not compared.", 1),
        ("schema_only_built", "; the schema was not compared.", 0),
        ("type_wider", " on both sides.", 0),
    ],
)
def test_proof_of_rows_says_nothing_of_a_schema_that_is_not_equal(
    kind: str, ending: str, status: int
) -> None:
    found = factories.finding(kind, "users", "so it is")
    run = factories.run_record(Phase.COMPLETED_WITH_FINDINGS if status else Phase.COMPLETED)
    report = assemble(scenarios.school_facts(run=run, findings=(found,)))
    assert report.verdict.headline.startswith("Proved: ")
    assert report.verdict.headline.endswith(ending)
    assert report.exit_status == status


def test_lost_rows_are_found_even_where_digests_are_equal():
    facts = scenarios.school_facts(tables=(factories.table_facts(rows=100, rows_loaded=99),))
    report = assemble(facts)
    assert report.verdict.level is VerdictLevel.FAILED
    assert [finding.kind.value for finding in report.findings] == ["conservation"]
    assert report.tables[0].conserved is False


def test_skipped_validation_proves_nothing():
    table = factories.table_facts(equal=None, digest_target=None, rows_target=None)
    run = factories.run_record(given=factories.options(skip_validation=True))
    report = assemble(scenarios.school_facts(run=run, tables=(table,)))
    assert report.verdict.headline == "Loaded, not proved: 1,200 rows in 1 table; validation was skipped."
    assert report.verdict.level is VerdictLevel.ATTENTION


def test_empty_database_is_success_with_nothing_to_do():
    report = assemble(scenarios.empty_facts())
    assert report.verdict.headline == "Nothing to do: the source holds no tables. Nothing was compared."
    assert report.exit_status == 0
    assert {part.state for part in report.verdict.parts} == {PartState.NOT_CHECKED}


def test_dry_run_says_that_nothing_was_written():
    report = assemble(scenarios.dry_run_facts())
    assert report.verdict.headline.startswith(
        "Dry run: 300,128 rows of 301,337 in 11 tables would be loaded;"
    )
    assert report.verdict.headline.endswith("Nothing was written.")
    assert report.exit_status == 1


def test_validation_counts_the_tables_that_differ():
    report = assemble(scenarios.validate_facts())
    assert report.verdict.headline == "Different: 1 of 11 tables differs between the two sides."
    assert (report.verdict.level, report.exit_status) == (VerdictLevel.FAILED, 1)


def test_failed_run_says_where_it_stopped_and_what_is_safe():
    report = assemble(scenarios.failed_facts())
    assert report.verdict.headline == (
        "Failed while copying: The disk of the server is full (table question_history, chunk 3)."
    )
    assert "No table that users see has changed." in report.verdict.detail
    assert "192,027 rows of 301,337 are in staging already" in report.verdict.detail
    assert report.resume_command == f"migration-cli resume {factories.RUN_ID}"
    assert report.exit_status == 3


def test_unusable_input_keeps_its_own_exit_status():
    assert assemble(scenarios.failed_facts(failure={"exit_status": 2})).exit_status == 2


def test_cancelled_run_is_neither_good_nor_bad():
    report = assemble(scenarios.cancelled_facts())
    assert report.verdict.headline == "Cancelled while copying: no table that users see has changed."
    assert (report.verdict.level, report.exit_status) == (VerdictLevel.NEUTRAL, 130)


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        (Mode.DRY_RUN, "nothing was written."),
        (Mode.VALIDATE, "neither side was changed, and nothing is proved."),
    ],
)
def test_rehearsal_or_comparison_that_ends_early_does_not_speak_of_users_tables(mode: Mode, words: str):
    def of_mode(facts: Facts) -> Report:
        run = replace(facts.run, mode=mode.value, options=replace(facts.run.options, mode=mode))
        return assemble(replace(facts, run=run))

    assert of_mode(scenarios.cancelled_facts()).verdict.headline == f"Cancelled while copying: {words}"
    assert of_mode(scenarios.failed_facts()).verdict.detail.lower().endswith(words)


def test_rolled_back_run_lasts_as_long_as_the_migration_did():
    facts = scenarios.school_facts()
    changes = (*facts.phase_changes, factories.PhaseChange(factories.at(90_000), Phase.ROLLED_BACK))
    run = factories.run_record(Phase.ROLLED_BACK, finished_at=factories.at(90_000))
    report = assemble(replace(facts, run=run, phase_changes=changes))
    assert report.seconds == pytest.approx(9.6)
    assert report.verdict.headline.startswith("Rolled back")


def test_unfinished_run_says_what_it_is_doing():
    run = factories.run_record(Phase.COPYING)
    report = assemble(scenarios.school_facts(run=run, phase_changes=factories.phase_changes(Phase.COPYING)))
    assert report.verdict.headline == "Not finished: the run is copying."
    assert report.exit_status == 130


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("equal", [True, False, None])
def test_proved_is_only_said_of_completed_runs_with_equal_tables(
    mode: Mode, phase: Phase, equal: bool | None
):
    run = factories.run_record(phase, factories.options(mode=mode))
    report: Report = assemble(scenarios.school_facts(run=run, tables=(factories.table_facts(equal=equal),)))
    if report.verdict.headline.startswith("Proved"):
        assert equal is True
        assert phase in (Phase.COMPLETED, Phase.COMPLETED_WITH_FINDINGS, Phase.READY)
