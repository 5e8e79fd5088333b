"""Windows are judged by what a clock on a wall of their zone shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from migration.ledger.cutover_window import parse_window


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("22:00-05:00", "22:00-05:00 UTC"),
        (" 1:30 - 2:15 ", "01:30-02:15 UTC"),
        ("22:00–05:00 Europe/Vienna", "22:00-05:00 Europe/Vienna"),  # noqa: RUF001 - as a word processor writes it
        ("20:00-24:00", "20:00-00:00 UTC"),
    ],
)
def test_what_is_written_is_stored_with_its_zone(written: str, stored: str) -> None:
    assert str(parse_window(written)) == stored
    assert parse_window(stored) == parse_window(written)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("", "written as in"),
        ("22-5", "written as in"),
        ("always", "written as in"),
        ("25:00-05:00", "no clock shows"),
        ("22:00-24:30", "no clock shows"),
        ("22:60-05:00", "no clock shows"),
        ("05:00-05:00", "is empty"),
        ("22:00-05:00 Vienna", "does not exist: Vienna"),
        ("22:00-05:00 +01:00", "does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused(written: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_window(written)


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        ("22:00-05:00", "2031-05-01T21:59:59", False),
        ("22:00-05:00", "2031-05-01T22:00:00", True),
        ("22:00-05:00", "2031-05-02T04:59:59", True),
        ("22:00-05:00", "2031-05-02T05:00:00", False),
        ("09:00-17:00", "2031-05-02T12:00:00", True),
        ("09:00-17:00", "2031-05-02T08:00:00", False),
        # Vienna is two hours ahead in summer, one in winter.
        ("22:00-05:00 Europe/Vienna", "2031-07-01T20:00:00", True),
        ("22:00-05:00 Europe/Vienna", "2031-01-01T20:30:00", False),
        ("22:00-05:00 Europe/Vienna", "2031-01-01T21:00:00", True),
    ],
)
def test_window_is_open_between_its_times(window: str, at: str, is_open: bool) -> None:
    assert parse_window(window).is_open(moment(at)) is is_open


@pytest.mark.parametrize(
    ("window", "at", "opens"),
    [
        ("22:00-05:00", "2031-05-01T12:00:00", "2031-05-01T22:00:00"),
        ("22:00-05:00", "2031-05-01T23:00:00", "2031-05-01T23:00:00"),
        ("01:00-02:00", "2031-05-01T12:00:00", "2031-05-02T01:00:00"),
        ("22:00-05:00 Europe/Vienna", "2031-07-01T12:00:00", "2031-07-01T20:00:00"),
        # On 30 March 2031 clocks in Vienna leap from 2 to 3: there is no 2:30.
        ("02:30-04:00 Europe/Vienna", "2031-03-29T23:30:00", "2031-03-30T01:30:00"),
        ("02:00-03:00 Europe/Vienna", "2031-03-29T23:30:00", "2031-03-31T00:00:00"),
    ],
)
def test_next_opening_is_told(window: str, at: str, opens: str) -> None:
    assert parse_window(window).opens_at(moment(at)) == moment(opens)


def test_what_is_told_to_open_is_open_then_throughout_a_year() -> None:
    windows = [
        parse_window(f"{text} America/New_York") for text in ("01:30-01:45", "23:00-00:30", "02:10-02:20")
    ]
    at = moment("2031-01-01T00:07:00")
    while at.year == 2031:
        for window in windows:
            opening = window.opens_at(at)
            assert at <= opening
            assert window.is_open(opening) or opening - at < timedelta(minutes=2)
        at += timedelta(hours=7)
