"""What the server's limits and timeouts are told with: never without something to do."""

from __future__ import annotations

import psycopg
import pytest

from migration.errors import RetryableError, TargetLimitError, TargetRefusedError
from migration.target.postgres_errors import state_of, translate

LIMITS = ("53000", "53400", "54000", "54001", "54011", "54023")
TIMEOUTS = ("53200", "53300", "57014", "25P03", "25P04", "57P05")


def error_of(state: str) -> psycopg.Error:
    """Return an error as psycopg raises it for a SQLSTATE, of newer servers, too."""
    kind = type("ServerError", (psycopg.OperationalError,), {"sqlstate": state})
    return kind("the server's words")


@pytest.mark.parametrize("state", [*LIMITS, *TIMEOUTS, "25006"])
def test_every_limit_and_timeout_has_a_remedy(state: str) -> None:
    assert translate(error_of(state)).remedy


@pytest.mark.parametrize("state", LIMITS)
def test_a_limit_is_no_passing_fault(state: str) -> None:
    assert isinstance(translate(error_of(state)), TargetLimitError)


@pytest.mark.parametrize("state", TIMEOUTS)
def test_a_statement_or_session_that_was_ended_is_tried_again(state: str) -> None:
    assert isinstance(translate(error_of(state)), RetryableError)


def test_the_state_is_that_of_what_an_error_was_raised_from() -> None:
    error = TargetRefusedError("The chunk cannot be stored")
    error.__cause__ = error_of("53400")
    assert state_of(error) == "53400"
    assert state_of(TargetRefusedError("It cannot be stored")) == ""
