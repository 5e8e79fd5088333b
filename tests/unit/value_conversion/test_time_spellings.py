"""Times as libraries spell them: read where they can mean one moment only, rounded to the microsecond by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from migration.value_conversion.batch_conversion import Context, Converter, convert
from migration.value_conversion.rules import RULES, Misfit
from tests.support.column_factories import plan, raw

TZ = "timestamp with time zone"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2019-06-13 11:49:31.237 +00:00", "2019-06-13 11:49:31.237"),
        ("2024-06-25 14:34:38.574204593+10:00", "2024-06-25 04:34:38.574205"),
        ("2023-04-04 14:57:44.2693676Z", "2023-04-04 14:57:44.269368"),
        ("2024-06-25 14:34:38.5 +0330 +0330 m=+84630.7", "2024-06-25 11:04:38.5"),
        ("2024-06-25 14:34:38 -0700 PDT m=-0.25", "2024-06-25 21:34:38"),
        ("2024-06-25 14:34:38.5 +0000 UTC", "2024-06-25 14:34:38.5"),
        ("0001-01-01 00:00:00 +0000 UTC", "0001-01-01 00:00:00"),
        ("2024-06-25 14:34:38 UTC", "2024-06-25 14:34:38"),
        ("2024-06-25T14:34:38Z[UTC]", "2024-06-25 14:34:38"),
        ("2024-06-25T16:34:38+02:00[Europe/Berlin]", "2024-06-25 14:34:38"),
        ("1890-01-01 00:00:00+00:53:28", "1889-12-31 23:06:32"),
        ("20240625T143438Z", "2024-06-25 14:34:38"),
        ("20240625143438", "2024-06-25 14:34:38"),
        ("20240625143438.5Z", "2024-06-25 14:34:38.5"),
        ("00010101000000", "0001-01-01 00:00:00"),
        ("2024-06-25 14:34:38,574", "2024-06-25 14:34:38.574"),
        # To the nearest microsecond, and from the middle to the even one.
        ("2024-06-25 14:34:38.0000005", "2024-06-25 14:34:38"),
        ("2024-06-25 14:34:38.0000015", "2024-06-25 14:34:38.000002"),
        ("2024-06-25 14:34:38.00000050000000001", "2024-06-25 14:34:38.000001"),
        ("2024-12-31 23:59:59.9999999", "2025-01-01 00:00:00"),
        ("1969-12-31 23:59:59.9999995", "1970-01-01 00:00:00"),
        # .NET's DateTime.MaxValue: there is no year 10000.
        ("9999-12-31 23:59:59.9999999", "9999-12-31 23:59:59.999999"),
    ],
)
def test_moment_is_read(text: str, moment: str) -> None:
    assert RULES["text_to_timestamptz"].scalar(text, Context()) == datetime.fromisoformat(moment + "+00:00")


@pytest.mark.parametrize(
    "text",
    [
        "2024-06-25 14:34:38  +02:00",
        "2024-06-25 14:34:38 +2",
        "2024-06-25 14:34:38 +05:99",
        "2024-06-25 14:34:38 +0200 Central",
        "2024-06-25 14:34:38 CEST",  # which offset a name stands for differs from place to place
        "2024-06-25 14:34:38 m=+1",
        "2024-06-25 14:34:38.",
        "24-06-25 14:34:38",
        "06/25/2024 14:34:38",
        "20240625",  # a number as well
        "202406251434",
        "20241325143438",
        "2024-06-25 02:34:38 PM +0000 UTC",
    ],
)
def test_what_could_mean_something_else_is_no_moment(text: str) -> None:
    with pytest.raises(Misfit):
        RULES["text_to_timestamptz"].scalar(text, Context())


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("14:34:38.5742045", time(14, 34, 38, 574_204)),
        ("23:59:59.9999999", time(23, 59, 59, 999_999)),
        ("2000-01-01 14:34:38.574204", time(14, 34, 38, 574_204)),
        ("1970-01-01T14:34", time(14, 34)),
    ],
)
def test_time_of_day_is_read_and_stays_in_its_day(text: str, clock: time) -> None:
    assert RULES["text_to_time"].scalar(text, Context()) == clock


def test_day_that_says_something_is_no_time_of_day() -> None:
    with pytest.raises(Misfit):
        RULES["text_to_time"].scalar("2024-06-25 14:34:38", Context())


def test_day_that_is_one_only_once_rounded_is_no_date() -> None:
    with pytest.raises(Misfit, match="time of day"):
        RULES["text_to_date"].scalar("2024-06-24 23:59:59.9999999", Context())
    with pytest.raises(Misfit, match="time of day"):
        RULES["text_to_date"].scalar("2024-06-25 00:00:00+02:00", Context())


@pytest.mark.parametrize(
    ("text", "losses"),
    [
        ("2024-06-25 14:34:38.574204", {}),
        ("2024-06-25 14:34:38.574204000", {}),
        ("2024-06-25 14:34:38.574204 +0000 UTC m=+0.123456789", {}),
        ("2024-06-25 14:34:38.5742045", {"fraction_rounded": 1}),
        ("20240625T143438.5742045Z", {"fraction_rounded": 1}),
        ("20240625143438.5742045", {"fraction_rounded": 1}),
        ("20240625143438", {}),
        ("2024-06-25 14:34:38.5 +02:00", {"offset_to_utc": 1}),
        ("2024-06-25T14:34:38.5742045+02:00[Europe/Berlin]", {"fraction_rounded": 1, "offset_to_utc": 1}),
        ("2024-06-25T14:34:38+00:00[Europe/London]", {"offset_to_utc": 1}),
    ],
)
def test_what_is_lost_has_its_name(text: str, losses: dict[str, int]) -> None:
    column = replace(plan("text_to_timestamptz", TZ), declared_type="DATETIME")
    converted = Converter([column], Context()).convert(raw(c=[text]))
    assert converted.rows_rejected == 0
    assert {name: count for (_, name), count in converted.transforms.items()} == losses


@pytest.mark.parametrize(
    ("example", "others", "losses"),
    [
        ("20240625143438", ["19991231235959"], 0),
        ("20240625143438", ["19991231235959Z", "1999-12-31 23:59:59"], 2),
        ("20240625T143438Z", ["19991231T235959Z", "19991231T235959.5Z", "19991231T235959"], 1),
        ("20240625T1434", ["19991231T2359", "19991231T235959"], 1),
        ("2024-06-25 14:34:38", ["19991231235959"], 1),
    ],
)
def test_column_of_digits_that_run_together_is_spelled_by_its_first_value(
    example: str, others: list[str], losses: int
) -> None:
    column = replace(plan("text_to_timestamptz", TZ), declared_type="BLOB", time_example=example)
    converted = Converter([column], Context()).convert(raw(c=[example, *others]))
    assert converted.rows_rejected == 0
    assert sum(converted.transforms.values()) == losses


def test_sequelize_column_of_texts_is_spelled_by_its_first_value() -> None:
    example = "2019-06-13 11:49:31.237 +00:00"
    column = replace(plan("text_to_timestamptz", TZ), declared_type="TEXT", time_example=example)
    values = ["2019-06-13 11:49:31.237 +00:00", "2020-01-01 00:00:00.5 +00:00", "2020-01-01 00:00:00Z"]
    converted = Converter([column], Context()).convert(raw(c=values))
    assert converted.transforms == {("c", "time_respelled"): 1}
    assert converted.batch.column(0)[1].as_py() == datetime(2020, 1, 1, 0, 0, 0, 500_000, UTC)


@pytest.mark.parametrize(
    ("texts", "losing"),
    [
        (["2024-06-25 14:34:38.123456", None, "2024-06-25T14:34:38.000001"], 0),
        (["2024-06-25 14:34:38.123456", "2024-6-25 14:34:38.1234567"], 1),
        (["2024-06-25 14:34:38.123456", "2024-06-25T14:34:38.123456789"], 1),
        (["2024-06-25 14:34:38.1234567", "2024-06-25 14:34:38.1234560"], 1),
    ],
)
def test_digits_below_the_microsecond_are_seen_beside_others(texts: list[str | None], losing: int) -> None:
    column = plan("text_to_timestamp", "timestamp without time zone")
    converted = convert(raw(c=texts), [column], Context())
    assert converted.transforms.get(("c", "fraction_rounded"), 0) == losing
