from __future__ import annotations

from migration.model import Phase
from migration.report.report_model import PhaseReport
from migration.report.run_timeline import PhaseChange, Work, phase_spans, phase_totals, work_spans
from tests.unit.report.factories import START, at


def test_each_phase_lasts_until_the_next_one():
    changes = [
        PhaseChange(at(0), Phase.SNAPSHOTTING),
        PhaseChange(at(2), Phase.PROFILING),
        PhaseChange(at(5), Phase.COMPLETED),
    ]
    assert phase_totals(phase_spans(changes, START, at(9))) == (
        PhaseReport("snapshotting", 2.0),
        PhaseReport("profiling", 3.0),
    )


def test_phase_of_an_unfinished_run_lasts_until_now():
    assert phase_totals(phase_spans([PhaseChange(at(1), Phase.COPYING)], START, at(4))) == (
        PhaseReport("copying", 3.0),
    )


def test_resumed_run_adds_up_and_its_pause_does_not_count():
    changes = [
        PhaseChange(at(0), Phase.COPYING),
        PhaseChange(at(2), Phase.FAILED),
        PhaseChange(at(1000), Phase.COPYING),
        PhaseChange(at(1003), Phase.COMPLETED),
    ]
    assert phase_totals(phase_spans(changes, START, at(1003))) == (PhaseReport("copying", 5.0),)


def test_steps_that_follow_each_other_closely_are_one_bar():
    works = [Work("w1", "copying", at(n), at(n + 0.99), f"t{n}") for n in range(10)]
    (span,) = work_spans(works, START, at(100))
    assert (span.steps, span.start, span.end) == (10, 0.0, 9.99)
    assert span.tables == ("t0", "t1", "t2", "t3", "t4")


def test_pauses_workers_and_phases_part_the_bars():
    works = [
        Work("w1", "copying", at(0), at(1)),
        Work("w1", "copying", at(50), at(51)),
        Work("w1", "validating", at(51), at(52)),
        Work("w2", "copying", at(0), at(1), failed=True),
    ]
    spans = work_spans(reversed(works), START, at(100))
    assert [(s.worker, s.phase, s.start, s.failed) for s in spans] == [
        ("w1", "copying", 0.0, 0),
        ("w1", "copying", 50.0, 0),
        ("w1", "validating", 51.0, 0),
        ("w2", "copying", 0.0, 1),
    ]


def test_hundred_thousand_steps_become_few_bars():
    works = (Work(f"w{n % 4}", "copying", at(n / 1000), at((n + 1) / 1000)) for n in range(100_000))
    assert len(work_spans(works, START, at(100))) <= 4


def test_names_of_tables_are_shown_as_what_they_are() -> None:
    begun = START
    (span,) = work_spans([Work("w", "copying", begun, begun, "a\rb\x85")], begun, begun)
    assert span.tables == ("a\\rb\\x85",)
