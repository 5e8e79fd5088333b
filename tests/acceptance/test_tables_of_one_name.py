"""A run of several sources with tables of one name: whatever is said of a table says of which source it is."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from rich.console import Console

from migration.ledger.run_records import RunRecord, create_run
from migration.mapping_file.mapping_file_reader import read_mapping
from migration.mapping_file_model import OnConflict
from migration.model import FindingKind, IfExists, Mode, OnError, Phase, Source
from migration.report.html_report import render_html
from migration.report.junit_report import render_junit
from migration.report.quarantine_export import export_quarantine
from migration.report.report_builder import build_report
from migration.report.report_model import FindingReport, Report
from migration.report.terminal_report import print_report
from migration.run_options import RunOptions
from tests.support.direct import Direct, quiet_steps

TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, note TEXT, code INTEGER);
CREATE INDEX users_note ON users (note);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id));
INSERT INTO users (id, name, note, code) VALUES (1, 'Ada', 'fine', 1), (2, 'Bob', 'well', 2);
INSERT INTO orders VALUES (1, 1), (2, 2);
"""
TROUBLE = """
INSERT INTO users (id, name, note) VALUES (3, CAST(x'ff' AS TEXT), 'no text'), (4, 'Cyd' || char(0), 'a loss');
INSERT INTO orders VALUES (3, 99);
CREATE TRIGGER users_log AFTER INSERT ON users BEGIN DELETE FROM orders WHERE id < 0; END;
CREATE VIEW odd AS SELECT id, sqlite_version() AS version FROM users;
UPDATE sqlite_sequence SET seq = 9223372036854775807 WHERE name = 'users';
"""
LONG = """
WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
SELECT group_concat(hex(randomblob(16)), '') FROM n
"""
"""Longer than an entry of an index may be, however well it is compressed."""


@dataclass(frozen=True)
class Tenants:
    """Databases with tables of the same names, of which the first has all the trouble."""

    direct: Direct
    sources: tuple[Source, ...]

    def run(self, **options: Any) -> RunRecord:
        """Run them together, each into its own schema unless asked otherwise."""
        chosen: dict[str, Any] = {"sources": self.sources, "schema_per_source": True, **options}
        with quiet_steps():
            return self.direct.finish(create_run(self.direct.ledger, RunOptions(**chosen)))

    def report(self, **options: Any) -> Report:
        """Run them to a good end, and return what is reported."""
        report = build_report(self.direct.ledger, self.run(**options).id)
        assert report.error is None
        return report

    @property
    def labels(self) -> list[str]:
        """The labels, that of trouble first."""
        return [source.label for source in self.sources]


