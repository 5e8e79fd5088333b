from __future__ import annotations

import pickle

import pytest

from migration.errors import PermanentError
from migration.model import Phase
from migration.observers.run_happenings import ObservedStep, StepDone, StepGivenBack
from worker.task_notes import StepsFailedError, TaskNotes

RUN = "0198c2d4-1111-7222-8333-444455556666"


def _step(table: str = "book", chunk: int = 0) -> ObservedStep:
    return ObservedStep(RUN, Phase.COPYING, 7, 1, 3, 1, "w", "school", table, chunk)


def test_result_names_the_first_steps_and_counts_all_rows() -> None:
    notes = TaskNotes()
    with notes.of_one_task():
        for chunk in range(5):
            notes.observe(StepDone(_step(chunk=chunk), 0.1, "book", 1000, 0, 10))
        notes.observe(StepGivenBack(_step(chunk=9), PermanentError("x"), final=False))
    assert notes.result() == (
        "run 0198c2d4-1111-7222, copying, table book of source school, chunk 0; "
        "run 0198c2d4-1111-7222, copying, table book of source school, chunk 1; "
        "run 0198c2d4-1111-7222, copying, table book of source school, chunk 2; 2 more; 5,000 rows; 1 to be tried again"
    )


def test_next_task_begins_with_nothing() -> None:
    notes = TaskNotes()
    notes.observe(StepGivenBack(_step(), PermanentError("x"), final=True))
    with notes.of_one_task():
        assert notes.result() == "nothing was left to do"


def test_failure_for_good_is_raised_with_its_place_and_the_number_of_others() -> None:
    notes = TaskNotes()
    for chunk in (4, 5):
        notes.observe(StepGivenBack(_step(chunk=chunk), PermanentError("It is so"), final=True))
    with pytest.raises(StepsFailedError) as caught:
        notes.result()
    assert str(caught.value) == (
        "run 0198c2d4-1111-7222, copying, table book of source school, chunk 4: It is so. (1 more failed)"
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_long_names_and_errors_are_cut_and_passwords_left_out() -> None:
    notes = TaskNotes()
    error = PermanentError("password=hunter2 " + "y" * 5000)
    notes.observe(StepGivenBack(_step("t" * 5000), error, final=True))
    with pytest.raises(StepsFailedError) as caught:
        notes.result()
    assert len(str(caught.value)) <= 400
    assert "hunter2" not in str(caught.value)
    notes = TaskNotes()
    for chunk in range(9):
        notes.observe(StepDone(_step("t" * 5000, chunk), 0.1, None, None, None, None))
    assert len(notes.result()) <= 400
