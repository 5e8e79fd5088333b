from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from migration.mapping_file_model import OnOrphan
from migration.model import FindingKind, ObjectState, Phase
from migration.report.object_advice import object_advice, orphan_choice, orphan_loss, orphan_query
from migration.report.quarantine_advice import QUARANTINE_ADVICE, advice_for
from migration.report.report_builder import assemble
from migration.report.report_model import (
    ColumnReport,
    FindingReport,
    ObjectReport,
    Report,
    TableReport,
    TransformReport,
    Urgency,
)
from migration.report.run_facts import ForeignKeyFacts
from migration.run_options import RunOptions
from migration.schema_translation.table_selection import KEEPS_BOOK, LEFT_OUT
from tests.unit.report import factories, scenarios


def titles(report: Report) -> list[str]:
    return [advice.title for advice in report.recommendations]


# The reasons as mapping/rules gives them.
@pytest.mark.parametrize(
    ("reason", "title"),
    [
        ("text is not valid UTF-8", "Repair text that is not UTF-8"),
        ("blob is not valid UTF-8 text", "Repair text that is not UTF-8"),
        ("text holds the character NUL", "Decide what NUL characters mean"),
        (
            "text is not JSON that PostgreSQL accepts: x",
            "Repair or release the JSON that PostgreSQL does not take",
        ),
        ("text is neither true nor false", "Say what the odd truth values mean"),
        ("number is neither 0 nor 1", "Say what the odd truth values mean"),
        ("trailing blanks are lost in char(8)", "Keep trailing blanks, or let them go"),
        ("there is no such date and time", "Correct dates that no calendar has"),
        ("date is outside the years 1 to 9999", "Correct dates that no calendar has"),
        ("text is longer than 40 characters", "Shorten the text, or widen the column"),
        ("number does not fit 16 bits", "Widen the column, or correct numbers out of range"),
        ("number is beyond the range of numeric", "Widen the column, or correct numbers out of range"),
        ("number has more than 2 decimal places", "Give exact numbers a type that keeps them exact"),
        ("seconds have more than 3 decimal places", "Keep the fractions of seconds, or let them go"),
        (
            'new row for relation "date" violates check constraint "bool"',
            "Satisfy the constraints of the application's tables",
        ),
        (
            'invalid input value for enum mood: "json"',
            "Satisfy the constraints of the application's tables",
        ),
        ("number is not exact as a double", "Give exact numbers a type that keeps them exact"),
        ("number is not finite", "Decide what infinity means"),
        ("text is not a number", "Correct values of another kind than their column"),
        ("text value in a column of type date", "Correct values of another kind than their column"),
        ("blob value in a column of type jsonb", "Correct values of another kind than their column"),
        ("integer value in a column of type boolean", "Correct values of another kind than their column"),
        (
            "real value in a column of type timestamp without time zone",
            "Say what the numbers in columns of times count",
        ),
        ("no parent row in null_dates has this key", "Find the parents of orphan rows"),
        ('insert violates foreign key constraint "date_fkey"', "Find the parents of orphan rows"),
        ("something new", "Look at the quarantined values"),
    ],
)
def test_each_reason_of_quarantine_has_its_advice(reason: str, title: str):
    assert advice_for(reason).title == title


def test_clean_run_is_left_in_peace():
    report = assemble(scenarios.school_facts())
    assert all(advice.urgency is not Urgency.MUST for advice in report.recommendations)
    assert "Vacuum before the first heavy load" in titles(report)


def test_advice_comes_in_order_of_urgency():
    order = [Urgency.MUST, Urgency.SHOULD, Urgency.MAY]
    found = [order.index(advice.urgency) for advice in assemble(scenarios.troubled_facts()).recommendations]
    assert found == sorted(found)


def test_what_was_left_out_on_purpose_is_nothing_to_see_to():
    reasons = {
        "asked": LEFT_OUT,
        "migrations": f"TypeORM {KEEPS_BOOK}; 1 only in the source",
        "wide": "PostgreSQL holds at most 1,600 columns",
    }
    objects = [
        ObjectReport(kind="table", name=name, state=ObjectState.SKIPPED, reason=reason)
        for name, reason in reasons.items()
    ]
    (advice,) = object_advice(objects, [])
    assert advice.title == "See to 1 table that did not come along"
    assert advice.detail.startswith("wide.")


def test_troubled_run_gets_advice_for_each_trouble():
    found = titles(assemble(scenarios.troubled_facts()))
    for expected in (
        "Correct dates that no calendar has",
        "Repair text that is not UTF-8",
        "Decide whether the changed values may stay changed",
        "Find the orphan rows, then validate the foreign keys",
        "See to 1 view that did not come along",
        "See to 1 trigger that did not come along",
        "Drop the replaced tables when you are sure, or go back to them",
        "Teach the application the wider types",
        "Look into why work had to be repeated",
    ):
        assert expected in found


@pytest.mark.parametrize("tried", OnOrphan)
def test_dry_run_offers_what_was_not_tried_for_orphan_rows(tried: OnOrphan):
    found = [FindingReport(FindingKind.ORPHAN_ROWS, table, "...") for table in ("book", "page", "book")]
    (advice,) = orphan_choice(found, factories.options(on_orphan=tried))
    assert "Rows of book, page point at parents" in advice.detail
    assert f"This dry-run tried {tried}." in advice.detail
    offered = [line.partition("--on-orphan ")[2].partition(" ")[0] or "not-valid" for line in advice.commands]
    assert sorted(offered) == sorted(choice.value for choice in OnOrphan if choice is not tried)
    assert list(orphan_choice([], factories.options())) == []