def make(path: Path, *scripts: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for script in scripts:
            connection.executescript(script)


@pytest.fixture
def tenants(direct: Direct, tmp_path: Path, request: pytest.FixtureRequest) -> Tenants:
    number = abs(hash(request.node.nodeid)) % 10**8
    labels = [f"{name}_{number}" for name in ("north", "south")]
    make(tmp_path / "north.db", TABLES, TROUBLE, f"UPDATE users SET note = ({LONG}) WHERE id = 1")
    make(tmp_path / "south.db", TABLES)
    sources = [Source(label, str(tmp_path / f"{label.partition('_')[0]}.db")) for label in labels]
    return Tenants(direct, tuple(sources))


def kinds(report: Report, source: str) -> set[FindingKind]:
    return {finding.kind for finding in (*report.findings, *report.accepted) if finding.source == source}


def on_terminal(report: Report) -> str:
    out = io.StringIO()
    print_report(report, Console(file=out, width=1_000))
    return out.getvalue()


def lossy(report: Report) -> list[FindingReport]:
    found = (*report.findings, *report.accepted)
    return [finding for finding in found if finding.kind is FindingKind.LOSSY_VALUE]


def test_each_kind_of_trouble_names_its_source_and_the_other_is_clean(
    tenants: Tenants, tmp_path: Path
) -> None:
    north, south = tenants.labels
    report = tenants.report()
    assert report.status is Phase.COMPLETED_WITH_FINDINGS, report.error
    assert kinds(report, north) == {
        FindingKind.LOSSY_VALUE,
        FindingKind.ORPHAN_ROWS,
        FindingKind.MISSING_CONSTRAINT,
        FindingKind.SKIPPED_OBJECT,
        FindingKind.SEQUENCE,
        FindingKind.FIRST_WRITE_FAILS,
    }
    assert kinds(report, south) == kinds(report, "") == set()
    assert {(f.source, f.table) for f in report.findings} == {
        (north, "users"),
        (north, "orders"),
        (north, north),
    }
    assert {sample.source for sample in report.quarantine.sample} == {north}

    told = on_terminal(report)
    findings = told[told.index("Findings:") : told.index("Schema:")]
    for place in (".users.name", ".orders", ".users", ": trigger users_log", ": view odd"):
        assert f" {north}{place}" in findings, findings
    assert south not in findings
    assert f"({north}.users.name)" in report.verdict.headline
    assert f"{north}.users.name" in told[told.index("Quarantine:") : told.index("Findings:")]
    advice = told[told.index("What I would do") : told.index("Where things are")]
    assert f"Values of {north}.users.name cannot" in advice
    assert f"[sources.{north}.tables.users.columns.name]" in advice
    assert f"The next value of {north}.users is" in advice
    assert f"users_log ({north})" in advice

    page = render_html(report)
    assert f'<td class="name">{north}.users.name</td>' in page
    assert f'<td class="name">{north}.orders</td>' in page
    assert f"{south}.users" not in page[page.index('id="findings"') :].partition("</section>")[0]

    failed = {suite.get("name"): suite.get("failures") for suite in ET.fromstring(render_junit(report))}  # noqa: S314
    assert failed[f"{south}.users"] == failed[f"{south}.orders"] == "0"
    assert int(failed[f"{north}.users"] or 0) > 0
    assert int(failed[f"{north}.orders"] or 0) > 0

    rows = tmp_path / "rows.jsonl"
    export_quarantine(tenants.direct.ledger, report.run_id, rows, [f"{south}.users"])
    assert rows.read_text() == ""
    export_quarantine(tenants.direct.ledger, report.run_id, rows, [f"{north}.users"])
    assert [msgspec.json.decode(line)["source"] for line in rows.read_text().splitlines()] == [north]


def test_a_run_of_one_source_is_told_as_ever(tenants: Tenants) -> None:
    (north, _) = tenants.labels
    report = tenants.report(
        sources=tenants.sources[:1], schema_per_source=False, target_schema=f"{north}_alone"
    )
    assert {finding.source for finding in report.findings} == {north}
    assert "values of 1 column cannot be had back (users.name)" in report.verdict.headline
    told = on_terminal(report)
    assert f"{north}.users" not in told[: told.index("Where things are")]
    assert "[tables.users.columns.name]" in told


@pytest.mark.parametrize("change", ["UPDATE", "INSERT", "DELETE"])
def test_a_comparison_names_the_source_of_rows_that_differ(tenants: Tenants, change: str) -> None:
    north, south = tenants.labels
    tenants.run(accept=("nul_stripped",))
    statements = {
        "UPDATE": f"UPDATE {south}.users SET name = 'Bert' WHERE id = 2",
        "INSERT": f"INSERT INTO {south}.users (id, name) VALUES (9, 'Eve')",
        "DELETE": f"DELETE FROM {south}.orders; DELETE FROM {south}.users WHERE id = 2",
    }
    tenants.direct.query(statements[change])
    report = tenants.report(mode=Mode.VALIDATE)
    rows = {FindingKind.MISSING_ROW, FindingKind.EXTRA_ROW, FindingKind.DIFFERING_ROW}
    differing = {(finding.source, finding.table) for finding in report.findings if finding.kind in rows}
    assert (south, "users") in differing
    assert {source for source, _ in differing} <= {south} | ({north} if change == "DELETE" else set())
    assert f" {south}.users" in on_terminal(report)
    equal = {(table.source, table.name): table.equal for table in report.tables}
    assert equal[south, "users"] is False


def test_a_step_that_fails_names_its_source(tenants: Tenants) -> None:
    north, south = tenants.labels
    run = tenants.run(on_error=OnError.ABORT)
    assert run.phase is Phase.FAILED
    assert f"source {north}, table users" in (run.error or "")
    assert south not in (run.error or "")
    report = build_report(tenants.direct.ledger, run.id)
    assert {(step.source, step.table) for step in report.failed_steps} == {(north, "users")}
    assert f"copying {north}.users, chunk 0" in on_terminal(report)
    assert report.error_details is not None
    assert (report.error_details.source, report.error_details.table) == (north, "users")
    told = tenants.direct.query(
        f"SELECT data #>> '{{error_details,source}}' FROM convoy.events WHERE run_id = '{run.id}'"
        " AND kind IN ('step_failed', 'failed')"
    )
    assert set(told) == {(north,)}


def test_tables_of_one_source_name_in_one_schema_are_told_apart(tenants: Tenants) -> None:
    """A mapping file gives them other names in the target; in the sources both are `users`."""
    north, south = tenants.labels
    wanted = {
        label: {"tables": {table: {"rename": f"{table}_{label}"} for table in ("users", "orders")}}
        for label in tenants.labels
    }
    mapping = read_mapping({"sources": wanted}, "m.toml")
    report = tenants.report(schema_per_source=False, target_schema=f"{north}_both", mapping=mapping)
    assert report.status is Phase.COMPLETED_WITH_FINDINGS, report.error
    assert kinds(report, south) == kinds(report, "") == set()
    assert FindingKind.MISSING_CONSTRAINT in kinds(report, north)
    assert all(table.schema_checked for table in report.tables)


def both_lose(tenants: Tenants) -> Tenants:
    for source in tenants.sources:
        make(Path(source.location), "UPDATE users SET name = 'D' || char(0) WHERE id = 1")
    return tenants


@pytest.mark.parametrize("mode", [Mode.DRY_RUN, Mode.MIGRATE, Mode.VALIDATE])
def test_a_signature_with_a_source_signs_for_that_alone(tenants: Tenants, mode: Mode) -> None:
    north, south = both_lose(tenants).labels
    signed = {"accept": (f"{south}.Users.name:nul_stripped",), "accepted_by": "Ada"}
    if mode is Mode.VALIDATE:
        tenants.run()
    report = tenants.report(mode=mode, **signed)
    by = {finding.source: finding.accepted_by for finding in lossy(report)}
    assert by == {north: "", south: "Ada"}
    assert mode is not Mode.MIGRATE or f"({north}.users.name)" in report.verdict.headline


def test_a_signature_without_a_source_signs_for_all_tables_of_the_name(tenants: Tenants) -> None:
    north, south = both_lose(tenants).labels
    report = tenants.report(mode=Mode.DRY_RUN, accept=("users.name:nul_stripped",), accepted_by="Ada")
    assert {finding.source: finding.accepted_by for finding in lossy(report)} == {north: "Ada", south: "Ada"}


def test_a_mapping_file_signs_for_the_sources_that_it_names(tenants: Tenants) -> None:
    north, south = both_lose(tenants).labels
    tables = {"users": {"columns": {"name": {"nul": "strip"}}}}
    mapping = read_mapping({"sources": {north: {"tables": tables}}}, "m.toml")
    report = tenants.report(mode=Mode.DRY_RUN, mapping=mapping)
    assert {f.source: f.accepted_by for f in lossy(report)} == {north: "the mapping file m.toml", south: ""}


def test_a_signature_for_a_column_that_the_source_has_not_is_refused(tenants: Tenants) -> None:
    _, south = tenants.labels
    run = tenants.run(mode=Mode.DRY_RUN, accept=(f"{south}.users.nam:nul_stripped",))
    assert run.phase is Phase.FAILED
    assert f"Did you mean {south}.users.name?" in (run.error or "")


def test_an_object_refused_in_one_source_hides_none_of_the_other(tenants: Tenants) -> None:
    """Both have the trigger; the index of one is refused by the server, and that of the other is none."""
    north, south = tenants.labels
    trigger = "CREATE TRIGGER users_log AFTER INSERT ON users BEGIN DELETE FROM orders WHERE id < 0; END;"
    make(Path(tenants.sources[1].location), trigger)
    report = tenants.report(accept=("skipped:trigger",), accepted_by="Ada")
    signed = {(finding.source, finding.loss) for finding in report.accepted}
    assert signed == {(north, "skipped:trigger"), (south, "skipped:trigger")}
    assert FindingKind.MISSING_CONSTRAINT not in kinds(report, south)


def test_rows_of_an_application_are_told_with_their_source(tenants: Tenants) -> None:
    north, south = tenants.labels
    for label in tenants.labels:
        tenants.direct.query(
            f"CREATE SCHEMA {label};"
            f"CREATE TABLE {label}.users (id integer PRIMARY KEY, name text, note text, code integer);"
            f"CREATE TABLE {label}.orders (id integer PRIMARY KEY, user_id integer);"
        )
    tenants.direct.query(f"INSERT INTO {south}.users VALUES (1, 'another', 'row', 1)")
    load = {"data_only": True, "if_exists": IfExists.MERGE}
    for mode in (Mode.DRY_RUN, Mode.MIGRATE):
        run = tenants.run(mode=mode, **load)
        assert run.phase is Phase.FAILED
        assert f"{south}.users: 1 (id = 1)" in (run.error or "") or f"schema {south}" in (run.error or "")
    report = tenants.report(**load, on_conflict=OnConflict.TARGET)
    kept = [f for f in lossy(report) if f.loss == "target_row_kept"]
    assert [(f.source, f.table) for f in kept] == [(south, "users")]
    equal = {(t.source, t.name): t.equal for t in report.tables}
    assert equal[north, "users"] is not False


def test_what_an_application_lacks_for_one_source_is_named_with_it(tenants: Tenants) -> None:
    north, south = tenants.labels
    for label, more in ((north, ""), (south, ", name text, note text, code integer")):
        tenants.direct.query(
            f"CREATE SCHEMA {label}; CREATE TABLE {label}.users (id integer PRIMARY KEY{more});"
            f"CREATE TABLE {label}.orders (id integer PRIMARY KEY, user_id integer);"
        )
    run = tenants.run(mode=Mode.DRY_RUN, data_only=True)
    assert run.phase is Phase.FAILED
    assert f"--exclude {north}.users.name,{north}.users.note,{north}.users.code" in (run.error or "")


def test_a_wish_of_a_mapping_file_that_cannot_be_is_told_with_its_source(tenants: Tenants) -> None:
    north, south = tenants.labels
    mapping = read_mapping({"sources": {south: {"tables": {"users": {"key": ["code"]}}}}}, "m.toml")
    make(Path(tenants.sources[1].location), "INSERT INTO users (id, code) VALUES (8, NULL)")
    run = tenants.run(mode=Mode.DRY_RUN, mapping=mapping)
    assert run.phase is Phase.FAILED
    assert f"source {south}, table users" in (run.error or "")
    assert north not in (run.error or "")


def test_tables_that_differ_are_named_with_their_sources(tenants: Tenants) -> None:
    _, south = tenants.labels
    chosen = RunOptions(sources=tenants.sources, schema_per_source=True)
    run = tenants.direct.finish(create_run(tenants.direct.ledger, chosen), until=Phase.VALIDATING)
    staged = f"{run.staging_schema}_2.users"
    tenants.direct.query(
        f"ALTER TABLE {staged} DISABLE TRIGGER USER; UPDATE {staged} SET name = 'Eve' WHERE id = 2"
    )
    with quiet_steps():
        run = tenants.direct.finish(run.id)
    assert run.phase is Phase.FAILED
    assert f"Source and target differ in {south}.users" in (run.error or "")
    report = build_report(tenants.direct.ledger, run.id)
    assert [(f.source, f.table) for f in report.findings if f.kind is FindingKind.DIFFERING_ROW] == [
        (south, "users")
    ]


def test_a_rollback_keeps_a_line_for_each_source(tenants: Tenants) -> None:
    from migration.steps.run_rollback import roll_back_run

    run = tenants.run()
    result = roll_back_run(tenants.direct.ledger, run.id)
    tables = {(item.owner, item.name) for item in result.objects if item.kind == "table"}
    assert tables == {(label, name) for label in tenants.labels for name in ("users", "orders")}
