"""What PostgreSQL says of a ledger that is away is one error, whoever asks; what it says of other tables is none."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.exc import ProgrammingError

from migration.errors import TargetRefusedError
from migration.target.postgres_errors import translate
from migration.version_errors import LedgerMissingError

RUN = "0198c2f0-0000-7000-8000-000000000001"
STAGING = "convoy_0198c2f0000070008000000000000001_staging"


def refused(kind: type[psycopg.Error], message: str, statement: str) -> ProgrammingError:
    return ProgrammingError(statement, {}, kind(message))


@pytest.mark.parametrize(
    ("kind", "message", "statement"),
    [
        (psycopg.errors.UndefinedTable, 'relation "convoy.runs" does not exist\nLINE 1: ...', "SELECT 1"),
        (psycopg.errors.UndefinedTable, "Relation »convoy.steps« existiert nicht", "SELECT 1"),
        (psycopg.errors.InvalidSchemaName, 'schema "convoy" does not exist', "INSERT INTO x"),
        (
            psycopg.errors.UndefinedColumn,
            "column runs.phase does not exist",
            "SELECT convoy.runs.phase FROM convoy.runs",
        ),
    ],
)
def test_whatever_the_ledger_lacks_is_a_missing_ledger_that_names_what_is_staged(
    kind: type[psycopg.Error], message: str, statement: str
) -> None:
    for error in (refused(kind, message, statement), kind(message)):
        if kind is psycopg.errors.UndefinedColumn and not isinstance(error, ProgrammingError):
            continue
        found = translate(error, run=RUN, phase="copying")
        assert isinstance(found, LedgerMissingError)
        assert STAGING in str(found)
        assert [step.command for step in found.next_steps] == [
            f"migration-cli resume {RUN}",
            "migration-cli cleanup",
        ]
    assert "API, producer and workers" in str(translate(refused(kind, message, statement)))


@pytest.mark.parametrize(
    ("kind", "message", "statement"),
    [
        (psycopg.errors.UndefinedTable, 'relation "public.convoy" does not exist', "SELECT 1"),
        (psycopg.errors.UndefinedTable, f'relation "{STAGING}.book" does not exist', "SELECT 1"),
        (psycopg.errors.UndefinedTable, 'relation "my.convoy.runs" does not exist', "SELECT 1"),
        (psycopg.errors.InvalidSchemaName, 'schema "convoy_2" does not exist', "SELECT 1"),
        (psycopg.errors.UndefinedColumn, 'column "x" does not exist', "SELECT x FROM shop.book"),
        (psycopg.errors.UndefinedFunction, "function convoy.f() does not exist", "SELECT convoy.f()"),
    ],
)
def test_other_tables_that_are_missing_are_no_ledger(
    kind: type[psycopg.Error], message: str, statement: str
) -> None:
    assert isinstance(translate(refused(kind, message, statement)), TargetRefusedError)