def test_references_that_became_null_are_named():
    columns = (ColumnReport("author", "INT", "integer", "", (TransformReport("orphan_to_null", 5),)),)
    table = TableReport("s", "book", "public.book", 5, 5, 0, 5, 1, 1.0, None, None, True, columns)
    (advice,) = orphan_loss([table])
    assert "book.author" in advice.detail
    assert list(orphan_loss([replace(table, columns=())])) == []


def test_orphan_query_takes_composite_keys_and_odd_names():
    key = ForeignKeyFacts("fk", "public", 'od"d', ("a", "B c"), "public", "parent", ("x", "y"))
    assert orphan_query(key) == (
        'SELECT c.* FROM "public"."od""d" c WHERE c."a" IS NOT NULL AND c."B c" IS NOT NULL'
        ' AND NOT EXISTS (SELECT FROM "public"."parent" p WHERE p."x" = c."a" AND p."y" = c."B c");'
    )


def test_failed_run_is_told_to_resume_first():
    (first, *_) = assemble(scenarios.failed_facts()).recommendations
    assert first.commands == (f"migration-cli resume {factories.RUN_ID}",)


def test_skipped_validation_is_made_good_by_validate():
    table = factories.table_facts(equal=None)
    run = factories.run_record(given=factories.options(skip_validation=True))
    (first, *_) = assemble(scenarios.school_facts(run=run, tables=(table,))).recommendations
    assert (first.urgency, first.title) == (Urgency.MUST, "Compare the two sides")
    assert first.commands[0].startswith("migration-cli validate --source")


def test_table_without_a_key_is_named_with_the_statement_that_gives_it_one():
    table = factories.table_facts("log", plan=factories.table_plan("log", key=()))
    report = assemble(scenarios.school_facts(tables=(table,)))
    (advice,) = [a for a in report.recommendations if a.title == "Give log a primary key"]
    assert advice.commands == (
        'ALTER TABLE "public"."log" ADD COLUMN row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;',
    )


def test_tables_of_an_application_are_not_altered_for_a_key():
    table = factories.table_facts("log", plan=factories.table_plan("log", key=()))
    run = factories.run_record(given=factories.options(data_only=True))
    report = assemble(scenarios.school_facts(run=run, tables=(table,)))
    assert not any("primary key" in title for title in titles(report))


def test_names_with_capitals_bring_up_the_identifier_policy():
    plan = factories.table_plan("Users", target_name="Users")
    report = assemble(scenarios.school_facts(tables=(factories.table_facts("Users", plan=plan),)))
    assert "Consider names that need no quotes" in titles(report)


def test_cancelled_run_gets_no_advice_about_tables_that_are_gone():
    report = assemble(scenarios.cancelled_facts())
    assert report.status is Phase.CANCELLED
    assert all("ALTER TABLE" not in line for advice in report.recommendations for line in advice.commands)


def trouble(facts_options: RunOptions, reasons: dict[str, int], column: str = "name") -> Report:
    samples = tuple(factories.sample("users", column, b"x", reason) for reason in reasons)
    return assemble(
        scenarios.school_facts(
            run=factories.run_record(Phase.COMPLETED_WITH_FINDINGS, given=facts_options),
            tables=(factories.table_facts(rows_quarantined=9),),
            quarantined_values=sum(reasons.values()),
            quarantine_reasons=reasons,
            quarantine_sample=samples,
        )
    )


def test_column_that_is_too_narrow_is_widened_where_it_can_be():
    reasons = {"text is longer than 40 characters": 9}
    title = "Shorten the text, or widen the column"
    (own,) = [a for a in trouble(factories.options(), reasons).recommendations if a.title == title]
    assert any(tomllib.loads(line) == MAPPED for line in own.commands if line.startswith("[tables."))
    (loaded,) = [
        a for a in trouble(factories.options(data_only=True), reasons).recommendations if a.title == title
    ]
    assert 'ALTER TABLE "public"."users" ALTER COLUMN "name" TYPE text;' in loaded.commands
    assert f"migration-cli quarantine retry {factories.RUN_ID}" in loaded.commands
    assert not any("--mapping" in word for word in (*loaded.commands, loaded.detail))


MAPPED = {"tables": {"users": {"columns": {"name": {"type": "text"}}}}}


def test_parents_are_looked_for_after_what_kept_them_out():
    orphan = "no parent row in users has this key"
    report = trouble(factories.options(), {orphan: 5, "text is longer than 40 characters": 2})
    found = [a for a in report.recommendations if a.title in QUARANTINE_TITLES]
    assert [a.title for a in found][-1] == "Find the parents of orphan rows"
    assert found[-1].detail.count("First see to the parents that were kept out for another reason") == 1
    (alone,) = [
        a for a in trouble(factories.options(), {orphan: 5}).recommendations if a.title in QUARANTINE_TITLES
    ]
    assert "another reason" not in alone.detail


QUARANTINE_TITLES = {advice.title for advice in QUARANTINE_ADVICE}


@pytest.mark.parametrize(
    ("kept", "told"),
    [(1, "1 table that stood in the way is kept in schema p, and takes up disk"), (2, "take up")],
)
def test_one_replaced_table_takes_up_disk_and_two_take_it(kept: int, told: str):
    (advice,) = [
        a
        for a in assemble(scenarios.school_facts(previous={"p": kept})).recommendations
        if a.title.startswith("Drop the replaced tables")
    ]
    assert told in advice.detail
