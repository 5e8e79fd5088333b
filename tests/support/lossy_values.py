"""Values that a type of PostgreSQL takes and does not keep, and others that it keeps however they are spelled."""

from __future__ import annotations

from typing import NamedTuple


class Lossy(NamedTuple):
    """A column declared so, a value as SQL of SQLite, a PostgreSQL type, what it makes of it, and the loss."""

    declared: str
    value: str
    target_type: str
    stored: str
    loss: str


LOSSY = (
    Lossy("REAL", "1234568.891", "real", "'1234568.9'", "rounded_to_real"),
    Lossy("FLOAT", "0.123456789", "real", "'0.12345679'", "rounded_to_real"),
    Lossy("REAL", "16777217.0", "real", "'16777216'", "rounded_to_real"),
    Lossy("REAL", "1e40", "real", "'Infinity'", "rounded_to_real"),
    Lossy("REAL", "1e-50", "real", "'0'", "rounded_to_real"),
    Lossy("TEXT", "'01234'", "integer", "1234", "number_respelled"),
    Lossy("TEXT", "'+49123'", "bigint", "49123", "number_respelled"),
    Lossy("VARCHAR(9)", "'-0'", "smallint", "0", "number_respelled"),
    Lossy("TEXT", "'007'", "numeric", "7", "number_respelled"),
    Lossy("", "'007'", "double precision", "7", "number_respelled"),
    Lossy("TEXT", "'1.0'", "double precision", "1", "number_respelled"),
    Lossy("TEXT", "'1.5'", "numeric(10,2)", "1.50", "number_respelled"),
    Lossy("TEXT", "'T'", "boolean", "true", "boolean_respelled"),
    Lossy("TEXT", "'a' || char(0) || 'b'", "text", "'ab'", "nul_stripped"),
    Lossy("DATE", "''", "date", "NULL", "empty_to_null"),
    Lossy("INTEGER", "''", "integer", "NULL", "empty_to_null"),
    Lossy("TIMESTAMP", "1700000000.1234567", "timestamptz", "'2023-11-14 22:13:20.123457Z'", "fraction_rounded"),
    Lossy("TEXT", """'{"a":1,"a":2}'""", "jsonb", """'{"a":2}'""", "json_keys_dropped"),
    Lossy("JSON", """'{"b":[{"a":1,"a":2}]}'""", "jsonb", """'{"b":[{"a":2}]}'""", "json_keys_dropped"),
    Lossy("TEXT", "'[-0.0]'", "jsonb", "'[0]'", "negative_zero_to_zero"),
    Lossy("DATETIME", "'2024-05-01 10:00:00+02:00'", "timestamp", "'2024-05-01 08:00'", "offset_dropped"),
    Lossy("", "-0.0", "numeric", "0", "negative_zero_to_zero"),
    Lossy("TEXT", "'1 year 2 mons 3 days 04:05:06.789'", "interval year", "'1 year'", "cut_by_type"),
    Lossy("TEXT", "'2 days 04:05:06.789'", "interval day to hour", "'2 days 04:00'", "cut_by_type"),
    Lossy("TEXT", "'04:05:06.789'", "dur", "'04:05:07'", "cut_by_type"),
    Lossy("TEXT", "'{0.123456789012345}'", "real[]", "'{0.12345679}'", "respelled_by_server"),
    Lossy("TEXT", "'{2024-05-01 10:00:00}'", "date[]", "'{2024-05-01}'", "respelled_by_server"),
    Lossy("TEXT", "'{2024-05-01 10:00:00.6}'", "timestamp(0)[]", "'{2024-05-01 10:00:01}'", "cut_by_type"),
    Lossy("TEXT", "'[2024-05-01 10:00,2024-06-01)'", "daterange", "'[2024-05-01,2024-06-01)'", "respelled_by_server"),
    Lossy("TEXT", "'{1.239}'", "numeric(10,2)[]", "'{1.24}'", "cut_by_type"),
    Lossy("REAL", "9.999", "money", "'$10.00'", "respelled_by_server"),
    Lossy("TEXT", "'abcdefg'", '"char"', "'a'", "respelled_by_server"),
    Lossy("TEXT", "'08002B010203'", "macaddr", "'08:00:2b:01:02:03'", "respelled_by_server"),
)  # fmt: skip

