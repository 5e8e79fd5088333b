from __future__ import annotations

import pickle
from typing import get_type_hints

import pytest

from migration import (
    access_errors,
    application_errors,
    cutover_errors,
    errors,
    evidence_errors,
    folder_errors,
    full_disk_errors,
    source_form_errors,
    target_name_errors,
    version_errors,
)
from migration.convoy_error import ConvoyError, NextStep, Place
from migration.error_record import error_classes, error_from_record, error_record
from migration.exit_status import ExitStatus

ALL = list(
    dict.fromkeys(
        item
        for module in (
            errors,
            evidence_errors,
            full_disk_errors,
            cutover_errors,
            source_form_errors,
            application_errors,
            access_errors,
            folder_errors,
            target_name_errors,
            version_errors,
        )
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, ConvoyError)
    )
)
EVERYWHERE: Place = {
    name: 3 if kind is int else f"a {name}"  # type: ignore[misc]
    for name, kind in get_type_hints(Place).items()
}
STEPS = (NextStep("Make room", "rm -r old"), NextStep("Go on", "migration-cli resume 0198"))


@pytest.mark.parametrize("error_type", ALL, ids=lambda item: item.__name__)
def test_error_survives_pickling(error_type: type[ConvoyError]) -> None:
    error = error_type("The disk is full", remedy="Make room", chunk=3)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is error_type
    assert str(copy) == "The disk is full (chunk 3). Make room."


@pytest.mark.parametrize("error_type", ALL, ids=lambda item: item.__name__)
def test_every_field_survives_pickling_and_the_ledger(error_type: type[ConvoyError]) -> None:
    error = error_type("Full", remedy="Make room", details="A log", next_steps=STEPS, **EVERYWHERE)
    for copy in (pickle.loads(pickle.dumps(error)), error_from_record(error_record(error))):
        assert type(copy) is error_type
        assert (copy.code, copy.exit_status) == (error_type.code, error_type.exit_status)
        assert (copy.what, copy.remedy, copy.details) == ("Full", "Make room", "A log")
        assert copy.next_steps == STEPS
        assert copy.place == EVERYWHERE
        assert str(copy) == str(error)


def test_an_exit_status_of_its_own_survives_pickling() -> None:
    error = errors.TargetOccupiedError("x")
    error.exit_status = ExitStatus.FAILED
    assert pickle.loads(pickle.dumps(error)).exit_status == 3


@pytest.mark.parametrize(
    ("error_type", "status"),
    [(errors.UsageError, 2), (errors.TargetOccupiedError, 2), (errors.PermanentError, 3)],
)
def test_error_knows_its_exit_status(error_type: type[ConvoyError], status: int) -> None:
    assert error_type("x").exit_status == status


def test_every_class_has_a_code_of_its_own() -> None:
    codes = [kind.code for kind in ALL]
    assert len(set(codes)) == len(codes)
    assert all("code" in vars(kind) for kind in ALL)
    assert all(set(code) <= set("abcdefghijklmnopqrstuvwxyz-") for code in codes)
    assert set(error_classes()) == set(ALL), (
        "errors are defined in migration/errors.py and in the modules whose names end in _errors.py"
    )
