"""A check that a text is JSON comes along where nothing else in it could let the row in."""

from __future__ import annotations

import pytest

from migration.model import ColumnPlan
from migration.schema_translation.expression_translation import Untranslatable
from migration.schema_translation.json_checks import translate_check
from migration.value_conversion.rules import rules_for
from migration.value_conversion.value_kinds import kind_of

TYPES = {"data": "text", "doc": "jsonb", "short": "varchar(9)", "raw": "bytea", "n": "integer"}
COLUMNS = {
    name: ColumnPlan(name, name.title(), "", of, kind_of(of), rules_for(of), "") for name, of in TYPES.items()
}


def is_json(name: str) -> str:
    return f'CASE WHEN "{name}"::json IS NULL THEN NULL ELSE true END'


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("json_valid(data)", is_json("Data")),
        ('JSON_VALID("DATA") = 1', is_json("Data")),
        ('(JSON_VALID("data") OR "data" IS NULL)', is_json("Data")),
        ("data IS NULL OR (json_valid(data))", is_json("Data")),
        ("json_valid(doc)", is_json("Doc")),
        ("json_valid(short) AND n > 0", f'{is_json("Short")} AND ("N" > 0)'),
        ("(n > 0 OR n IS NULL) AND json_valid(data)", f'("N" > 0 OR "N" IS NULL) AND {is_json("Data")}'),
        ("n > 0", '"N" > 0'),
    ],
)
def test_check(sql: str, expected: str) -> None:
    assert translate_check(sql, COLUMNS) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "NOT json_valid(data)",
        "json_valid(data) = 0",
        "json_valid(data) = '1'",
        "json_valid(data) OR data = ''",
        "json_valid(data) OR doc IS NULL",
        "json_valid(data, 6)",
        "json_valid(raw)",
        "json_valid(nowhere)",
        "json_valid(lower(data))",
        "CASE WHEN n > 0 THEN json_valid(data) END",
    ],
)
def test_check_that_may_let_the_row_in_is_refused(sql: str) -> None:
    with pytest.raises(Untranslatable, match="json_valid"):
        translate_check(sql, COLUMNS)
