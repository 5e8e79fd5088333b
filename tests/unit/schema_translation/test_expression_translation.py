"""Defaults, expressions and generated columns: what is translated, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from migration.model import ColumnPlan, StorageClass
from migration.schema_translation.column_defaults import translate_default
from migration.schema_translation.expression_translation import Untranslatable, translate_expression
from migration.schema_translation.generated_columns import translate_generated
from migration.source_schema import GeneratedKind
from migration.value_conversion.rules import rules_for
from migration.value_conversion.value_kinds import kind_of
from tests.support.column_factories import column, table

NOW_UTC = "CURRENT_TIMESTAMP AT TIME ZONE 'UTC'"


def of_type(target_type: str, name: str = "c") -> ColumnPlan:
    return ColumnPlan(name, name, "", target_type, kind_of(target_type), rules_for(target_type), "")


@pytest.mark.parametrize(
    ("sql", "target_type", "expected"),
    [
        ("0", "integer", "0"),
        ("(-7)", "integer", "-7"),
        ("+5", "bigint", "5"),
        ("0x1F", "integer", "31"),
        ("'0'", "integer", "0"),
        ("1", "boolean", "true"),
        ("'0'", "boolean", "false"),
        ("FALSE", "boolean", "false"),
        ("true", "integer", "1"),
        ("'f'", "boolean", "false"),
        ("1", "text", "'1'"),
        ("'it''s'", "text", "'it''s'"),
        ('"double"', "text", "'double'"),
        ("'{schema}'", "text", "U&'\\007Bschema}'"),
        ("''", "varchar(5)", "''"),
        ("1.5", "double precision", "1.5"),
        ("1e5", "double precision", "100000.0"),
        ("0.10", "numeric(10,2)", "0.10"),
        ("x'00FF'", "bytea", "'\\x00ff'::bytea"),
        ("NULL", "text", None),
        ("((NULL))", "integer", None),
        ("CURRENT_TIMESTAMP", "timestamp with time zone", "CURRENT_TIMESTAMP"),
        ("(datetime('now'))", "timestamp with time zone", "CURRENT_TIMESTAMP"),
        ("current_timestamp", "text", f"to_char({NOW_UTC}, 'YYYY-MM-DD HH24:MI:SS')"),
        ("CURRENT_DATE", "date", f"({NOW_UTC})::date"),
        ("CURRENT_TIME", "time", f"date_trunc('second', {NOW_UTC})::time"),
        ("(strftime('%s', 'now'))", "integer", "floor(extract(epoch FROM CURRENT_TIMESTAMP))::bigint"),
        ("(unixepoch())", "timestamp with time zone", "CURRENT_TIMESTAMP"),
        ("(lower(hex(randomblob(16))))", "text", "replace(gen_random_uuid()::text, '-', '')"),
        ("'2024-01-31'", "date", "'2024-01-31'"),
        ("'[]'", "jsonb", "'[]'"),
    ],
)
def test_default(sql: str, target_type: str, expected: str | None) -> None:
    assert translate_default(sql, of_type(target_type)) == expected


@pytest.mark.parametrize(
    ("sql", "target_type"),
    [
        ("'abc'", "integer"),
        ("2", "boolean"),
        ("1.5", "integer"),
        ("0", "timestamp with time zone"),
        ("'0000-00-00'", "date"),
        ("''", "timestamp with time zone"),
        ("'{'", "jsonb"),
        ("'abcdef'", "varchar(3)"),
        ("(strftime('%S', 'now'))", "integer"),
        ("(random())", "integer"),
        ("(a + 1)", "integer"),
        ("70000", "smallint"),
        ("CURRENT_TIMESTAMP", "bytea"),
    ],
)
def test_default_that_the_type_does_not_have_is_refused(sql: str, target_type: str) -> None:
    with pytest.raises(Untranslatable):
        translate_default(sql, of_type(target_type))


COLUMNS = {
    "a": of_type("integer", "a"),
    "b c": of_type("text", "B C"),
    "code": replace(of_type("text", "code"), declared_type="VARCHAR(9)"),
    "active": of_type("boolean", "Active"),
}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("A > 0 AND [b c] IS NOT NULL", '"a" > 0 AND NOT "B C" IS NULL'),
        ("active = 1", '"Active" = TRUE'),
        ("active IN (0, 1)", '"Active" IN (FALSE, TRUE)'),
        ("active IS 1", '"Active" IS NOT DISTINCT FROM TRUE'),
        ("t.a == 1", '"a" = 1'),
        ("a BETWEEN 1 AND 5 OR a IN (1,2)", '"a" BETWEEN 1 AND 5 OR "a" IN (1, 2)'),
        ('"b c" <> "nothing"', "\"B C\" <> 'nothing'"),
        ("`b c` LIKE 'x%'", "\"B C\" ILIKE 'x%'"),
        ('length("b c") <= 5', 'LENGTH("B C") <= 5'),
        ("ifnull(a, 0) >= 0", 'COALESCE("a", 0) >= 0'),
        ("CASE WHEN a > 1 THEN 1 ELSE 0 END = 1", 'CASE WHEN "a" > 1 THEN 1 ELSE 0 END = 1'),
        (
            "code = 1 OR code IN (0, -2) OR code IS 30",
            "\"code\" = '1' OR \"code\" IN ('0', '-2') OR \"code\" IS NOT DISTINCT FROM '30'",
        ),
        ("code = 1.5 OR code = 010", '"code" = 1.5 OR "code" = 010'),
        (
            '"b c" = 1',
            '"B C" = 1',
        ),  # SQLite compares a column without a type with the number, never with its digits
        ('lower("b c")', 'LOWER("B C")'),
        ("a", '"a"'),
    ],
)
def test_expression(sql: str, expected: str) -> None:
    assert translate_expression(sql, COLUMNS) == expected


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("typeof(a) = 'integer'", "TYPEOF"),
        ('json_valid("b c")', "json_valid"),
        ("\"b c\" GLOB 'x*'", "GLOB"),
        ("\"b c\" = 'x' COLLATE NOCASE", "COLLATE"),
        ("strftime('%s', a) > 0", "STRFTIME"),
        ("a IN (SELECT 1)", "SELECT"),
        ("rowid > 0", "rowid"),
        ("a >", "not understood"),
        ("max(a, 1) > 0", "MAX"),
        ("\"b c\" <> '{schema}'", "{schema}"),
        ("a > 0 FROM t", "not understood"),
        ("CAST(a AS TEXT) = '1'", "CAST"),
    ],
)
def test_expression_that_means_something_else_is_refused(sql: str, words: str) -> None:
    with pytest.raises(Untranslatable) as refused:
        translate_expression(sql, COLUMNS)
    assert words in str(refused.value)


def generated(expression: str, target_type: str, rule: str) -> str:
    sources = [column(n, position=i) for i, n in enumerate(["i", "r", "t", "n"])]
    computed = column("g", generated=GeneratedKind.STORED, generated_sql=expression)
    plans = {
        "i": _plan("i", "integer", StorageClass.INTEGER, "integer_to_int32"),
        "r": _plan("r", "double precision", StorageClass.REAL, "real_to_float64"),
        "t": _plan("t", "text", StorageClass.TEXT, "text_to_text"),
        "n": _plan("n", "numeric", StorageClass.REAL, "real_to_numeric"),
        "g": _plan("g", target_type, StorageClass.INTEGER, rule),
    }
    return translate_generated(table(*sources, computed), plans["g"], plans)


def _plan(name: str, target_type: str, storage_class: StorageClass, rule: str) -> ColumnPlan:
    return ColumnPlan(name, name.upper(), "", target_type, kind_of(target_type), {storage_class: rule}, "")


@pytest.mark.parametrize(
    ("expression", "target_type", "rule", "expected"),
    [
        ("i * i", "integer", "integer_to_int32", 'CAST("I" AS BIGINT) * CAST("I" AS BIGINT)'),
        ("(i + 1)", "bigint", "integer_to_int64", '(CAST("I" AS BIGINT) + CAST(1 AS BIGINT))'),
        ("r * 1.2", "double precision", "real_to_float64", '"R" * CAST(1.2 AS DOUBLE PRECISION)'),
        ("r - i", "double precision", "real_to_float64", '"R" - CAST("I" AS BIGINT)'),
        ("t || ' ' || t", "text", "text_to_text", '"T" || \' \' || "T"'),
    ],
)
def test_generated_column_that_computes_the_same(
    expression: str, target_type: str, rule: str, expected: str
) -> None:
    assert generated(expression, target_type, rule) == expected


@pytest.mark.parametrize(
    ("expression", "target_type", "rule"),
    [
        ("i / 2", "integer", "integer_to_int32"),
        ("n * 2", "numeric", "real_to_numeric"),
        ("i || t", "text", "text_to_text"),
        ("upper(t)", "text", "text_to_text"),
        ("r * 2", "integer", "integer_to_int32"),
        ("g + 1", "integer", "integer_to_int32"),
        ("i + 1.00000000000000000001", "double precision", "real_to_float64"),
        ("json_extract(t, '$.a')", "text", "text_to_text"),
    ],
)
def test_generated_column_that_may_compute_otherwise_is_refused(
    expression: str, target_type: str, rule: str
) -> None:
    with pytest.raises(Untranslatable):
        generated(expression, target_type, rule)
