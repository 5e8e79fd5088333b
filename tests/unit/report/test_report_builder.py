from __future__ import annotations

from dataclasses import replace

import pytest

from migration.model import Mode, Phase, Source, StorageClass
from migration.report.report_builder import assemble
from migration.report.report_model import TransformReport
from tests.unit.report import factories, scenarios


def test_tables_carry_both_sides_and_the_reasons_of_types():
    table = assemble(scenarios.school_facts()).tables[0]
    assert (table.name, table.target, table.rows_source, table.rows_loaded) == (
        "users",
        "public.users",
        1_200,
        1_200,
    )
    assert table.digest_source == table.digest_target
    assert table.conserved is True
    name, created = table.columns[1], table.columns[3]
    assert (name.declared, name.target_type, name.widened) == ("VARCHAR(40)", "text", True)
    assert name.stored == {StorageClass.TEXT: 1_200}
    assert name.nulls == 3
    assert created.transforms == (TransformReport("epoch_ms_to_timestamptz", 1_200),)


def test_dry_run_loads_nothing_and_forecasts():
    report = assemble(scenarios.dry_run_facts())
    assert report.rows_loaded == 0
    assert report.dry_run is not None
    assert report.dry_run.would_load == 300_128
    assert report.dry_run.would_quarantine == 1_209
    assert report.dry_run.estimated_disk_bytes > report.bytes
    assert report.dry_run.estimated_seconds > report.seconds
    assert report.dry_run.ddl[0].startswith('CREATE TABLE "public"."users"')
    assert report.dry_run.ddl[-1] == 'ALTER TABLE "public"."user_note" ADD PRIMARY KEY ("id")'


def test_estimate_that_the_run_recorded_has_the_last_word():
    facts = scenarios.dry_run_facts(estimate={"estimated_seconds": 7, "estimated_disk_bytes": 8})
    forecast = assemble(facts).dry_run
    assert forecast is not None
    assert (forecast.estimated_seconds, forecast.estimated_disk_bytes) == (7.0, 8)


def test_speed_is_that_of_the_phase_that_moved_the_rows():
    report = assemble(scenarios.school_facts())
    assert report.throughput.rows_per_s == pytest.approx(301_337 / 3.8, abs=1)
    assert report.throughput.bytes_per_s == pytest.approx(301_337 * 96 / 3.8, abs=1)


def test_run_that_failed_before_it_was_planned_still_has_a_report():
    tables = tuple(
        replace(table, plan=None, chunks_done=0, rows_loaded=0, equal=None)
        for table in scenarios.school_facts().tables
    )
    report = assemble(scenarios.failed_facts(tables=tables, phase_changes=(), works=()))
    assert report.tables[0].target == ""
    assert report.tables[0].columns == ()
    assert report.tables[0].conserved is None


def test_hostile_names_and_passwords_do_not_reach_the_report():
    options = factories.options(
        target="postgresql://ada:hunter2@db/app",
        sources=(Source("school", "s3://key:hunter2@bucket/school.db"),),
    )
    facts = scenarios.failed_facts(
        run=factories.run_record(
            Phase.FAILED,
            options,
            error="connection to postgresql://ada:hunter2@db/app failed: password=hunter2",
        ),
        tables=(factories.table_facts("bad\x1b[31m\u202ename"),),
        sources=(replace_location("s3://key:hunter2@bucket/school.db?X-Amz-Signature=hunter2"),),
        findings=(factories.finding("row_count", "users", "at postgresql://ada:hunter2@db/app"),),
    )
    report = assemble(facts)
    assert "hunter2" not in repr(report)
    assert "\x1b" not in repr(report.tables[0].name)
    assert report.target.url == "postgresql://ada:***@db/app"


def replace_location(location: str) -> object:
    (source,) = factories.sources()
    source.location = location
    return source


def test_repeated_command_keeps_what_the_user_asked_for():
    options = factories.options(
        mode=Mode.DRY_RUN,
        sources=(Source("my school", "/data/my school.db"),),
        target_schema="apps",
        tables=("users", "xp_log"),
    )
    report = assemble(scenarios.dry_run_facts(run=factories.run_record(Phase.COMPLETED, options)))
    assert report.next_steps[0].command == (
        "migration-cli migrate --source 'my school=/data/my school.db'"
        f" --target-url {factories.TARGET} --target-schema apps --tables users,xp_log"
    )


def test_reasons_that_differ_in_a_secret_only_are_counted_together():
    facts = scenarios.troubled_facts(quarantine_reasons={"password=a": 1, "password=b": 2})
    assert assemble(facts).quarantine.by_reason == {"password=***": 3}