"""What arrives and cannot be had back."""

REFUSED = (
    Lossy("TEXT", "'abcdef'", "code3", "'{abc}'", ""),
    Lossy("TEXT", "'{abcdef}'", "code3", "'{abc}'", ""),
    Lossy("REAL", "1.239", "d2", "1.24", ""),
    Lossy("TEXT", "'1.239'", "d2", "1.24", ""),
    Lossy("TEXT", "'ab '", "char(3)", "'ab'", ""),
    Lossy("TEXT", "'ab '", "char(5)", "'ab'", ""),
    Lossy("TEXT", "'ab '", "bpchar", "'ab'", ""),
    Lossy("TIMESTAMP", "'2024-05-01 10:00:00.6'", "timestamptz(0)", "'2024-05-01 10:00:01Z'", ""),
    Lossy("REAL", "1.239", "numeric(10,2)", "1.24", ""),
)
"""What PostgreSQL, or Convoy for it, does not take in: it goes to the quarantine, and is different where it stands."""

KEPT = (
    Lossy("REAL", "0.5", "real", "0.5", ""),
    Lossy("FLOAT", "0.1", "real", "'0.1'", ""),
    Lossy("FLOAT", "12.34567", "real", "'12.34567'", ""),
    Lossy("DECIMAL(10,2)", "-1234.56", "real", "'-1234.56'", ""),
    Lossy("REAL", "3.4e38", "real", "'3.4e38'", ""),
    Lossy("TEXT", "'1234'", "integer", "1234", ""),
    Lossy("TEXT", "'12.50'", "numeric(10,2)", "12.50", ""),
    Lossy("TEXT", "'1.50'", "numeric", "1.50", ""),
    Lossy("DECIMAL(10,2)", "1.5", "numeric(10,2)", "1.50", ""),
    Lossy("BOOLEAN", "1", "boolean", "true", ""),
    Lossy("TEXT", "'2024-05-01'", "date", "'2024-05-01'", ""),
    Lossy("TEXT", "'2024-05-01T10:00:00.120Z'", "timestamptz", "'2024-05-01 10:00:00.12Z'", ""),
    Lossy("DATETIME", "'2024-05-01 10:00:00+02:00'", "timestamptz", "'2024-05-01 08:00Z'", ""),
    Lossy("DATETIME", "'2024-05-01T10:00Z'", "timestamptz", "'2024-05-01 10:00Z'", ""),
    Lossy("TIMESTAMP", "1700000000.5", "timestamptz", "to_timestamp(1700000000.5)", ""),
    Lossy("TIMESTAMP", "1700000000123", "timestamptz", "to_timestamp(1700000000.123)", ""),
    Lossy("TEXT", """'{"b": 1, "a": [1.0]}'""", "jsonb", """'{"a":[1],"b":1}'""", ""),
    Lossy("TEXT", "'a0eebc999c0b4ef8bb6d6bb9bd380a11'", "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", ""),
    Lossy("TEXT", "'1 year 2 mons 3 days 04:05:06.789'", "interval", "'1 year 2 mons 3 days 04:05:06.789'", ""),
    Lossy("TEXT", "'{1, 2}'", "integer[]", "'{1,2}'", ""),
    Lossy("TEXT", "'{2024-05-01 10:00:00}'", "timestamp[]", "'{2024-05-01 10:00:00}'", ""),
    Lossy("TEXT", "'{a, \"b c\"}'", "text[]", "ARRAY['a','b c']", ""),
    Lossy("TEXT", "'12.50'", "d2", "12.50", ""),
    Lossy("CHAR(3)", "'ab'", "char(3)", "'ab'", ""),
)  # fmt: skip

TYPES_SQL = """
CREATE DOMAIN dur AS interval(0);
CREATE DOMAIN code3 AS varchar(3)[];
CREATE DOMAIN d1 AS numeric(10,2);
CREATE DOMAIN d2 AS d1;
"""
"""The domains above."""


def name_of(case: Lossy) -> str:
    """Return a name for a test of a case."""
    return f"{case.declared or 'untyped'} {case.value} to {case.target_type}"
