"""Values that SQLite can hold in any column, by what they stand for."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TypeAlias

from hypothesis import strategies as st

from tests.support.chance.raw_text import RawText

Value: TypeAlias = int | float | str | bytes | RawText | None
Values: TypeAlias = st.SearchStrategy[Value]

_EDGES = [edge + step for power in (7, 15, 31, 53, 63) for edge in (2**power,) for step in (-1, 0, 1)]
_EDGE_INTEGERS = [n for edge in _EDGES for n in (edge, -edge) if -(2**63) <= n < 2**63]
_EPOCH = datetime.fromisoformat("1970-01-01")
_MOMENTS = st.datetimes(datetime.fromisoformat("1990-01-01"), datetime.fromisoformat("2040-01-01"))


def _epochs(factor: int) -> Values:
    return _MOMENTS.map(lambda moment: int((moment - _EPOCH).total_seconds() * factor))


def _iso(moment: datetime, separator: str, spec: str, zone: str) -> str:
    return moment.isoformat(separator, spec) + zone


_ISO = st.builds(
    _iso,
    st.one_of(_MOMENTS, st.datetimes()),
    st.sampled_from([" ", "T"]),
    st.sampled_from(["seconds", "minutes", "milliseconds", "microseconds"]),
    st.sampled_from(["", "", "Z", "+00:00", "+05:30", "-0800", "+14"]),
)
_AROUND_CLOCK_CHANGES = st.builds(
    lambda moment, minutes: (datetime.fromisoformat(moment) + timedelta(minutes=minutes)).isoformat(" "),
    st.sampled_from(
        [
            *("2024-03-31 02:00", "2024-10-27 02:00", "2050-03-27 02:00"),  # Europe/Berlin
            *("2024-03-10 02:00", "2024-11-03 01:00"),  # America/New_York
            *("2024-10-06 02:00", "2024-04-07 01:30"),  # Australia/Lord_Howe
            *("2011-12-30 00:00", "2011-12-31 00:00"),  # Pacific/Apia
            *("1893-04-01 00:00", "1945-10-15 00:00", "0001-01-01 02:00", "9999-12-31 20:00"),
        ]
    ),
    st.integers(-90, 90),
)
_ODD_DATES = st.sampled_from(
    [
        "04/12/2005 09:00",
        "1992-8-1",
        "2024-02-30",
        "0000-00-00",
        "0000-01-01",
        "-0001-01-01",
        "10000-01-01",
        "9999-12-31 23:59:59.999999",
        "9999-12-31T23:59:59.999999-01:00",
        "0001-01-01 00:00:00+01:00",
        "2024-01-01 00:00:00.1234567",
        "2024-01-01 00:00:00.1234560000",
        "2024-01-01 24:00:00",
        "20240101",
        "2024-01-01 12:00:60",
        "2024-01-01 12:00:00 +02:00",
        "2024-01-01 12:00:00.1234565 +02:00",
        "2024-06-25 14:34:38.574204593 +0330 +0330 m=+84630.7",
        "2021-01-02 16:39:17.123456789 +0000 UTC",
        "2024-06-25T14:34:38.5742045Z[Europe/Berlin]",
        "20240625T143438.5Z",
        "20240625143438",
        "9999-12-31 23:59:59.9999999",
        "2024-W01-1",
        "2024-001",
        "12:00",
        "now",
        "2024",
        "2024-03-31 02:30:00",
        "2024-01-01T12",
        "2024-01-01 00:00:00",
        "2024-1-1 00:00",
        "2024-01-01 ",
        "٢٠٢٤-01-01",
        "infinity",
        "-infinity",
        "epoch",
        "today",
        "2024-01-01 12:00:00 BC",
        "January 8, 1999",
        "2024-01-01Z",
        "2024-01-01 00:00:00+25:00",
        "2024-01-01 00:00:00+15:59",
        "2024-01-01 00:00:00-23:59",
        "1800-01-01 00:00",
    ]
)
_NUMBERS_AS_TEXT = st.sampled_from(
    [
        "1",
        "-1",
        "007",
        "1.50",
        "0.0",
        "-0.0",
        "1e5",
        "1E-400",
        "1e400",
        "+5",
        " 12 ",
        "1,5",
        "0x1F",
        "NaN",
        "inf",
        "Infinity",
        "-Infinity",
        "12345678901234567890123456789012345678901.123456789",
        "9" * 60,
        ".5",
        "5.",
        "1_000",
        "9007199254740993",
        "0.1000000000000000055511151231257827",
        "٣",
        "",
        "1e131071",
        "--1",
        "1e",
        "NULL",
    ]
)
_BOOLEANS_AS_TEXT = st.sampled_from(
    [
        "t",
        "f",
        "true",
        "false",
        "TRUE",
        "False",
        "yes",
        "no",
        "y",
        "n",
        "on",
        "off",
        "0",
        "1",
        "T",
        " true",
        "",
    ]
)
_JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('abc"\\é', max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)
_JSON_TEXTS = st.builds(
    lambda value, ascii_only, indent: json.dumps(value, ensure_ascii=ascii_only, indent=indent),
    _JSON,
    st.booleans(),
    st.sampled_from([None, None, 2]),
)
_ODD_JSON = st.sampled_from(
    [
        '{"a":1,"a":2}',
        '{"n":1e400}',
        '{"n":123456789012345678901234567890.5}',
        '"\\u0000"',
        '"\\ud800"',
        "[1,]",
        "{a:1}",
        '{"a":"\\ud83c\\udf88"}',
        "NaN",
        "[Infinity]",
        "nul",
        "",
        " ",
        '"\\\\u0000"',
        "1e-5000",
        "[1e-17000]",
        "-0",
        "-0.0",
        '{"b":1.10,"a":[]}',
        "1.0",
        '{"":""}',
        "'a'",
        "// x\n1",
        "[" * 60 + "]" * 60,
        "0123",
        '"\t"',
        '"\x7f"',
        "\ufeff1",
        '{"a":{"b":1,"b":[2]}}',
        '{"k\\u0000":1}',
        '["\\uDC00\\uD800"]',
        "1E5",
        "[1e5,1E+5,100000]",
        "123456789012345678",
    ]
)
_TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
_ODD_TEXTS = st.sampled_from(
    [
        "",
        " ",
        "a ",
        "a",
        "A",
        "á",
        "á",
        "\x00",
        "nul\x00inside",
        "\x00\x00",
        "\\",
        "\\N",
        "\\.",
        "\t\n\r",
        "'",
        '"',
        "\x7f",
        "\x1b[0m",
        "x" * 41,
        "ä" * 40,
        "🎈" * 11,
        "\u2028",
        "\ufeff",
        "\uffff",
        "\U0010ffff",
        "null",
        "NULL",
        "a\x00",
        "{schema}",
        "%s",
        "$$",
    ]
)
_BROKEN_TEXTS = st.one_of(
    st.sampled_from(
        [
            b"b\xffd",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"\xf4\x90\x80\x80",
            b"ab\xe2\x82",
            b"\x80",
            b"\x00\xd8",
            b"\x00\xd8A\x00",
            b"\x00\xdc",
            b"A\x00\x00\xd8",
            b"\xff\xfeA\x00",
            b"A",
            b"\xfe\xff",
            b"\xd8\x00\xdc\x00",
        ]
    ),
    st.binary(max_size=6),
).map(RawText)
_UUIDS = (
    st.uuids().map(str)
    | st.uuids().map(lambda value: str(value).upper())
    | st.uuids().map(lambda value: value.bytes)
)

FLAVOURS: dict[str, Values] = {
    "small integers": st.integers(-5, 100),
    "integers": st.integers(-(2**63), 2**63 - 1) | st.sampled_from(_EDGE_INTEGERS),
    "0 and 1": st.sampled_from([0, 1]),
    "seconds": _epochs(1),
    "milliseconds": _epochs(1_000),
    "microseconds": _epochs(1_000_000),
    "years and day numbers": st.sampled_from([1999, 2024, 20240115, 19691231, 0, -1, 20240115123000]),
    "epochs of several units": _epochs(1) | _epochs(1_000) | st.sampled_from([0, -1, 86400]),
    "reals": st.floats()
    | st.sampled_from([0.0, -0.0, 5e-324, 2.5, 0.1, 1e300, 2.0**53, 1e16, 123456789.125, 1e22]),
    "reals with infinities": st.sampled_from([float("inf"), float("-inf"), float("nan"), 1.5, -0.0]),
    "whole reals": st.integers(-1000, 1000).map(float),
    "money": st.decimals(-1000, 1000, places=2).map(float),
    "Julian days": st.floats(2440000, 2470000) | st.sampled_from([2440587.5, 2451545.0, 2460310.5]),
    "fractions of seconds": st.floats(1e9, 2e9),
    "texts": _TEXTS,
    "odd texts": _ODD_TEXTS | _TEXTS,
    "broken texts": _BROKEN_TEXTS | _TEXTS,
    "numbers as text": _NUMBERS_AS_TEXT | st.integers().map(str) | st.floats(allow_nan=False).map(repr),
    "booleans as text": _BOOLEANS_AS_TEXT,
    "days": _MOMENTS.map(lambda moment: moment.date().isoformat()),
    "moments": _ISO,
    "clock changes": _AROUND_CLOCK_CHANGES | _ISO,
    "times": st.times().map(lambda value: value.isoformat())
    | st.sampled_from(["12:00", "24:00:00", "23:59:60", "1:00"]),
    "odd dates": _ODD_DATES | _ISO,
    "JSON": _JSON_TEXTS,
    "odd JSON": _ODD_JSON | _JSON_TEXTS,
    "UUIDs": _UUIDS,
    "blobs": st.binary(max_size=8)
    | st.sampled_from([b"", b"\0", b"text", b"\xff\xfe", b"1", b'{"a":1}', "é".encode()]),
    "empty texts": st.just(""),
    "nothing": st.none(),
}

_NUMBERS = ("small integers", "integers", "reals", "money", "numbers as text")
_DATES = (
    "days",
    "moments",
    "clock changes",
    "seconds",
    "milliseconds",
    "microseconds",
    "Julian days",
    "fractions of seconds",
    "odd dates",
)
_WORDS = ("texts", "odd texts", "broken texts", "UUIDs", "blobs", "numbers as text")

NATURAL: dict[str, tuple[str, ...]] = {
    "INTEGER": ("small integers", "integers", "0 and 1", "whole reals"),
    "TEXT": _WORDS,
    "REAL": ("reals", "reals with infinities", "money", "integers"),
    "BLOB": ("blobs", "texts", "broken texts", "UUIDs"),
    "BOOLEAN": ("0 and 1", "booleans as text", "small integers"),
    "VARCHAR(10)": _WORDS,
    "VARCHAR(40)": _WORDS,
    "CHAR(5)": _WORDS,
    "DATE": (*_DATES, "years and day numbers"),
    "TIME": ("times", "odd dates"),
    "NUMERIC": _NUMBERS,
    "DECIMAL": _NUMBERS,
    "DECIMAL(10,2)": _NUMBERS,
    "JSON": ("JSON", "odd JSON", "small integers", "reals"),
    "FLOAT": ("reals", "reals with infinities", "money", "integers"),
    "DOUBLE": ("reals", "reals with infinities", "money", "integers"),
    "BIGINT": ("integers", "seconds", "whole reals"),
    "SMALLINT": ("small integers", "integers"),
    "TIMESTAMP": (*_DATES, "epochs of several units"),
    "DATETIME": (*_DATES, "epochs of several units"),
}
ODD_TYPES = (
    *(
        "",
        "TINYINT",
        "UNSIGNED BIG INT",
        "INT(11)",
        "FLOATING POINT",
        "STRING",
        "MONEY",
        "UUID",
        "POINT",
        "XML",
        "LONGTEXT",
    ),
    *(
        "VARCHAR",
        "VARCHAR(0)",
        "VARCHAR(-1)",
        "NVARCHAR(3)",
        "CHAR",
        "DECIMAL(2,5)",
        "NUMERIC(5)",
        "DECIMAL(40,20)",
    ),
    *(
        "TIMESTAMPTZ",
        "DATETIME DEFAULT",
        "ENUM(1)",
        "INTEGER UNSIGNED",
        "BIT",
        "ANY",
        "INTERVAL",
        "integer",
        "Text",
    ),
    *(
        "[]",
        "text[]",
        "JSONB",
        "DOUBLE PRECISION",
        "CHARACTER VARYING(20)",
        "INT8",
        "TIME WITHOUT TIME ZONE",
        "serial",
    ),
)


def of_flavour(flavour: str, *, mixed: bool) -> Values:
    """Return the values of a column: of one flavour and NULL, or with some of any other flavour among them."""
    own = FLAVOURS[flavour]
    if not mixed:
        return st.one_of(own, own, own, own, own, st.none())
    any_flavour = st.sampled_from(sorted(FLAVOURS)).flatmap(FLAVOURS.__getitem__)
    return st.one_of(own, own, own, own, st.none(), any_flavour)
