"""The types, and for each what can go wrong with a value of it. A table: to add a difference, add a line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slip:
    """One value that arrives as another. `source` is a literal of SQLite, `planted` an expression of PostgreSQL."""

    name: str
    source: str
    planted: str


@dataclass(frozen=True, slots=True)
class ValueType:
    """A declared type, what it becomes, two values that are not alike, and its slips.

    `given`: the type stands in a table of an application, and rows are loaded with `--data-only`.
    """

    name: str
    declared: str
    one: str
    other: str
    slips: tuple[Slip, ...]
    given: bool = False


def _type(name: str, declared: str, one: str, other: str, *slips: tuple[str, str, str]) -> ValueType:
    return ValueType(name, declared, one, other, tuple(Slip(*slip) for slip in slips))


def _given(name: str, one: str, other: str, *slips: tuple[str, str, str]) -> ValueType:
    return ValueType(name, "TEXT", one, other, tuple(Slip(*slip) for slip in slips), given=True)


_OF_INTEGERS = (
    ("one more", "41", "42"),
    ("one bit", "9", "9 # 4"),
    ("sign", "7", "-7"),
    ("zero for a value", "12", "0"),
    ("two digits exchanged", "1234", "1243"),
)
_OF_TEXTS = (
    ("cut", "'abcdef'", "'abcde'"),
    ("blank at the end", "'abc'", "'abc '"),
    ("blank at the start", "'abc'", "' abc'"),
    ("blanks at the end cut", "'abc  '", "'abc'"),
    ("NFC to NFD", "'caf' || char(233)", "U&'cafe\\0301'"),
    ("NFD to NFC", "'cafe' || char(769)", "U&'caf\\00E9'"),
    ("case", "'Straße'", "'straße'"),
    ("empty for NULL", "NULL", "''"),
    ("NULL for empty", "''", "NULL"),
    ("the word NULL for NULL", "NULL", "'NULL'"),
    ("no-break blank", "'a b'", "U&'a\\00A0b'"),
    ("blank of no width", "'ab'", "U&'a\\200Bb'"),
    ("a letter of another script", "'paypal'", "U&'p\\0430ypal'"),
    ("UTF-8 read as Latin-1", "'Müller'", "U&'M\\00C3\\00BCller'"),
    ("replacement character", "'Müller'", "U&'M\\FFFDller'"),
    ("line end", "'a' || char(13, 10) || 'b'", "E'a\\nb'"),
    ("line end at the end cut", "'a' || char(10)", "'a'"),
    ("escaped twice", "'a' || char(10) || 'b'", "'a\\nb'"),
    ("tab to blank", "'a' || char(9) || 'b'", "'a b'"),
    ("zero in front cut", "'007'", "'7'"),
    ("outside the BMP", "'x' || char(128512)", "U&'x\\+01F601'"),
)

MIGRATED = (
    _type("smallint", "SMALLINT", "1", "-300", *_OF_INTEGERS),
    _type(
        "integer",
        "INTEGER",
        "1",
        "-70000",
        *_OF_INTEGERS,
        ("highest bit", "1", "1 - 2147483648"),
        ("the largest, less one", "2147483647", "2147483646"),
    ),
    _type(
        "bigint",
        "BIGINT",
        "1",
        "-5000000000",
        *_OF_INTEGERS,
        ("beyond a double", "9007199254740993", "9007199254740992"),
        ("the largest, less one", "9223372036854775807", "9223372036854775806"),
        ("cut to 32 bits", "4294967301", "5"),
    ),
    _type(
        "numeric",
        "NUMERIC",
        "1",
        "-2.5",
        *_OF_INTEGERS[:1],
        ("sign", "2.5", "-2.5"),
        ("17th digit", "0.1", "0.10000000000000001"),
        ("a hundredth", "19.99", "19.98"),
        ("NaN", "1.5", "'NaN'"),
        ("beyond a double", "9007199254740993", "9007199254740992"),
    ),
    _type(
        "numeric(10,2)",
        "DECIMAL(10,2)",
        "1.25",
        "-7",
        ("a hundredth", "19.99", "19.98"),
        ("rounded", "2.75", "3"),
        ("sign", "2.5", "-2.5"),
    ),
    _type(
        "double precision",
        "REAL",
        "1.5",
        "-2.25",
        ("the next double", "1.0", "1.0000000000000002"),
        ("17th digit", "0.30000000000000004", "0.3"),
        ("sign of zero come by", "0.0", "'-0'"),
        ("sign", "2.5", "-2.5"),
        ("seven digits", "1234568.891", "1234568.9"),
        ("Infinity for the largest", "1.7976931348623157e308", "'Infinity'"),
        ("sign of Infinity", "9e999", "'-Infinity'"),
        ("smallest to zero", "5e-324", "0"),
        ("NaN", "1.5", "'NaN'"),
        ("NaN for NULL", "NULL", "'NaN'"),
        ("zero for NULL", "NULL", "0"),
    ),
    _type(
        "double without a declared type",  # only there SQLite keeps the sign of zero
        "",
        "1.5",
        "-2.25",
        ("sign of zero lost", "-0.0", "0"),
        ("sign of zero come by", "0.0", "'-0'"),
    ),
    _type("text", "TEXT", "'one'", "'other'", *_OF_TEXTS),
    _type("varchar(20)", "VARCHAR(20)", "'one'", "'other'", *_OF_TEXTS[:9]),
    _type(
        "char(6)",
        "CHAR(6)",
        "'one'",
        "'other'",
        ("cut", "'abcdef'", "'abcde'"),
        ("case", "'abc'", "'Abc'"),
        ("blank at the start", "'abc'", "' abc'"),
        ("NULL for empty", "''", "NULL"),
        ("empty for NULL", "NULL", "''"),
    ),
    _type(
        "bytea",
        "BLOB",
        "x'00ff'",
        "x'0102'",
        ("one bit", "x'00ff10'", "'\\x00ff11'"),
        ("a byte lost", "x'00ff10'", "'\\x00ff'"),
        ("a zero at the end", "x'00ff'", "'\\x00ff00'"),
        ("order of bytes", "x'0102'", "'\\x0201'"),
        ("spelled as text", "x'0102'", "convert_to('\\x0102', 'UTF8')"),
        ("NULL for empty", "x''", "NULL"),
        ("empty for NULL", "NULL", "''"),
    ),
    _type("boolean", "BOOLEAN", "1", "0", ("turned", "1", "false"), ("false for NULL", "NULL", "false")),
    _type(
        "date",
        "DATE",
        "'2024-02-29'",
        "'1969-12-31'",
        ("one day", "'2024-03-01'", "'2024-02-29'"),
        ("day for month", "'2024-03-04'", "'2024-04-03'"),
        ("one century", "'2024-03-04'", "'1924-03-04'"),
        ("infinity", "'9999-12-31'", "'infinity'"),
        ("1970 for NULL", "NULL", "'1970-01-01'"),
    ),
    _type(
        "time",
        "TIME",
        "'12:00:00'",
        "'23:59:59'",
        ("one microsecond", "'12:00:00.000001'", "'12:00:00.000002'"),
        ("microseconds cut", "'12:00:00.123456'", "'12:00:00.123'"),
        ("twelve hours", "'01:30:00'", "'13:30:00'"),
        ("midnight for NULL", "NULL", "'00:00'"),
    ),
    _type(
        "timestamptz",
        "TIMESTAMP",
        "'2024-07-01 12:00:00'",
        "'1999-12-31 23:59:59.5'",
        ("one microsecond", "'2024-07-01 12:00:00.000001'", "'2024-07-01 12:00:00.000002+00'"),
        ("microseconds cut", "'2024-07-01 12:00:00.123456'", "'2024-07-01 12:00:00.123+00'"),
        ("one microsecond before 1970", "'1969-12-31 23:59:59.999999'", "'1970-01-01 00:00:00+00'"),
        ("zone of an hour", "'2024-07-01 12:00:00'", "'2024-07-01 12:00:00+01'"),
        ("zone of half an hour", "'2024-07-01 12:00:00'", "'2024-07-01 12:00:00+05:30'"),
        ("zone lost", "'2024-07-01 10:00:00Z'", "'2024-07-01 12:00:00+00'"),
        ("one day", "'2024-07-01 00:00:00'", "'2024-06-30 00:00:00+00'"),
        ("twelve hours", "'2024-07-01 01:00:00'", "'2024-07-01 13:00:00+00'"),
        ("infinity", "'9999-12-31 23:59:59'", "'infinity'"),
    ),
    _type(
        "timestamptz of epochs",
        "TIMESTAMP",
        "1700000000",
        "1600000000",
        ("one second", "1650000000", "to_timestamp(1650000001)"),
        ("zone of an hour", "1650000000", "to_timestamp(1650003600)"),
        ("1970 for NULL", "NULL", "to_timestamp(0)"),
    ),
    _type(
        "jsonb",
        "JSON",
        """'{"a": 1}'""",
        """'[1, 2]'""",
        ("a key lost", """'{"a": 1, "b": 2}'""", """'{"a": 1}'"""),
        ("a key come by", """'{"a": 1}'""", """'{"a": 1, "b": null}'"""),
        ("a key changed", """'{"a": 1}'""", """'{"A": 1}'"""),
        ("a value changed", """'{"a": {"b": [1, 2]}}'""", """'{"a": {"b": [1, 3]}}'"""),
        ("order of an array", "'[1, 2, 3]'", "'[1, 3, 2]'"),
        ("number to text", """'{"a": 1}'""", """'{"a": "1"}'"""),
        ("true to text", """'{"a": true}'""", """'{"a": "true"}'"""),
        ("null to nothing", """'{"a": null}'""", "'{}'"),
        ("JSON's null for NULL", "NULL", "'null'"),
        ("NULL for JSON's null", "'null'", "NULL"),
        ("object to array", "'{}'", "'[]'"),
        ("17th digit", """'{"a": 0.1}'""", """'{"a": 0.10000000000000001}'"""),
        ("beyond a double", "'[9007199254740993]'", "'[9007199254740992]'"),
        ("text for a document", """'{"a": 1}'""", """to_jsonb('{"a": 1}'::text)"""),
        ("NFC to NFD", """'["caf' || char(233) || '"]'""", "to_jsonb(ARRAY[U&'cafe\\0301'])"),
    ),
    _type(
        "text of many kinds", "INTEGER", "'x'", "17", ("zero in front", "5", "'05'"), ("blank", "5", "'5 '")
    ),
)

GIVEN = (
    _given(
        "uuid",
        "'6f1e0c7a-2b58-4d7c-9e10-0a1b2c3d4e5f'",
        "'00000000-0000-0000-0000-000000000001'",
        (
            "one digit",
            "'6f1e0c7a-2b58-4d7c-9e10-0a1b2c3d4e50'",
            "'6f1e0c7a-2b58-4d7c-9e10-0a1b2c3d4e51'",
        ),
        ("zeros for NULL", "NULL", "'00000000-0000-0000-0000-000000000000'"),
    ),
    _given(
        "numeric",
        "'1.5'",
        "'-2'",
        ("30th digit", "'0.123456789012345678901234567891'", "0.123456789012345678901234567892"),
        ("30th digit of a whole", "'123456789012345678901234567891'", "123456789012345678901234567890"),
    ),
    _given(
        "timestamp",
        "'2024-07-01 12:00:00'",
        "'1999-12-31 23:59:59'",
        ("one microsecond", "'2024-07-01 12:00:00.000001'", "'2024-07-01 12:00:00.000002'"),
        ("zone of an hour", "'2024-07-01 12:00:00'", "'2024-07-01 13:00:00'"),
        ("one day", "'2024-07-01 00:00:00'", "'2024-06-30 00:00:00'"),
    ),
    _given(
        "timestamptz(3)",
        "'2024-07-01 12:00:00+00'",
        "'1999-12-31 23:59:59+00'",
        ("one millisecond", "'2024-07-01 12:00:00.001+00'", "'2024-07-01 12:00:00.002+00'"),
        ("zone of an hour", "'2024-07-01 12:00:00+00'", "'2024-07-01 12:00:00+01'"),
    ),
    _given(
        "interval",
        "'1 day'",
        "'02:03:04'",
        ("fields cut", "'1 year 2 mons 3 days 04:05:06.789'", "'1 year'"),
        ("one microsecond", "'00:00:00.000001'", "'00:00:00.000002'"),
        ("24 hours for a day", "'1 day'", "'24:00:00'"),
        ("30 days for a month", "'1 mon'", "'30 days'"),
    ),
    _given(
        "mood", "'fine'", "'sad'", ("another word", "'fine'", "'sad'"), ("a word for NULL", "NULL", "'sad'")
    ),
    _given("short_code", "'abc'", "'de'", ("cut", "'abc'", "'ab'"), ("case", "'abc'", "'Abc'")),
    _given(
        "text[]",
        "'{a,b}'",
        "'{c}'",
        ("an element lost", "'{a,b,c}'", "'{a,b}'"),
        ("order", "'{a,b}'", "'{b,a}'"),
        ("the word NULL", "'{a,NULL}'", "ARRAY['a', 'NULL']"),
        ("empty for NULL", "NULL", "'{}'"),
    ),
    _given(
        "double precision[]",
        "'{1.5,2}'",
        "'{-1}'",
        ("17th digit", "'{0.30000000000000004}'", "'{0.3}'"),
        ("sign of zero", "'{-0}'", "'{0}'"),
    ),
    _given(
        "inet",
        "'192.168.0.1'",
        "'::1'",
        ("mask come by", "'10.0.0.1'", "'10.0.0.1/24'"),
        ("one bit", "'10.0.0.1'", "'10.0.0.0'"),
    ),
    _given(
        "int4range",
        "'[1,5)'",
        "'[7,9)'",
        ("one more", "'[1,5)'", "'[1,6)'"),
        ("empty", "'[1,5)'", "'empty'"),
    ),
    _given("bit(8)", "'00000001'", "'10000000'", ("one bit", "'00000011'", "'00000010'")),
    _given(
        "macaddr",
        "'08:00:2b:01:02:03'",
        "'08:00:2b:01:02:04'",
        ("one digit", "'08:00:2b:01:02:05'", "'08:00:2b:01:02:06'"),
    ),
    _given(
        "json",
        """'{"a": 1}'""",
        "'[]'",
        ("a value changed", """'{"a": 1}'""", """'{"a": 2}'"""),
        ("a key lost", """'{"a": 1, "b": 2}'""", """'{"a": 1}'"""),
    ),
)
"""`mood` is an enumeration, `short_code` a domain over varchar(3)."""
GIVEN_TYPES = "CREATE TYPE mood AS ENUM ('fine', 'sad'); CREATE DOMAIN short_code AS varchar(3);"
