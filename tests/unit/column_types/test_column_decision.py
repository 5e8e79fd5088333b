from __future__ import annotations

from typing import Any

import pytest

from migration.column_types.column_decision import candidate, decide, fit
from migration.column_types.declared_type import read_declared
from migration.column_types.epoch_unit import find_unit
from migration.model import ColumnProfile, StorageClass
from migration.value_conversion.batch_conversion import Context, Converter
from tests.support.column_factories import column, profile, raw, table

TZ = "timestamp with time zone"


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        # DESIGN: the eighteen names of the contract
        ("INTEGER", "integer"),
        ("TEXT", "text"),
        ("REAL", "double precision"),
        ("BLOB", "bytea"),
        ("BOOLEAN", "boolean"),
        ("VARCHAR(40)", "varchar(40)"),
        ("CHAR(2)", "char(2)"),
        ("DATE", "date"),
        ("TIME", "time"),
        ("TIMESTAMP", TZ),
        ("DATETIME", TZ),
        ("NUMERIC", "numeric"),
        ("DECIMAL", "numeric"),
        ("DECIMAL(10,2)", "numeric(10,2)"),
        ("JSON", "jsonb"),
        ("FLOAT", "double precision"),
        ("DOUBLE", "double precision"),
        ("BIGINT", "bigint"),
        ("SMALLINT", "smallint"),
        # neighbours
        ("int", "integer"),
        ("TinyInt", "smallint"),
        ("MEDIUMINT", "integer"),
        ("bool", "boolean"),
        ("NVARCHAR(160)", "varchar(160)"),
        ("character  varying ( 20 )", "varchar(20)"),
        ("NCHAR(55)", "char(55)"),
        ("decimal (10, 5)", "numeric(10,5)"),
        ("NUMERIC(8)", "numeric(8,0)"),
        ("DOUBLE PRECISION", "double precision"),
        ("TIMESTAMP(6)", TZ),
        ("TEXT(2048)", "text"),
        ("VARCHAR", "text"),
        ("VARCHAR(0)", "text"),
        ("DECIMAL(2,5)", "numeric"),
        ("INTEGER(11,0)", "integer"),
        # https://sqlite.org/datatype3.html, section 3.1.1
        ("UNSIGNED BIG INT", "bigint"),
        ("INT UNSIGNED", "integer"),
        ("FLOATING POINT", "integer"),
        ("CHARINT", "integer"),
        ("LONGVARCHAR", "text"),
        ("CLOB", "text"),
        ("LONGBLOB", "bytea"),
        ("STRING", "numeric"),
        ("POINT", "integer"),
        ("MONEY", "numeric"),
        ("UUID", "text"),
        ("", ""),
    ],
)
def test_declared_type(declared: str, expected: str) -> None:
    assert read_declared(declared).target_type == expected


