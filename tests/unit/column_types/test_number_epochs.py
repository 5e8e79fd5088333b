"""What numbers count: found in columns of times, proposed in columns of numbers, said in a mapping file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from migration.column_types.column_decision import decide, fit, fit_interval
from migration.column_types.epoch_unit import find_declared_unit, propose_integer_unit, propose_real_unit
from migration.mapping_file.accepted_losses import is_requested
from migration.mapping_file_model import ColumnOverride, EpochUnit
from migration.model import StorageClass
from migration.value_conversion.batch_conversion import Context, Converter
from migration.value_conversion.number_epochs import EPOCHS
from migration.value_conversion.rules import RULES, Misfit
from tests.support.column_factories import column, profile, raw, table

TZ = "timestamp with time zone"
MOMENT = datetime(2024, 6, 25, 14, 34, 38, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("epoch_s_to_timestamptz", 1_719_326_078),
        ("epoch_ms_to_timestamptz", 1_719_326_078_000),
        ("epoch_ms_fraction_to_timestamptz", 1_719_326_078_000.0),
        ("epoch_us_to_timestamptz", 1_719_326_078_000_000),
        ("epoch_ns_to_timestamptz", 1_719_326_078_000_000_000),
        ("epoch_us1601_to_timestamptz", 13_363_799_678_000_000),
        ("epoch_filetime_to_timestamptz", 133_637_996_780_000_000),
        ("epoch_ticks_to_timestamptz", 638_549_228_780_000_000),
        ("epoch_s2001_to_timestamptz", 741_018_878),
        ("epoch_s2001_fraction_to_timestamptz", 741_018_878.0),
        ("epoch_ns2001_to_timestamptz", 741_018_878_000_000_000),
        ("epoch_s1904_to_timestamptz", 3_802_170_878),
    ],
)
def test_each_way_to_count_gives_the_same_moment(rule: str, number: float) -> None:
    assert RULES[rule].scalar(number, Context()) == MOMENT


def test_days_begin_at_midnight_of_the_sources_zone() -> None:
    berlin = Context("Europe/Berlin")
    assert RULES["epoch_days_to_date"].scalar(19_899, berlin) == MOMENT.date()
    assert RULES["epoch_days1899_to_date"].scalar(45_468, berlin) == MOMENT.date()
    assert RULES["epoch_days_to_timestamptz"].scalar(19_899, berlin) == datetime(2024, 6, 24, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "rule", [name for name in RULES if name.startswith(("epoch_", "julian_", "duration_"))]
)
def test_numbers_beyond_the_calendar_are_misfits(rule: str) -> None:
    far: float = 2**63 - 1
    if RULES[rule].storage_class is StorageClass.REAL:
        far = float("inf")
    try:
        RULES[rule].scalar(far, Context())
    except Misfit:
        return
    # 64 bits of a unit as small as these do not leave the calendar, or the time that an interval can hold.
    assert any(f"_{unit}_" in rule for unit in ("ns", "ns2001", "ticks", "filetime", "us", "ms", "s"))


@pytest.mark.parametrize(
    ("smallest", "largest", "unit"),
    [
        (0, 1_719_326_078, EpochUnit.SECONDS),
        (1_700_000_000_000_000_000, 1_719_326_078_574_204_593, EpochUnit.NANOSECONDS),
        (0, 13_363_799_678_574_204, EpochUnit.MICROSECONDS_1601),  # in Chrome 0 means never
        (133_637_996_785_742_045, 133_637_996_785_742_045, EpochUnit.FILETIME),
        (638_549_228_785_742_045, 638_549_228_785_742_046, EpochUnit.TICKS),
        (5, 638_549_228_785_742_045, None),
        (-1, 1_719_326_078_574_204_593, None),
        (300_000_000_000_000_000, 300_000_000_000_000_000, None),
        (
            741_018_878_574_204_593,
            741_018_878_574_204_593,
            None,
        ),  # could be of 1993, or of 2024 counted from 2001
        (45_468, 45_469, None),
    ],
)
def test_large_numbers_are_moments_where_one_reading_is_plausible(
    smallest: int, largest: int, unit: EpochUnit | None
) -> None:
    assert find_declared_unit(smallest, largest) is unit


def test_no_number_is_plausible_in_two_units() -> None:
    for exponent in range(40, 640):
        number = int(10 ** (exponent / 35))
        if number < 2**63:
            moments = [unit for unit in EpochUnit if find_declared_unit(number, number) is unit]
            assert len(moments) <= 1


def decided(name: str, declared: str, values: list[Any], *others: str) -> Any:
    source = column(name, declared)
    made = table(source, *(column(other, "INTEGER") for other in others))
    return decide(source, made, profile(values, source, made))


@pytest.mark.parametrize(
    ("values", "rules"),
    [
        (
            [741_018_878.5, 741_018_878],
            {"real": "epoch_s2001_fraction_to_timestamptz", "integer": "epoch_s2001_to_timestamptz"},
        ),
        ([2_000_000.25], {"real": "epoch_s2001_fraction_to_timestamptz"}),  # elsewhere a Julian day
        ([741_018_878], {"integer": "epoch_s2001_to_timestamptz"}),  # elsewhere seconds since 1970
    ],
)  # fmt: skip
def test_tables_of_core_data_count_from_2001(values: list[Any], rules: dict[str, str]) -> None:
    plan = decided("ZDATE", "TIMESTAMP", values, "Z_PK")
    assert (plan.target_type, plan.rules) == (TZ, rules)
    assert "seconds since 2001" in plan.reason


@pytest.mark.parametrize(
    ("name", "declared", "values", "unit"),
    [
        ("created_at", "INTEGER", [1_719_326_078], "s"),
        ("createdAt", "INTEGER", [0, 1_719_326_078_574], "ms"),
        ("last_visit_time", "INTEGER", [13_363_799_678_574_204], "us1601"),
        ("CreatedTime", "BIGINT", [638_549_228_785_742_045], "ticks"),
        ("updated", "REAL", [1_719_326_078.5], "s"),
        ("day_date", "REAL", [2_460_487.107], "julian"),
        ("created_at", "INTEGER", [1_719_326_078, 7], None),
        ("post_id", "INTEGER", [1_719_326_078], None),  # an identifier
        ("category", "INTEGER", [1_719_326_078], None),
        ("created_at", "INTEGER", [1_719_326_078, "yesterday"], None),
        ("visit_time", "REAL", [741_018_878.5], None),  # of 1993, or of 2024 counted from 2001
    ],
)
def test_unit_is_proposed_where_one_reading_is_plausible(
    name: str, declared: str, values: list[Any], unit: str | None
) -> None:
    plan = decided(name, declared, values)
    assert plan.kind.value not in {"timestamptz", "timestamp", "date"}
    assert (f'epoch = "{unit}"' in plan.reason) if unit else ("epoch" not in plan.reason)


def test_key_is_no_time() -> None:
    source = column("created_at", "INTEGER", pk_position=1)
    assert "epoch" not in decide(source, table(source), profile([1_719_326_078], source)).reason
    assert propose_integer_unit("time", 5, 6) is None
    assert propose_real_unit("time", 0.5, float("inf")) is None


@pytest.mark.parametrize("unit", EpochUnit)
def test_mapping_file_says_what_numbers_count(unit: EpochUnit) -> None:
    source = column("at", "INTEGER", override=ColumnOverride("at", epoch=unit))
    plan = decide(source, table(source), profile([5], source))
    assert plan.target_type == TZ
    assert plan.rules[StorageClass.INTEGER] in RULES
    assert is_requested("fraction_rounded", source.override)
    # A real that is none of these is nothing else either: it goes to the quarantine.
    real = fit(source, table(source), TZ, profile([5.5], source))
    assert (StorageClass.REAL in real.rules) == (unit is EpochUnit.JULIAN or EPOCHS[unit].reals)


def test_name_of_a_rule_for_texts_signs_for_no_rounding() -> None:
    asked = ColumnOverride("at", rules=(("text", "text_to_timestamptz"),))
    assert not is_requested("fraction_rounded", asked)
    assert is_requested(
        "fraction_rounded", ColumnOverride("at", rules=(("integer", "epoch_ticks_to_timestamptz"),))
    )


@pytest.mark.parametrize(
    ("declared", "epoch", "value", "text", "counted"),
    [
        ("DATETIME", None, "1970-01-01 00:01:30.000005", "00:01:30.000005", {"duration_to_interval": 1}),
        ("DATETIME", None, "1971-02-05 00:00:00.000000", "400 days", {"duration_to_interval": 1}),
        ("DATETIME", None, "1969-12-31 23:00:00.000000", "-01:00:00", {"duration_to_interval": 1}),
        ("TEXT", None, "-1.02:03:04.5000001", "-1 days -02:03:04.5",
         {"duration_to_interval": 1, "fraction_rounded": 1}),
        ("TEXT", None, "26:00:00", "26:00:00", {}),  # as PostgreSQL has it
        ("TEXT", None, "02:03:04.5", "02:03:04.5", {}),
        ("TEXT", None, "1 year 2 mons", "1 year 2 mons", {}),
        ("bigint", None, 90_000_005, "00:01:30.000005", {"duration_us_to_interval": 1}),
        ("INTERVAL", None, 1.5, "1 day 12:00:00", {"duration_days_fraction_to_interval": 1}),
        ("INTEGER", EpochUnit.TICKS, 15, "00:00:00.000002", {"duration_ticks_to_interval": 1, "fraction_rounded": 1}),
        ("INTEGER", EpochUnit.MILLISECONDS, 1500, "00:00:01.5", {"duration_ms_to_interval": 1}),
    ],
)  # fmt: skip
def test_duration_becomes_what_postgresql_writes(
    declared: str, epoch: EpochUnit | None, value: Any, text: str, counted: dict[str, int]
) -> None:
    source = column("c", declared, override=ColumnOverride("c", epoch=epoch))
    plan = fit_interval(source, table(source))
    converted = Converter([plan], Context()).convert(raw(c=[value]))
    assert converted.batch.column(0).to_pylist() == [text]
    assert {name: count for (_, name), count in converted.transforms.items()} == counted


def test_number_that_nothing_gives_a_unit_is_no_duration() -> None:
    source = column("c", "INTEGER")
    plan = replace(fit_interval(source, table(source)), cast_to="interval")
    (rejection,) = Converter([plan], Context()).convert(raw(c=[90])).rejections
    assert rejection.reason == "integer value in a column of type interval"
