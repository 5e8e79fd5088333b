from __future__ import annotations

import io

import pytest
from rich.console import Console

from migration.report.report_builder import assemble
from migration.report.run_facts import Facts
from migration.report.terminal_report import TABLES_SHOWN, print_report
from tests.unit.report import factories, scenarios
from tests.unit.report.test_html_report import SCENARIOS


def printed(facts: Facts, width: int = 100) -> str:
    out = io.StringIO()
    print_report(assemble(facts), Console(file=out, width=width, force_terminal=False))
    return out.getvalue()


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("width", [40, 100])
def test_verdict_is_the_first_line(scenario: str, width: int):
    facts = SCENARIOS[scenario]()
    first = printed(facts, width).strip().splitlines()[0]
    assert first[2:] in assemble(facts).verdict.headline


def test_summary_of_a_clean_run_tells_what_and_where():
    text = printed(scenarios.school_facts())
    assert "✔ Proved: 301,337 rows in 11 tables are equal on both sides." in text
    assert "question_history   184,310   184,310" in text
    assert "Schema: 33 of 33 objects came along as they were" in text
    assert f"target  {factories.TARGET}, schema public" in text
    assert f"migration-cli rollback {factories.RUN_ID}" in text


def test_commands_are_not_broken_into_lines():
    text = printed(scenarios.troubled_facts(), width=60)
    assert (
        'SELECT c.* FROM "public"."user_note" c WHERE c."user_id" IS NOT NULL AND NOT EXISTS'
        ' (SELECT FROM "public"."users" p WHERE p."id" = c."user_id");' in text
    )


def test_trouble_is_shown_however_many_tables_there_are():
    facts = scenarios.many_facts(300)
    odd = factories.table_facts("the_odd_one", 10, rows_loaded=9, rows_target=9, rows_quarantined=1)
    facts = factories.replace(facts, tables=(*facts.tables, odd))
    text = printed(facts)
    assert "the_odd_one" in text
    assert f"… and {301 - TABLES_SHOWN} more tables without trouble" in text


def test_markup_and_escapes_in_names_are_printed_as_they_are():
    facts = scenarios.school_facts(tables=(factories.table_facts("[red]x[/red]\x1b[2J"),))
    text = printed(facts)
    assert "[red]x[/red]\\x1b[2J" in text
    assert "\x1b" not in text


def test_failed_run_names_what_gave_up_and_how_to_resume():
    text = printed(scenarios.failed_facts())
    assert "copying question_history, chunk 3, after 5 attempts (last on copy@node2)" in text
    assert f"migration-cli resume {factories.RUN_ID}" in text


def test_each_transform_has_a_line_with_its_count_and_columns():
    changed = {"name": {"empty_to_null": 1_900}, "score": {"empty_to_null": 3, "number_respelled": 12}}
    table = factories.table_facts(transforms=changed)
    text = printed(scenarios.school_facts(tables=(table,)))
    assert "Values written in another way: 1,915" in text
    assert "empty_to_null 1,903: users.name, users.score" in text
    assert "number_respelled 12: users.score" in text
