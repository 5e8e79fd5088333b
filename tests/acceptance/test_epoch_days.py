"""Dates as numbers, as Knex and Directus write them: what tells itself, and what is asked where it is not plain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from migration.exit_status import ExitStatus
from migration.mapping_file.mapping_file_reader import parse_mapping
from migration.model import IfExists, Phase
from migration.report.report_builder import build_report
from migration.steps.quarantine_retry.retry_transaction import retry_quarantine

if TYPE_CHECKING:
    from migration.report.report_model import Recommendation, Report
    from tests.support.direct import Direct

Build = Callable[[str], Path]
TZ = "timestamp with time zone"
FEB, MAY_1850, YEAR_999 = 1709164800000, -3776198400000, -30641760000000


def filled(declared: str, *values: Any) -> str:
    rows = ", ".join(f"({number}, {value!r})" for number, value in enumerate(values, 1))
    return f"CREATE TABLE t (id INTEGER PRIMARY KEY, d {declared}); INSERT INTO t VALUES {rows}"


def type_of(report: Report) -> str:
    return next(c.target_type for t in report.tables for c in t.columns if c.name == "d")


def advice(report: Report, title: str) -> Recommendation:
    return next(found for found in report.recommendations if title in found.title)


@pytest.mark.parametrize(
    ("declared", "values", "type_"),
    [
        ("DATE", (FEB, 1719273600000), "date"),
        ("DATE", (FEB, MAY_1850), "date"),
        ("DATE", (FEB, YEAR_999, 253402214400000), "date"),  # the last is 9999-12-31
        ("DATE", (MAY_1850,), "date"),
        ("DATE", (FEB // 1000, -631152000), "date"),
        ("DATE", (FEB * 1000, MAY_1850 * 1000), "date"),
        ("DATE", (-86400000, 86400000 * 365), "date"),  # milliseconds near 1970, and no seconds
        ("DATE", (FEB, "2024-06-25"), "date"),
        ("DATE", (FEB, FEB + 3_600_000), TZ),  # a time of day
        ("DATE", (FEB // 1000, FEB), "bigint"),  # two units
        ("DATE", (20240115, 20240116), "integer"),
        ("DATE", (20240115,), "integer"),
        ("DATE", (19700, 3), "integer"),  # days
        ("DATE", (0,), "integer"),
        ("DATE", (2460311, 2460312), "integer"),  # Julian days
        ("DATETIME", (FEB, MAY_1850), TZ),
        ("DATETIME", (FEB + 1, MAY_1850), "bigint"),
        ("INTEGER", (FEB, MAY_1850), "bigint"),
    ],
)
def test_numbers_of_a_date_column_are_dates_where_all_are_midnights(
    direct: Direct, build: Build, declared: str, values: tuple[Any, ...], type_: str
) -> None:
    run = direct.migrate(build(filled(declared, *values)), if_exists=IfExists.REPLACE)
    report = build_report(direct.ledger, run.id)
    assert (type_of(report), report.exit_status) == (type_, ExitStatus.PROVED)


def test_days_are_those_of_the_source(direct: Direct, build: Build) -> None:
    path = build(filled("DATE", FEB, MAY_1850, YEAR_999))
    run = direct.migrate(path, if_exists=IfExists.REPLACE)
    assert direct.query(f'SELECT d FROM "{run.options.target_schema}".t ORDER BY id') == [
        (date(2024, 2, 29),), (date(1850, 5, 4),), (date(999, 1, 1),)
    ]  # fmt: skip


def test_midnights_are_those_of_a_clock_in_the_zone_of_the_source(direct: Direct, build: Build) -> None:
    summer, winter = 1719266400000, 1704063600000  # 2024-06-25 and 2024-01-01 began then in Berlin
    path = build(filled("DATE", summer, winter, -2208992400000))
    run = direct.migrate(path, source_timezone="Europe/Berlin", if_exists=IfExists.REPLACE)
    assert type_of(build_report(direct.ledger, run.id)) == "date"
    assert direct.query(f'SELECT d FROM "{run.options.target_schema}".t ORDER BY id') == [
        (date(2024, 6, 25),), (date(2024, 1, 1),), (date(1900, 1, 1),)
    ]  # fmt: skip


def test_advice_asks_what_numbers_count_that_may_be_moments(direct: Direct, build: Build) -> None:
    path = build(filled("DATE", FEB + 1, MAY_1850))
    run = direct.migrate(path, if_exists=IfExists.REPLACE)
    report = build_report(direct.ledger, run.id)
    assert type_of(report) == "bigint"
    (entry,) = advice(report, "Say what the numbers").commands
    assert 'd = { epoch = "ms", type = "date" }' in entry
    assert not any("wider types" in found.title for found in report.recommendations)
    again = direct.migrate(
        path,
        if_exists=IfExists.REPLACE,
        mapping=parse_mapping(entry.replace(', type = "date"', f', type = "{TZ}"'), "a.toml"),
    )
    assert (again.phase, type_of(build_report(direct.ledger, again.id))) == (Phase.COMPLETED, TZ)


def test_load_into_dates_takes_midnights_of_all_years(direct: Direct, build: Build) -> None:
    schema = standing(direct, "days_standing", "date")
    run = direct.migrate(build(filled("DATE", FEB, YEAR_999)), target_schema=schema, data_only=True)
    assert (run.phase, run.error) == (Phase.COMPLETED, None)
    assert direct.query(f"SELECT d::text FROM {schema}.t ORDER BY id") == [("2024-02-29",), ("0999-01-01",)]


def test_what_a_load_keeps_apart_gets_in_by_the_entry_that_the_advice_shows(
    direct: Direct, build: Build
) -> None:
    schema = standing(direct, "days_asked", TZ)
    run = direct.migrate(build(filled("DATETIME", FEB + 1, MAY_1850)), target_schema=schema, data_only=True)
    assert run.phase is Phase.COMPLETED_WITH_FINDINGS
    found = advice(build_report(direct.ledger, run.id), "Say what the numbers")
    assert not any("ALTER" in command for command in found.commands)
    (entry,) = [command for command in found.commands if command.startswith("[tables")]
    assert found.commands[-1].endswith("--mapping FILE.toml")
    result = retry_quarantine(direct.ledger, run.id, parse_mapping(entry, "a.toml"))
    assert (result.stored, result.remaining, result.phase) == (2, 0, Phase.COMPLETED)


def test_numbers_of_which_nothing_is_known_are_asked_for_too(direct: Direct, build: Build) -> None:
    schema = standing(direct, "days_unknown", "date")
    run = direct.migrate(build(filled("DATE", 20240115, 3)), target_schema=schema, data_only=True)
    found = advice(build_report(direct.ledger, run.id), "Say what the numbers")
    assert any("what do they count?" in command for command in found.commands)
    assert not any("ALTER" in command for command in found.commands)


def standing(direct: Direct, schema: str, type_: str) -> str:
    with psycopg.connect(direct.url) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
        connection.execute(f"CREATE TABLE {schema}.t (id int PRIMARY KEY, d {type_})".encode())
    return schema
