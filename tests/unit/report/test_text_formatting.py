from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migration.report import text_formatting
from migration.report.text_formatting import duration, preview, printable, size
from migration.secret_text import without_secrets


def test_examples_in_docstrings_hold():
    assert doctest.testmod(text_formatting).failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postgresql://ada:s3cret@db:5432/app", "postgresql://ada:***@db:5432/app"),
        ("postgresql://ada:s3:cr@et@db/app", "postgresql://ada:***@db/app"),
        ("postgresql://ada:a/b?c#d@db/app", "postgresql://ada:***@db/app"),
        ("postgresql+psycopg://ada:s3cret@db/app", "postgresql+psycopg://ada:***@db/app"),
        ("https://ada:s3cret@example.org/x.db", "https://ada:***@example.org/x.db"),
        ("host=db password=s3cret user=ada", "host=db password=*** user=ada"),
        ("host=db password='s3 cr\\'et' user=ada", "host=db password=*** user=ada"),
        ("postgresql://db/app?user=ada&password=s3cret&sslmode=require", None),
        ("postgresql://db/app?sslpassword=s3cret", "postgresql://db/app?sslpassword=***"),
        ("s3://bucket/x.db?X-Amz-Signature=s3cret&x=1", "s3://bucket/x.db?X-Amz-Signature=***&x=1"),
        ("https://example.org/x.db?token=s3cret", "https://example.org/x.db?token=***"),
    ],
)
def test_passwords_are_hidden_wherever_they_stand(text: str, expected: str | None):
    hidden = without_secrets(text)
    assert "s3" not in hidden.removeprefix("s3://")
    assert "cret" not in hidden
    if expected is not None:
        assert hidden == expected


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada@db:5432/app?host=/tmp/pg&sslmode=require",
        "/data/school.db",
        "the token is missing",
        "FATAL: password authentication failed for user ada",
    ],
)
def test_texts_without_a_password_stay_as_they_are(text: str):
    assert without_secrets(text) == text


@given(st.text())
def test_printable_text_has_no_control_characters(text: str):
    shown = printable(text)
    assert all(char.isprintable() or char in "\u200c\u200d" for char in shown)


@given(st.binary(max_size=2_000))
def test_preview_of_any_bytes_is_printable_and_short(original: bytes):
    shown = preview(original, 50)
    assert len(shown) <= 50 * 10 + 1  # an escape takes up to ten characters
    assert all(char.isprintable() or char in "\u200c\u200d" for char in shown)


def test_text_in_any_script_stays_readable():
    assert printable("日本語 עברית हिन्दी 👩‍👩‍👧") == "日本語 עברית हिन्दी 👩‍👩‍👧"


def test_direction_overrides_cannot_disguise_a_name():
    assert printable("gpj.\u202eexe") == "gpj.\\u202eexe"


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_999, "1.0 MB"), (5e15, "5.0 PB")]
)
def test_sizes_have_the_unit_that_suits_them(number: float, shown: str):
    assert size(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 ms"), (0.9999, "1.0 s"), (59.96, "1 min"), (60, "1 min"), (3600, "1 h"), (93_784, "26 h 3 min")],
)
def test_durations_have_the_units_that_suit_them(seconds: float, shown: str):
    assert duration(seconds) == shown
