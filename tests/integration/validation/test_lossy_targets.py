"""A target is not equal to a source that cannot be had back from it, whoever has filled it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import psycopg
import pytest

from migration.finding_kinds import KIND_FACTS, VerdictPart
from migration.model import Finding, FindingKind
from migration.run_options import RunOptions
from migration.validation.database_comparison import ValidationResult
from tests.support.lossy_values import KEPT, LOSSY, REFUSED, TYPES_SQL, Lossy, name_of

Validate = Callable[..., ValidationResult]


def standing(target: psycopg.Connection, case: Lossy) -> str:
    """Make the target, filled as somebody else would fill it; return the source as SQL."""
    target.execute(TYPES_SQL)
    target.execute(f"CREATE TABLE t (id integer PRIMARY KEY, v {case.target_type})".encode())
    target.execute(f"INSERT INTO t VALUES (7, {case.stored})".encode())
    return (
        f"CREATE TABLE t (id INTEGER PRIMARY KEY, v {case.declared}); INSERT INTO t VALUES (7, {case.value})"
    )


def of_values(result: ValidationResult) -> list[Finding]:
    """What was found of rows and values; that the column has another type is another matter."""
    return [f for f in result.findings if KIND_FACTS[f.kind].part is not VerdictPart.SCHEMA]


@pytest.mark.parametrize("case", LOSSY, ids=name_of)
def test_loss_is_named_counted_and_found_by_key(
    target: psycopg.Connection, validate: Validate, case: Lossy
) -> None:
    result = validate(standing(target, case))
    (finding,) = [f for f in result.findings if f.kind is FindingKind.LOSSY_VALUE]
    assert (finding.table, finding.column, finding.loss, finding.key) == ("t", "v", case.loss, "7")
    assert finding.is_error
    assert not result.equal
    assert of_values(result) == [finding]  # all else is as it is in the target


@pytest.mark.parametrize("case", LOSSY, ids=name_of)
@pytest.mark.parametrize("place", ["", "T.v:"], ids=["everywhere", "one column"])
def test_loss_that_somebody_signs_for_leaves_the_table_equal(
    target: psycopg.Connection, validate: Validate, case: Lossy, place: str
) -> None:
    options = RunOptions(accept=(place + case.loss,), accepted_by="ann@desk")
    result = validate(standing(target, case), options)
    assert result.equal
    assert [f.accepted_by for f in of_values(result)] == ["ann@desk"]
    other = dataclasses.replace(options, accept=("t.id:" + case.loss,))
    target.execute("DROP TABLE t; DROP DOMAIN dur, code3, d2; DROP DOMAIN d1")
    assert not validate(
        standing(target, case).replace("CREATE TABLE t", "DROP TABLE t; CREATE TABLE t"), other
    ).equal


@pytest.mark.parametrize("case", REFUSED, ids=name_of)
def test_value_that_its_type_has_cut_is_different(
    target: psycopg.Connection, validate: Validate, case: Lossy
) -> None:
    result = validate(standing(target, case))
    assert not result.equal
    assert FindingKind.TYPE_MISMATCH in {finding.kind for finding in result.findings}


@pytest.mark.parametrize("case", KEPT, ids=name_of)
def test_value_that_can_be_had_back_is_equal(
    target: psycopg.Connection, validate: Validate, case: Lossy
) -> None:
    result = validate(standing(target, case))
    assert (result.equal, of_values(result)) == (True, [])


def test_scale_of_texts_is_compared_where_the_target_keeps_it(
    target: psycopg.Connection, validate: Validate
) -> None:
    result = validate(standing(target, Lossy("TEXT", "'1.50'", "numeric", "1.5", "")))
    assert FindingKind.DIFFERING_ROW in {finding.kind for finding in result.findings}


def test_document_that_keeps_its_text_is_compared_with_all_its_keys(
    target: psycopg.Connection, validate: Validate
) -> None:
    twice = """'{"a":1,"a":2}'"""
    assert validate(standing(target, Lossy("TEXT", twice, "json", twice, ""))).equal
    target.execute("""UPDATE t SET v = '{"a":2}'""")
    sql = f"DROP TABLE t; CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT); INSERT INTO t VALUES (7, {twice})"
    assert not validate(sql).equal