@pytest.mark.parametrize(
    ("declared", "values", "expected", "words"),
    [
        ("INTEGER", [1, None], "integer", "as declared"),
        ("INTEGER", [3_000_000_000], "bigint", "INTEGER holds 3,000,000,000, widened to bigint"),
        ("INTEGER", [-(2**31)], "integer", "as declared"),
        ("INTEGER", [-(2**31) - 1], "bigint", "-2,147,483,649"),
        ("SMALLINT", [40_000], "integer", "widened to integer"),
        ("TINYINT", [2**40], "bigint", "widened to bigint"),
        ("INTEGER", [1, 2.5], "numeric", "holds reals such as 2.5, widened to numeric"),
        ("INTEGER", [1, float("inf")], "double precision", "infinity"),
        ("INTEGER", [2**60, float("inf")], "text", "infinity"),
        ("INTEGER", [1, "lots"], "text", "holds text such as 'lots', widened to text"),
        ("INTEGER", [1, ""], "integer", "1 empty texts become NULL"),
        ("INTEGER", [b"\x00", b"x"], "bytea", "only blobs"),
        ("INTEGER", [1, 2, b"x"], "text", "blobs among other values"),
        ("INTEGER", [1, b"x", b"y"], "bytea", "blobs among other values"),
        ("INTEGER", [None], "integer", "holds no values"),
        ("REAL", [1.5, float("-inf")], "double precision", "as declared"),
        ("FLOAT", [1.5, 2], "double precision", "as declared"),
        ("DOUBLE", [1.5, 2**60], "numeric", "not exact as doubles"),
        ("DOUBLE", [1.5, "n/a"], "text", "'n/a'"),
        ("NUMERIC", [1, 2.5], "numeric", "as declared"),
        ("NUMERIC", [1, "12.50", "123456789012345678901234567890.5"], "numeric", "as declared"),
        ("NUMERIC", [1.5, float("inf")], "double precision", "only reals"),
        ("DECIMAL(5,2)", [1.25, 100], "numeric(5,2)", "as declared"),
        ("DECIMAL(5,2)", [1.255], "numeric", "round or cut"),
        ("DECIMAL(5,2)", [1000], "numeric", "round or cut"),
        ("BOOLEAN", [0, 1, None], "boolean", "as declared"),
        ("BOOLEAN", [0, "true", "F"], "boolean", "as declared"),
        ("BOOLEAN", [0, 2], "smallint", "BOOLEAN holds 2, widened to smallint"),
        ("BOOLEAN", [0, 70_000], "integer", "widened to integer"),
        ("BOOLEAN", [1, 0.5], "numeric", "holds reals"),
        ("BOOLEAN", ["maybe"], "text", "'maybe'"),
        ("VARCHAR(3)", ["äöü"], "varchar(3)", "as declared"),
        ("VARCHAR(3)", ["abcd"], "text", "VARCHAR(3) holds 4 characters, widened to text"),
        ("VARCHAR(3)", ["a\0"], "varchar(3)", "NUL characters are stripped from 1 texts"),
        ("VARCHAR(3)", [b"ab"], "bytea", "only blobs"),
        ("CHAR(3)", ["ab", "abc"], "char(3)", "as declared"),
        ("CHAR(3)", ["a "], "varchar(3)", "trailing blanks"),
        ("CHAR(3)", ["abcd"], "text", "4 characters"),
        ("TEXT", ["a", b"b"], "text", "as declared"),
        ("TEXT", [b"\xff"], "bytea", "only blobs"),
        ("TEXT", ["a\0b"], "text", "NUL characters are stripped"),
        ("BLOB", [b"a"], "bytea", "as declared"),
        ("BLOB", ["a", "b"], "text", "BLOB holds text"),
        ("BLOB", ["a", b"b"], "bytea", "as declared"),
        ("BLOB", [1, 2], "bigint", "only integers"),
        ("DATE", ["2024-02-29", "2024-03-01 00:00:00"], "date", "as declared"),
        ("DATE", ["2024-02-29", "2024-03-01 10:00"], TZ, "times of day"),
        ("DATE", ["2024-02-30"], "text", "'2024-02-30'"),
        ("DATE", ["04/12/2005 09:00"], "text", "'04/12/2005 09:00'"),
        ("DATE", ["2024-01-01", ""], "date", "1 empty texts become NULL"),
        ("DATE", [""], "date", "1 empty texts become NULL"),
        ("DATE", [1_700_000_000], TZ, "seconds since 1970"),
        ("DATE", [20240115], "integer", "that are no epochs"),
        ("DATE", [19_700, 3], "integer", "that are no epochs"),
        ("DATE", [2024, "2024-01-01"], "text", "no epochs"),
        ("TIMESTAMP", ["2024-01-01", 1_700_000_000], TZ, "seconds since 1970"),
        ("TIMESTAMP", [1_700_000_000_000], TZ, "milliseconds since 1970"),
        ("DATETIME", [1_700_000_000_000_000], TZ, "microseconds since 1970"),
        ("DATETIME", [2460311.5], TZ, "Julian days"),
        ("DATETIME", [1_700_000_000.25], TZ, "reals are seconds since 1970"),
        ("DATETIME", [45_000.5], "double precision", "no dates"),
        ("DATETIME", [45_000.5, 12], "numeric", "no dates"),
        ("TIMESTAMP", ["0000-01-01"], "text", "widened to text"),
        ("TIMESTAMP", ["2024-01-01T10:00:00.123Z"], TZ, "as declared"),
        ("TIME", ["10:00", "23:59:59.5"], "time", "as declared"),
        ("TIME", ["25:00"], "text", "'25:00'"),
        ("TIME", [3600], "smallint", "widened to smallint"),
        ("JSON", ['{"a": 1}', 5, 1.5], "jsonb", "as declared"),
        ("JSON", ["{a: 1}"], "text", "'{a: 1}'"),
        ("JSON", ['"\\u0000"'], "text", "widened to text"),
        ("JSON", [b'{"a": 1}'], "jsonb", "as declared"),
        ("JSON", [b"\xff"], "bytea", "only blobs"),
        ("", [1, 2], "bigint", "No declared type, holds only integers"),
        ("", [1.5], "double precision", "only reals"),
        ("", [1, 1.5], "numeric", "integers and reals"),
        ("", [1, "a"], "text", "holds text"),
        ("", [b"a"], "bytea", "only blobs"),
        ("", [b"a", "b", "c"], "text", "mostly other values"),
        ("", [b"a", b"b", "c"], "bytea", "holds blobs"),
        ("", [None], "text", "holds no values"),
    ],
)
def test_profile_has_the_last_word(declared: str, values: list[Any], expected: str, words: str) -> None:
    source = column(declared=declared)
    decided = decide(source, table(source), profile(values, source))
    assert decided.target_type == expected
    assert words in decided.reason


