"""DEFAULT clauses: constants in the words of the column's new type, and the present time."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from migration.identifiers import PLACEHOLDER, quote_literal
from migration.model import StorageClass, ValueKind
from migration.schema_translation.expression_nodes import Untranslatable
from migration.sqlite_names import folded
from migration.value_conversion.row_conversion import column_context
from migration.value_conversion.rules import RULES, Context, Misfit, rules_for
from migration.value_conversion.rules.number_rules import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migration.model import ColumnPlan

_NUMBER = re.compile(r"[+-]?\s*(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?", re.IGNORECASE | re.ASCII)
_HEXADECIMAL = re.compile(r"([+-]?)\s*0x([0-9a-f]{1,16})", re.IGNORECASE)
_TEXT = re.compile(r"'((?:[^']|'')*)'|\"((?:[^\"]|\"\")*)\"")
_BLOB = re.compile(r"x'((?:[0-9a-f]{2})*)'", re.IGNORECASE)

_UTC = "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"
_INTEGER_KINDS = frozenset({ValueKind.INT16, ValueKind.INT32, ValueKind.INT64})
_DATE_KINDS = frozenset({ValueKind.DATE, ValueKind.TIME, ValueKind.TIMESTAMP, ValueKind.TIMESTAMPTZ})

# What SQLite's CURRENT_... give is UTC: https://sqlite.org/lang_createtable.html#dfltval
_NOW: Final[Mapping[ValueKind, str]] = {
    ValueKind.TIMESTAMPTZ: "CURRENT_TIMESTAMP",
    ValueKind.TIMESTAMP: f"({_UTC})",
    ValueKind.DATE: f"({_UTC})::date",
    ValueKind.TIME: f"date_trunc('second', {_UTC})::time",
    ValueKind.TEXT: f"to_char({_UTC}, 'YYYY-MM-DD HH24:MI:SS')",
}
_TODAY: Final[Mapping[ValueKind, str]] = {
    ValueKind.TIMESTAMPTZ: f"(date_trunc('day', {_UTC}) AT TIME ZONE 'UTC')",
    ValueKind.TIMESTAMP: f"date_trunc('day', {_UTC})",
    ValueKind.DATE: f"({_UTC})::date",
    ValueKind.TEXT: f"to_char({_UTC}, 'YYYY-MM-DD')",
}
_TIME_OF_DAY: Final[Mapping[ValueKind, str]] = {
    ValueKind.TIME: f"date_trunc('second', {_UTC})::time",
    ValueKind.TEXT: f"to_char({_UTC}, 'HH24:MI:SS')",
}
_SECONDS: Final[Mapping[ValueKind, str]] = {
    **dict.fromkeys(
        (*_INTEGER_KINDS, ValueKind.NUMERIC), "floor(extract(epoch FROM CURRENT_TIMESTAMP))::bigint"
    ),
    ValueKind.TEXT: "floor(extract(epoch FROM CURRENT_TIMESTAMP))::bigint::text",
    ValueKind.TIMESTAMPTZ: "CURRENT_TIMESTAMP",
}
_MILLISECONDS: Final[Mapping[ValueKind, str]] = {
    **dict.fromkeys(
        (ValueKind.INT64, ValueKind.NUMERIC), "floor(extract(epoch FROM CURRENT_TIMESTAMP) * 1000)::bigint"
    ),
    ValueKind.TEXT: f"to_char({_UTC}, 'YYYY-MM-DD HH24:MI:SS.MS')",
    ValueKind.TIMESTAMPTZ: "CURRENT_TIMESTAMP",
    ValueKind.TIMESTAMP: f"({_UTC})",
}
_ISO: Final[Mapping[ValueKind, str]] = {
    **_NOW,
    ValueKind.TEXT: f'to_char({_UTC}, \'YYYY-MM-DD"T"HH24:MI:SS"Z"\')',
}
_ISO_MILLISECONDS: Final[Mapping[ValueKind, str]] = {
    **_NOW,
    ValueKind.TEXT: f'to_char({_UTC}, \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\')',
}
_RANDOM_HEX = "replace(gen_random_uuid()::text, '-', '')"

# Expressions, outside their texts without white space and in lower case → by kind what PostgreSQL says instead.
_EXPRESSIONS: Final[Mapping[str, Mapping[ValueKind, str]]] = {
    "current_timestamp": _NOW,
    "datetime('now')": _NOW,
    "datetime()": _NOW,
    "strftime('%Y-%m-%d %H:%M:%S','now')": _NOW,
    "datetime('now','localtime')": {ValueKind.TIMESTAMPTZ: "CURRENT_TIMESTAMP"},  # the same moment
    "current_date": _TODAY,
    "date('now')": _TODAY,
    "date()": _TODAY,
    "strftime('%Y-%m-%d','now')": _TODAY,
    "current_time": _TIME_OF_DAY,
    "time('now')": _TIME_OF_DAY,
    "time()": _TIME_OF_DAY,
    "strftime('%H:%M:%S','now')": _TIME_OF_DAY,
    "strftime('%s','now')": _SECONDS,
    "cast(strftime('%s','now')asint)": _SECONDS,
    "cast(strftime('%s','now')asinteger)": _SECONDS,
    "unixepoch()": _SECONDS,
    "unixepoch('now')": _SECONDS,
    "strftime('%Y-%m-%d %H:%M:%f','now')": _MILLISECONDS,
    "strftime('%Y-%m-%dT%H:%M:%SZ','now')": _ISO,
    "strftime('%Y-%m-%dT%H:%M:%fZ','now')": _ISO_MILLISECONDS,
    "lower(hex(randomblob(16)))": {ValueKind.TEXT: _RANDOM_HEX, ValueKind.UUID: "gen_random_uuid()"},
    "hex(randomblob(16))": {ValueKind.TEXT: f"upper({_RANDOM_HEX})", ValueKind.UUID: "gen_random_uuid()"},
}


def translate_default(sql: str, column: ColumnPlan) -> str | None:  # noqa: PLR0911 - one for each form of a constant
    """Return a DEFAULT for the column's PostgreSQL type; None where it is NULL.

    A time without an offset is read in the column's `source_timezone`, as its rows are.

    Raises:
        Untranslatable: the type has no such default; says why.
    """
    text = _without_parentheses(sql.strip())
    word = folded(text)
    if word == "null":
        return None
    if word in {"true", "false"}:
        return _constant(1 if word == "true" else 0, StorageClass.INTEGER, column)
    if found := _HEXADECIMAL.fullmatch(text):
        number = int(found.group(2), 16) * (-1 if found.group(1) == "-" else 1)
        return _constant(number, StorageClass.INTEGER, column)
    if _NUMBER.fullmatch(text):
        return _number(text.replace(" ", ""), column)
    if found := _BLOB.fullmatch(text):
        return _constant(bytes.fromhex(found.group(1)), StorageClass.BLOB, column)
    if found := _TEXT.fullmatch(text):
        single, double = found.groups()
        content = single.replace("''", "'") if single is not None else double.replace('""', '"')
        return _text(content, column)
    return _expression(text, column)


def _without_parentheses(sql: str) -> str:
    while sql.startswith("(") and sql.endswith(")") and _closes_at_end(sql):
        sql = sql[1:-1].strip()
    return sql


def _closes_at_end(sql: str) -> bool:
    depth, quote = 0, ""
    for position, character in enumerate(sql):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "()":
            depth += 1 if character == "(" else -1
            if depth == 0:
                return position == len(sql) - 1
    return False


def _normal(sql: str) -> str:
    parts = re.split(r"('[^']*')", sql)
    return "".join(part if part.startswith("'") else folded("".join(part.split())) for part in parts)


def _expression(sql: str, column: ColumnPlan) -> str:
    by_kind = _EXPRESSIONS.get(_normal(sql))
    if by_kind is None:
        raise Untranslatable("there is no equal expression in PostgreSQL")
    try:
        return by_kind[column.kind]
    except KeyError:
        raise Untranslatable(f"{column.target_type} has no such value") from None


def _number(text: str, column: ColumnPlan) -> str:
    number = Decimal(text)
    if number == number.to_integral_value() and "e" not in folded(text) and "." not in text:
        return _constant(int(number), StorageClass.INTEGER, column)
    if column.kind is ValueKind.NUMERIC:
        return plain(number)
    return _constant(float(number), StorageClass.REAL, column)


def _text(content: str, column: ColumnPlan) -> str:
    """A text in a numeric column is a number to SQLite where it looks like one, so the rules for texts decide."""
    if column.kind in _INTEGER_KINDS | {ValueKind.BOOL, ValueKind.FLOAT64} and _NUMBER.fullmatch(content):
        return _number(content, column)
    if column.kind in _DATE_KINDS and _NUMBER.fullmatch(content):
        raise Untranslatable(f"{content!r} is no {column.target_type}")
    return _constant(content, StorageClass.TEXT, column)


def _constant(value: float | str | bytes, storage_class: StorageClass, column: ColumnPlan) -> str:
    if storage_class is StorageClass.INTEGER and column.kind in _DATE_KINDS:
        raise Untranslatable(f"{value!r} is no {column.target_type}")
    rule = rules_for(column.target_type).get(storage_class)
    if rule is None:
        raise Untranslatable(f"{value!r} is no {column.target_type}")
    try:
        converted = RULES[rule].scalar(value, column_context(column, Context()))
    except Misfit as misfit:
        raise Untranslatable(misfit.reason) from None
    return _literal(value, converted, column)


def _literal(value: float | str | bytes, converted: object, column: ColumnPlan) -> str:  # noqa: PLR0911 - one for each type
    match converted:
        case bool():
            return "true" if converted else "false"
        case int():
            return str(converted)
        case float():
            return repr(converted) if repr(converted)[-1].isdigit() else f"'{converted}'::double precision"
        case bytes():
            return f"'\\x{converted.hex()}'::bytea"
        case str() if column.kind is ValueKind.NUMERIC:
            return converted
        case str():
            return quote_literal(converted)
        case _:  # dates and times: PostgreSQL reads the same ISO text
            if PLACEHOLDER in str(value):
                raise Untranslatable("no date looks like this")
            return quote_literal(str(converted))
