"""Rows of the quarantine are judged as all others are: what they lose on their way into the target is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from migration.exit_status import ExitStatus
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import FindingKind, IfExists, Phase
from migration.report.report_builder import build_report
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine

if TYPE_CHECKING:
    from migration.report.report_model import Report
    from tests.support.direct import Direct

Build = Callable[[str], Path]

EPOCHS = """
CREATE TABLE t (id INTEGER PRIMARY KEY, d TEXT, f FLOAT);
INSERT INTO t VALUES (1, 'x', 0.123456789), (2, 'y', 2);
"""
NOW_DATES = """d = { expression = "'2024-01-0' || id" }"""


def told(report: Report) -> set[tuple[str | None, str, str | None]]:
    return {(f.column, f.loss, f.key) for f in report.findings if f.kind is FindingKind.LOSSY_VALUE}


def make(direct: Direct, schema: str, *statements: str) -> str:
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"SET search_path = {schema}".encode())
        for statement in statements:
            connection.execute(statement.encode())
    return schema


def test_rows_of_a_load_are_judged_as_if_they_had_come_with_the_others(direct: Direct, build: Build) -> None:
    path = build(EPOCHS)
    table = "CREATE TABLE t (id int PRIMARY KEY, d date, f real)"
    schema = make(direct, "retry_loss", table)
    rules = parse_mapping(f"[tables.t.columns]\n{NOW_DATES}", "dates.toml")
    run = direct.migrate(path, target_schema=schema, data_only=True)
    result = retry_quarantine(direct.ledger, run.id, rules)
    assert (result.stored, result.remaining, result.phase) == (2, 0, Phase.COMPLETED_WITH_FINDINGS)
    assert result.tables[0].lost == ("f: rounded_to_real",)
    late = build_report(direct.ledger, run.id)
    at_once = direct.migrate(
        path, target_schema=make(direct, "retry_loss_2", table), data_only=True, mapping=rules
    )
    early = build_report(direct.ledger, at_once.id)
    assert told(late) == told(early) == {("f", "rounded_to_real", "1")}
    assert late.exit_status == early.exit_status == ExitStatus.FINDINGS
    assert late.verdict.headline.startswith(early.verdict.headline)
    assert "2 rows by dates.toml" in late.verdict.headline


def test_rows_of_a_migration_are_judged_so_and_the_first_line_names_the_mapping(
    direct: Direct, build: Build
) -> None:
    path = build(
        """
        CREATE TABLE t (id INTEGER PRIMARY KEY, q TEXT, w DATETIME);
        INSERT INTO t VALUES (1, 'abc', '2024-01-01 10:00:00.123456789'), (2, '5', '2024-01-01 10:00:00');
        """
    )
    run = direct.migrate(
        path, mapping=parse_mapping('[tables.t.columns]\nq = { type = "integer" }', "a.toml")
    )
    assert told(build_report(direct.ledger, run.id)) == set()
    rules = parse_mapping('[tables.t.columns]\nq = { type = "integer", expression = "0" }', "zero.toml")
    retry_quarantine(direct.ledger, run.id, rules)
    report = build_report(direct.ledger, run.id)
    # 0 is a number of the mapping's, beside the text '5', which has become one.
    assert told(report) == {("w", "fraction_rounded", "1"), ("q", "class_dropped", "1")}
    assert report.verdict.headline.startswith("Not proved")
    assert "1 row by zero.toml" in report.verdict.headline
    acts = [act for act in report.evidence.acts if act.act == "retried"] if report.evidence else []
    assert [(act.data["stored"], act.data["mapping_file"]) for act in acts] == [(1, "zero.toml")]


def test_who_signed_for_the_run_has_signed_for_its_retries_and_so_does_their_mapping(
    direct: Direct, build: Build
) -> None:
    path = build(EPOCHS)
    table = "CREATE TABLE t (id int PRIMARY KEY, d date, f real)"
    signed = direct.migrate(
        path,
        target_schema=make(direct, "retry_signed", table),
        data_only=True,
        accept=("rounded_to_real",),
        accepted_by="ann@desk",
    )
    retry_quarantine(direct.ledger, signed.id, parse_mapping(f"[tables.t.columns]\n{NOW_DATES}", "a.toml"))
    report = build_report(direct.ledger, signed.id)
    assert [(f.loss, f.accepted_by) for f in report.accepted] == [("rounded_to_real", "ann@desk")]
    assert (report.exit_status, report.status) == (ExitStatus.PROVED, Phase.COMPLETED)
    run = direct.migrate(path, target_schema=make(direct, "retry_asked", table), data_only=True)
    rules = f'[tables.t.columns]\n{NOW_DATES}\nf = {{ rules = {{ real = "real_to_float32" }} }}'
    retry_quarantine(direct.ledger, run.id, parse_mapping(rules, "b.toml"))
    report = build_report(direct.ledger, run.id)
    assert [f.accepted_by for f in report.accepted] == ["the mapping file b.toml"]
    assert report.exit_status == ExitStatus.PROVED


def test_what_only_the_server_knows_is_asked_in_a_retry_too(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INTEGER);"
        "INSERT INTO t VALUES (1, '{1.239}', -1), (2, '{1.50}', 1);"
    )
    schema = make(
        direct, "retry_cast", "CREATE TABLE t (id int PRIMARY KEY, a numeric(10,2)[], n int CHECK (n > 0))"
    )
    run = direct.migrate(path, target_schema=schema, data_only=True)
    report = build_report(direct.ledger, run.id)
    assert told(report) == set(), "the row that lost something was refused: it is in quarantine"
    direct.query(f"ALTER TABLE {schema}.t DROP CONSTRAINT t_n_check")
    assert retry_quarantine(direct.ledger, run.id).stored == 1
    assert told(build_report(direct.ledger, run.id)) == {("a", "cut_by_type", "1")}


def test_loss_of_a_row_that_a_constraint_refused_counts_once_it_is_stored(
    direct: Direct, build: Build
) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, f FLOAT, n INTEGER);"
        "INSERT INTO t VALUES (1, 0.123456789, -1), (2, 0.987654321, 1);"
    )
    schema = make(direct, "retry_check", "CREATE TABLE t (id int PRIMARY KEY, f real, n int CHECK (n > 0))")
    run = direct.migrate(path, target_schema=schema, data_only=True)
    assert told(build_report(direct.ledger, run.id)) == {("f", "rounded_to_real", "2")}
    direct.query(f"ALTER TABLE {schema}.t DROP CONSTRAINT t_n_check")
    retry_quarantine(direct.ledger, run.id)
    report = build_report(direct.ledger, run.id)
    assert told(report) == {("f", "rounded_to_real", "1"), ("f", "rounded_to_real", "2")}


def test_row_that_is_still_refused_has_lost_nothing(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, f FLOAT, n INTEGER);"
        "INSERT INTO t VALUES (1, 0.123456789, -1), (2, 2.5, -5);"
    )
    schema = make(direct, "retry_refused", "CREATE TABLE t (id int PRIMARY KEY, f real, n int CHECK (n > 0))")
    run = direct.migrate(path, target_schema=schema, data_only=True)
    rules = parse_mapping('[tables.t.columns]\nn = { expression = "n + 6" }', "a.toml")
    direct.query(f"ALTER TABLE {schema}.t DROP CONSTRAINT t_n_check, ADD CHECK (n < 5)")
    assert retry_quarantine(direct.ledger, run.id, rules).stored == 1
    report = build_report(direct.ledger, run.id)
    assert told(report) == set()
    assert report.verdict.headline.startswith("Proved, with 1 row kept out")


def test_values_of_another_class_that_come_later_are_told_apart_no_more(direct: Direct, build: Build) -> None:
    path = build("CREATE TABLE t (id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES (1, 5), (2, '5')")
    first = parse_mapping(
        '[tables.t.columns]\nv = { type = "text", rules = { integer = "integer_to_text", text = "quarantine" } }',
        "a.toml",
    )
    run = direct.migrate(path, mapping=first)
    assert told(build_report(direct.ledger, run.id)) == set()
    rules = '[tables.t.columns]\nv = { type = "text", rules = { integer = "integer_to_text", text = "text_to_text" } }'
    retry_quarantine(direct.ledger, run.id, parse_mapping(rules, "b.toml"))
    assert told(build_report(direct.ledger, run.id)) == {("v", "class_dropped", "2")}


@pytest.mark.parametrize("first", ["2024-05-01", "2024-5-1"])
def test_stored_times_are_spelled_as_the_rows_before_them(direct: Direct, build: Build, first: str) -> None:
    path = build(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, d TEXT);"
        "INSERT INTO t VALUES (1, 'x'), (2, '2024-05-02'), (3, '2024-05-03');"
    )
    days = parse_mapping('[tables.t.columns]\nd = { type = "date" }', "a.toml")
    run = direct.migrate(path, mapping=days, if_exists=IfExists.REPLACE)
    assert [t.rows_quarantined for t in build_report(direct.ledger, run.id).tables] == [1]
    asked = f"""[tables.t.columns]\nd = {{ type = "date", expression = "replace(d, 'x', '{first}')" }}"""
    retry_quarantine(direct.ledger, run.id, parse_mapping(asked, "b.toml"))
    lost = set() if first == "2024-05-01" else {("d", "time_respelled", "1")}
    assert told(build_report(direct.ledger, run.id)) == lost


def test_key_with_the_character_nul_names_its_row(direct: Direct, build: Build) -> None:
    path = build(
        "CREATE TABLE t (k TEXT PRIMARY KEY, f TEXT) WITHOUT ROWID;"
        "INSERT INTO t VALUES ('a' || char(0), 'x' || char(0))"
    )
    run = direct.migrate(path)
    assert run.error is None
    assert told(build_report(direct.ledger, run.id)) == {
        ("k", "nul_stripped", "a\\x00"), ("f", "nul_stripped", "a\\x00")
    }  # fmt: skip
