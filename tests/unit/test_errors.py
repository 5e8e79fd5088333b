from __future__ import annotations

import pickle

import pytest

from migration import errors

ALL = [
    item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, errors.ConvoyError)
]


@pytest.mark.parametrize("error_type", ALL, ids=lambda item: item.__name__)
def test_error_survives_pickling(error_type: type[errors.ConvoyError]) -> None:
    error = error_type("The disk is full", "chunk 3", "Make room")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is error_type
    assert str(copy) == "The disk is full (chunk 3). Make room."


@pytest.mark.parametrize(
    ("error_type", "status"),
    [(errors.UsageError, 2), (errors.TargetOccupiedError, 2), (errors.PermanentError, 3)],
)
def test_error_knows_its_exit_status(error_type: type[errors.ConvoyError], status: int) -> None:
    assert error_type("x").exit_status == status
