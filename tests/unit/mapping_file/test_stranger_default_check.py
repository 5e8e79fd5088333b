from __future__ import annotations

import pytest

from api.request_models import RunRequest
from migration.errors import MappingFileError
from migration.mapping_file.mapping_file_reader import read_mapping
from migration.mapping_file.stranger_default_check import check_stranger_defaults, refusal
from migration.model import Mode


def document(default: str) -> dict[str, object]:
    return {"tables": {"t": {"columns": {"c": {"default": default}}}}}


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "'open'",
        "'it''s pg_sleep(1)'",
        "'C:\\temp'",
        "-1.5e3::numeric(10, 2)",
        ".5",
        "now() AT TIME ZONE 'UTC'",
        "CURRENT_TIMESTAMP(3)",
        "'new'::shop.status",
        "CAST('2000-01-01' AS timestamp(6))",
        "ARRAY['a', 'b']::text[]",
        "jsonb_build_object('a', NULL)",
        "upper(md5(random()::text))",
        "nextval('s'::regclass)",
        "CASE WHEN (1 IN (1, 2)) THEN (lower('A')) ELSE \"now\"()::text END",
    ],
)
def test_constants_casts_operators_and_known_functions_are_taken(sql: str) -> None:
    assert refusal(sql) == ""
    check_stranger_defaults(read_mapping(document(sql), "mapping"))


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("pg_read_file('/etc/passwd')", "calls pg_read_file"),
        ("pg_sleep(60)::text", "calls pg_sleep"),
        ("PG_Sleep (60)", "calls pg_sleep"),
        ("coalesce('', pg_read_file\n('/etc/passwd'))", "calls pg_read_file"),
        ("pg_catalog.pg_read_file('/etc/passwd')", "calls pg_read_file"),
        ("\"pg_read_file\"('/etc/passwd')", "calls pg_read_file"),
        ('"NOW"()', "calls NOW"),
        ("('/etc/passwd'::text).pg_read_file", "takes a field"),
        ("E'\\'' || pg_read_file(E'/etc/passwd') || '\\''", "E'...'"),
        ("$$x$$", "$$...$$"),
        ("1 OPERATOR(pg_catalog.+) 1", "calls operator"),
        ("(SELECT 1)", "a subquery (SELECT)"),
        ("query_to_xml('x', true, true, '')", "calls query_to_xml"),
        ("lo_import('/etc/passwd')", "calls lo_import"),
        ("repeat('x', 1000000000)", "calls repeat"),
    ],
)
def test_what_may_reach_outside_of_the_row_is_refused_by_name(sql: str, named: str) -> None:
    assert named in refusal(sql)


def test_a_body_of_the_api_with_such_a_default_is_refused_with_its_place() -> None:
    mapping = document("pg_read_file('/etc/passwd')")
    asked = RunRequest.model_validate({"sources": ["a.db"], "options": {"mapping": mapping}})
    with pytest.raises(MappingFileError, match=r"calls pg_read_file.*table t, column c"):
        asked.run_options(Mode.MIGRATE, (), "")


def test_a_mapping_file_of_the_command_line_may_say_it() -> None:
    assert read_mapping(document("pg_sleep(60)::text"), "m.toml").tables[0].columns[0].default