def test_nothing_that_a_decision_was_made_for_is_rejected() -> None:
    for declared, values in [
        ("INTEGER", [1, 2.5, None]),
        ("INTEGER", [1, "x", 2.5, ""]),
        ("DATE", ["2024-01-01", 1_700_000_000, None, "", 2460311.5]),
        ("BLOB", ["a", b"\xff", 1, 2.5]),
        ("BOOLEAN", [0, 1, ""]),
    ]:
        source = column(declared=declared)
        decided = decide(source, table(source), profile(values, source))
        converted = Converter([decided], Context()).convert(raw(c=values))
        assert converted.rejections == ()
        assert converted.batch.num_rows == len(values)


def test_empty_text_in_a_not_null_column_widens_instead_of_becoming_null() -> None:
    source = column(declared="INTEGER", not_null=True)
    decided = decide(source, table(source), profile([1, ""], source))
    assert (decided.target_type, decided.not_null) == ("text", True)


def test_texts_that_are_not_utf8_do_not_widen_a_column() -> None:
    source = column(declared="DATE")
    found = ColumnProfile(
        counts={StorageClass.TEXT: 3}, accepted={StorageClass.TEXT: 2}, bad_utf8_texts=1, longest_chars=10
    )
    decided = decide(source, table(source), found)
    assert decided.target_type == "date"
    assert "1 texts are not UTF-8 and go to the quarantine" in decided.reason


def test_not_null_is_dropped_where_nulls_stand() -> None:
    source = column(declared="TEXT", not_null=True)
    decided = decide(source, table(source), profile(["a", None], source))
    assert not decided.not_null
    assert "NOT NULL dropped: holds 1 NULLs" in decided.reason


@pytest.mark.parametrize(
    ("smallest", "largest", "unit"),
    [
        (1_600_000_000, 1_700_000_000, "s"),
        (0, 1_700_000_000, "s"),
        (-2_000_000_000, 1_700_000_000, "s"),
        (1_600_000_000_000, 1_700_000_000_000, "ms"),
        (0, 1_700_000_000_000, "ms"),
        (1_600_000_000_000_000, 1_700_000_000_000_000, "us"),
        (1_600_000_000, 1_700_000_000_000, None),  # mixed units
        (1_600_000_000, 1_700_000_000_000_000, None),
        (20_240_115, 20_240_116, None),  # yyyymmdd
        (0, 20_000, None),  # days
        (1_700_000_000_000_000_000, 1_700_000_000_000_000_000, None),  # nanoseconds
        (-9_000_000_000, 1_700_000_000, None),
    ],
)
def test_epoch_unit(smallest: int, largest: int, unit: str | None) -> None:
    assert find_unit(smallest, largest) == unit


def test_a_type_that_the_application_chose_stays_and_values_find_their_way() -> None:
    source = column(declared="INTEGER")
    found = profile([1_700_000_000_000], source)
    fitted = fit(source, table(source), TZ, found)
    assert fitted.target_type == TZ
    assert fitted.rules == {StorageClass.INTEGER: "epoch_ms_to_timestamptz"}
    assert fit(source, table(source), "boolean", None).rules[StorageClass.INTEGER] == "integer_to_bool"


def test_integers_that_are_not_plainly_an_epoch_are_no_dates_in_a_column_of_the_application() -> None:
    source = column(declared="INTEGER")
    fitted = fit(source, table(source), TZ, profile([20_240_115, 20_240_116], source))
    assert fitted.rules == {}
    assert "quarantine" in fitted.reason


def test_candidate_of_an_untyped_column_is_text() -> None:
    source = column()
    assert candidate(source, table(source)).target_type == "text"
